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

    def share(self, parts: int) -> float | None:
        """Seconds for the next of so many parts that are left."""
        return None if self.until_s is None else max(1.0, (self.until_s - self.watch.elapsed()) / parts)


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
    for number, (learnt, judged) in enumerate(folds):
        own = replace(
            how,
            seed=how.seed + number,
            device=extractors.device,
            seconds=time.share(len(folds) - number),
            elapsed_s=time.watch.elapsed(),
            checkpoint=None if checkpoints is None else checkpoints / f"boxes-{number}.pt",
            stage=f"{how.stage} {number + 1} of {len(folds)}",
        )
        head = folded(train([looks.views[i] for i in learnt if looks.views[i]], finder.shape, own))
        members.append(head)
        found |= found_on(replace(finder, members=(head,)), looks, judged, own.progress)
    return Crosswise(tuple(members), found)


def found_on(
    finder: Finder, looks: Looks, places: Ints | Sequence[int], progress: Progress
) -> dict[int, Found]:
    """What is found on the pictures at these positions, by position.

    The bank has the maps of whole pictures, but of tiles only those learnt from: there all are seen anew.
    """
    chosen = [int(place) for place in np.asarray(places) if looks.views[place]]
    if not finder.plan.tile:
        return {i: finder.from_maps(looks.views[i][0].maps(), looks.canvases[i]) for i in chosen}
    found: dict[int, Found] = {}
    progress.start("answering tiles", len(chosen))
    for place, each in zip(chosen, finder.find_in([looks.samples[i] for i in chosen]), strict=True):
        progress.advance()
        if isinstance(each, Located):
            found[place] = each.found
    progress.finish()
    return found
