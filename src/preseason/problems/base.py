"""What a problem is: what is to be answered about an example, and how answers are scored.

How its answers are shown stands beside it, under the same name: in `report/problems/` for the report and the
model card, in `cli/problems/` for the terminal and the JSON output. n examples, h of them answered by models
that had not seen them, c classes.

Answers are what a problem's models give: `BatchPredictions` of one label each, `BoxPredictions` of what is
found on pictures; a problem is given those of its own kind.
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Ints
from preseason.data.dataset import Dataset, Sample
from preseason.registry import Registry
from preseason.results import Figure

Folds = list[tuple[Ints, Ints]]
"""Pairs of positions: learnt from, validated on; an example is validated at most once."""


Answers_contra = TypeVar("Answers_contra", contravariant=True)


class Problem(Protocol[Answers_contra]):
    """One kind of answer; a file in `preseason.problems` registers it.

    Attributes:
        name: as tasks and records have it.
    """

    name: str

    def check(self, dataset: Dataset, noun: str) -> tuple[str, ...]:
        """Warnings about the labels.

        Raises:
            DataError: nothing can be learnt from them.
        """

    def targets(self, samples: Sequence[Sample], labels: Sequence[str]) -> Ints:
        """What is to be answered about each sample as a number, by which folds are stratified, int64 [n].

        Of a picture with boxes, which are more than a number, it is the rarest class on it.
        """

    def folds(self, targets: Ints, groups: Ints, count: int, seed: int) -> Folds:
        """How n examples are dealt out so that each is answered by a model that had not seen it.

        Args:
            groups: int64 [n]; what shares a number is never parted.
        """

    def measure(self, answers: Answers_contra) -> dict[str, Figure]:
        """All figures of the answers; the first decides, and baselines are of its kind."""

    def sentence(self, figures: dict[str, Figure]) -> str:
        """How good the answers are, with the bounds, for someone who has never met such a figure."""

    def right(self, answers: Answers_contra) -> NDArray[np.bool_]:
        """Which of n answers are right, for comparing two models on the same examples."""

    def values(self, figures: dict[str, Figure]) -> dict[str, Any]:
        """`metrics` of the JSON output and of the model folder; fields are added, never renamed."""

    def figures(self, values: dict[str, Any]) -> dict[str, Figure]:
        """The figures that `values` was given."""


problems = Registry[Problem[Any]]("problem", "preseason.problems")
