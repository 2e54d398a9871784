"""Whether an exported model says what the model says: both answer the same photos."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preseason.data.dataset import Sample
from preseason.data.files import Columns
from preseason.data.rows import SUFFIXES
from preseason.errors import DataError
from preseason.exporting.runners.base import runners
from preseason.models.classifier import Model
from preseason.runtime.progress import Progress
from preseason.tasks.reading import fingerprinted, read_inputs, read_labelled


class Judging(Protocol):
    """What answers outside of preseason."""

    def judge(self, content: Any) -> tuple[NDArray[Any], float]:
        """Probabilities [classes] of an example, and how unlike every known example it is."""
        ...


MAX_DIFFERENCE = 0.5
"""Points that an exported model may differ by before it is refused."""


@dataclass(frozen=True)
class Check:
    """What the comparison found.

    Attributes:
        n: examples that both answered.
        drawn: whether they were drawn for the purpose, because none were named.
        same_label: share that got the same label from both.
        same_unknown: share that both or neither called unknown.
        largest: largest difference of a probability.
        accuracy: of the model, and of the exported one; None where they have no labels.
        points: percentage points of difference: of accuracy, or of labels where there is none.
    """

    n: int
    drawn: bool
    same_label: float
    same_unknown: float
    largest: float
    accuracy: tuple[float, float] | None
    points: float


def samples_of(model: Model, data: Sequence[str | Path]) -> list[Sample]:
    """What lies at `data`: with labels where it is one folder or table of the model's labels."""
    if len(data) == 1 and (Path(data[0]).is_dir() or Path(data[0]).suffix.lower() in SUFFIXES):
        with suppress(DataError):  # a table without labels, for instance
            found, _ = read_labelled(model.job, Path(data[0]), Columns(), model.labels)
            if set(found.labels) & set(model.labels):
                return list(fingerprinted(found, model.job)[0])
    return list(read_inputs(tuple(data), model.job)[0])


def compare(
    model: Model, exported: Judging, samples: Sequence[Sample], drawn: bool, progress: Progress
) -> Check:
    """Let both answer `samples`."""
    before, _ = model.answers(samples, progress)
    content_of = runners.get(model.job.modality.name).content
    progress.start("checking the exported model", len(before.samples))
    chances, far = [], []
    for sample in before.samples:
        said, distance = exported.judge(content_of(sample))
        chances.append(said)
        far.append(distance)
        progress.advance()
    progress.finish()
    after = np.array(chances, np.float32).reshape(-1, len(model.labels))
    strange = np.array(far) > model.known.threshold
    same = after.argmax(1) == before.probabilities.argmax(1)
    known = before.targets >= 0
    accuracy = None
    if known.any():
        truth = before.targets[known]
        each = (before.probabilities[known].argmax(1), after[known].argmax(1))
        accuracy = (float((each[0] == truth).mean()), float((each[1] == truth).mean()))
    gone = 1 - float(same.mean()) if accuracy is None else abs(accuracy[0] - accuracy[1])
    return Check(
        len(same),
        drawn,
        float(same.mean()),
        float((strange == (before.distance > model.known.threshold)).mean()),
        float(np.abs(after - before.probabilities).max()),
        accuracy,
        100 * gone,
    )
