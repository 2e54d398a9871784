"""Which pictures to draw boxes on next: those on which a finder expects to be wrong most often.

Scores are calibrated, so a box of 80 % that counts is a ghost with 20 %, and one of 30 % that does not count
is missed with 30 %; the sum over a picture is the number of errors to be expected among what was seen there.
What was not seen at all, not even faintly, is not in it. Of pictures that show the same things in the same
places one is taken, as of other examples (`evaluation/choosing.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from preseason.arrays.types import Floats
from preseason.data.dataset import Skipped
from preseason.data.given import Inputs, one_by_one
from preseason.errors import DataError, UsageError
from preseason.evaluation.choosing import choose_by
from preseason.inference.answers import BoxPredictions
from preseason.models.detector import Detector
from preseason.results import PictureBoxes
from preseason.runtime.progress import Progress, Silent
from preseason.stores.mirror import inputs_here
from preseason.tasks.reading import read_inputs

CELLS = 4
"""Pictures are compared by what lies in so many cells across and down."""


@dataclass(frozen=True)
class PictureToLabel:
    """A picture on which a person should draw boxes.

    Attributes:
        input: the file.
        errors: expected among what was seen: `ghosts` that count and are nothing, and `missed` that do not
            count and are there.
        boxes: what counts as found, to be corrected.
        reason: in words.
    """

    input: str
    errors: float
    ghosts: float
    missed: float
    boxes: PictureBoxes
    reason: str


@dataclass(frozen=True)
class PicturesToLabel:
    """The most telling picture first.

    Attributes:
        looked_at: pictures they were chosen from.
        copies: pictures left out because another one has the same content.
    """

    items: tuple[PictureToLabel, ...]
    looked_at: int
    copies: int
    skipped: tuple[Skipped, ...]


def pictures_to_label(
    model: Detector, *inputs: Inputs, count: int = 20, progress: Progress | None = None
) -> PicturesToLabel:
    """Choose which pictures to draw boxes on next: those with most errors to be expected, unlike one another.

    Args:
        model: the finder so far.
        inputs: files, folders and patterns of pictures.
        count: how many to choose.
        progress: receives progress messages.

    Raises:
        UsageError: no input was given, or `count` is below 1.
        DataError: no picture can be read.
    """
    named = inputs_here(one_by_one(inputs), model.finder.extractors.cache)
    if count < 1 or not named:
        raise UsageError(f"-n {count}: expected 1 or more." if named else "next needs pictures: name some.")
    samples, skipped = read_inputs(named, model.job)
    once = list({sample.fingerprint: sample for sample in reversed(samples)}.values())[::-1]
    answers, failed = model.answers(once, progress or Silent())
    if not answers.samples:
        raise DataError(f"None of the pictures could be read: {'; '.join(s.reason for s in skipped[:3])}.")
    errors = expected_errors(answers)
    chosen = choose_by(errors.sum(1), contents(answers), count)
    shown = {each.input: each for each in _shown(model, [str(answers.samples[i].source) for i in chosen])}
    items = [_item(str(answers.samples[i].source), errors[i], shown) for i in chosen]
    kept = tuple(each for each in items if each is not None)
    return PicturesToLabel(kept, len(answers.samples), len(samples) - len(once), (*skipped, *failed))


def expected_errors(answers: BoxPredictions) -> Floats:
    """Ghosts and missed things to be expected on each picture, float32 [n, 2]."""
    errors = np.zeros((len(answers.samples), 2), np.float32)
    for row, boxes in zip(errors, answers.found, strict=True):
        for box in boxes:
            counts = box.score >= answers.threshold(box.label)
            row[0 if counts else 1] += 1 - box.score if counts else box.score
    return errors


def contents(answers: BoxPredictions) -> Floats:
    """What was seen in which part of each picture, float32 [n, c * CELLS * CELLS], weighed by scores."""
    seen = np.zeros((len(answers.samples), len(answers.labels), CELLS, CELLS), np.float32)
    for picture, boxes in zip(seen, answers.found, strict=True):
        for box in boxes:
            across, down = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
            cell = (min(int(side * CELLS), CELLS - 1) for side in (down, across))
            picture[(answers.labels.index(box.label), *cell)] += box.score
    return seen.reshape(len(seen), -1)


def _shown(model: Detector, inputs: Sequence[str]) -> tuple[PictureBoxes, ...]:
    return model.predict(list(map(Path, inputs))).predictions


def _item(source: str, errors: Floats, shown: dict[str, PictureBoxes]) -> PictureToLabel | None:
    ghosts, missed = (float(value) for value in errors)
    if source not in shown:
        return None
    reason = f"about {ghosts:.1f} of the boxes are none, {missed:.1f} are missed"
    return PictureToLabel(source, ghosts + missed, ghosts, missed, shown[source], reason)
