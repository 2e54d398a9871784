"""Heads trained crosswise, one for each fold, and what each finds on the pictures it had not seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from preseason.arrays.types import Ints
from preseason.heads.base import Folds
from preseason.heads.detection.network import folded
from preseason.heads.detection.training import DetectionTraining, train
from preseason.inference.detection.finder import Finder, Located
from preseason.inference.detection.graph import Arrays
from preseason.inference.detection.peaks import Found
from preseason.inference.detection.plan import Plan
from preseason.inference.detection.shape import HeadShape
from preseason.inference.predictor import FeatureExtractors
from preseason.runtime.progress import Progress, Stopwatch
from preseason.training.detection.looks import Looks

JUDGING_SHARE = 0.35
"""Share of the time for judging pictures in tiles, all of which have to be seen by the network for it."""
FEWEST_JUDGED = 4
"""Pictures that each fold judges however long it takes."""


@dataclass(frozen=True)
class Crosswise:
    """What training gave.

    Attributes:
        members: weights of the head of each fold.
        found: by position of a picture, what the head that had not seen it finds there.
    """

    members: tuple[Arrays, ...]
    found: dict[int, Found]


@dataclass(frozen=True)
class Time:
    """How long training may take: seconds since `watch` began; None for as long as it takes."""

    watch: Stopwatch
    until_s: float | None

    def share(self, parts: int, of_part: float = 1.0) -> float | None:
        """Seconds for the next of so many parts that are left, or for a share of it."""
        left = None if self.until_s is None else (self.until_s - self.watch.elapsed()) / parts
        return None if left is None else max(1.0, of_part * left)


def head_shape(looks: Looks, plan: Plan, classes: int) -> HeadShape:
    """How the heads are built for these looks."""
    shapes = next(views[0].shapes for views in looks.views if views)
    return HeadShape(tuple(channels for channels, _, _ in shapes), plan.strides, classes)


def train_crosswise(
    extractors: FeatureExtractors,
    looks: Looks,
    finder: Finder,
    folds: Folds,
    how: DetectionTraining,
    time: Time,
    checkpoints: Path | None,
) -> Crosswise:
    """A head for each fold; those that were finished before are taken from their checkpoints.

    Args:
        finder: without members; tells how heads are applied.
    """
    members: list[Arrays] = []
    found: dict[int, Found] = {}
    judging = JUDGING_SHARE if finder.plan.tile else 0.0
    for number, (learnt, judged) in enumerate(folds):
        own = replace(
            how,
            seed=how.seed + number,
            device=extractors.device,
            seconds=time.share(len(folds) - number, 1 - judging),
            elapsed_s=time.watch.elapsed(),
            checkpoint=None if checkpoints is None else checkpoints / f"boxes-{number}.pt",
            stage=f"{how.stage} {number + 1} of {len(folds)}",
        )
        head = folded(train([looks.views[i] for i in learnt if looks.views[i]], finder.shape, own))
        members.append(head)
        single = replace(finder, members=(head,))
        drawn = np.random.default_rng(own.seed).permutation(judged) if judging else judged
        found |= found_on(single, looks, drawn, own.progress, time.share(len(folds) - number, judging))
    found = {place: found[place] for place in sorted(found)}
    return Crosswise(tuple(members), found)


def found_on(
    finder: Finder,
    looks: Looks,
    places: Ints | Sequence[int],
    progress: Progress,
    seconds: float | None = None,
) -> dict[int, Found]:
    """What is found on the pictures at these positions, by position.

    The bank has the maps of whole pictures, but of tiles only those learnt from: there all are seen anew.

    Args:
        seconds: after which no further picture in tiles is begun; None for as long as it takes.
    """
    chosen = [int(place) for place in np.asarray(places) if looks.views[place]]
    if not finder.plan.tile:
        return {i: finder.from_maps(looks.views[i][0].maps(), looks.canvases[i]) for i in chosen}
    found: dict[int, Found] = {}
    watch = Stopwatch()
    progress.start("judging tiles", len(chosen))
    for place, each in zip(chosen, finder.find_in([looks.samples[i] for i in chosen]), strict=False):
        progress.advance()
        if isinstance(each, Located):
            found[place] = each.found
        if seconds is not None and watch.elapsed() > seconds and len(found) >= FEWEST_JUDGED:
            break
    progress.finish()
    return found
