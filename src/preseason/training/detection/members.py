"""Heads trained crosswise, one for each fold, and what each finds on the pictures it had not seen."""

from collections.abc import Callable, Sequence
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
from preseason.runtime.lanes import side_by_side
from preseason.runtime.progress import Progress, Stopwatch
from preseason.runtime.threads import available, limit_torch
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
    waves = _waves(len(folds), 1 if extractors.device != "cpu" else available())
    for place, wave in enumerate(waves):
        own = replace(
            how,
            device=extractors.device,
            seconds=time.share(len(waves) - place, 1 - judging),
            elapsed_s=time.watch.elapsed(),
            threads=max(1, available() // len(wave)),
        )
        pieces = [_piece(looks, finder, folds, own, number, checkpoints) for number in wave]
        heads = side_by_side(pieces, _stage(how.stage, wave, len(folds)), how.progress)
        limit_torch()
        for number, head in zip(wave, heads, strict=True):
            members.append(head)
            single, judged = replace(finder, members=(head,)), folds[number][1]
            drawn = np.random.default_rng(how.seed + number).permutation(judged) if judging else judged
            seconds = time.share(len(folds) - number, judging)
            found |= found_on(single, looks, drawn, how.progress, seconds)
    found = {place: found[place] for place in sorted(found)}
    return Crosswise(tuple(members), found)


def _waves(members: int, lanes: int) -> list[list[int]]:
    """Members that are trained side by side, one wave after the other: a processor each."""
    count = -(-members // lanes)
    return [[int(n) for n in wave] for wave in np.array_split(np.arange(members), count)]


def _piece(
    looks: Looks,
    finder: Finder,
    folds: Folds,
    how: DetectionTraining,
    number: int,
    checkpoints: Path | None,
) -> Callable[[Progress], Arrays]:
    """The training of one member, to be run with a progress of its own."""
    own = replace(
        how,
        seed=how.seed + number,
        checkpoint=None if checkpoints is None else checkpoints / f"boxes-{number}.pt",
        stage=f"{how.stage} {number + 1} of {len(folds)}",
    )
    pictures = [looks.views[i] for i in folds[number][0] if looks.views[i]]
    return lambda progress: folded(train(pictures, finder.shape, replace(own, progress=progress)))


def _stage(name: str, wave: Sequence[int], members: int) -> str:
    """What is shown while a wave is trained."""
    first, last = wave[0] + 1, wave[-1] + 1
    return f"{name} {first} of {members}" if first == last else f"{name}s {first} to {last} of {members}"


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
