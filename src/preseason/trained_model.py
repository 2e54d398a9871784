"""What every fitted model offers, whatever it was fitted for; what else it can do it says itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from preseason.data.dataset import Skipped
from preseason.data.given import Inputs
from preseason.results import Evaluation, Predictions, Update
from preseason.runtime.progress import Progress

CLASSIFIES = "classifies"
"""It names what it is shown, is scored on labelled examples, and takes classes in and lets them go."""
SPOTS = "spots"
"""It finds its classes in long videos."""
FINDS = "finds"
"""It finds things on pictures: boxes with classes."""
TALKS = "talks"
"""It answers in words of its own: `chat` and `conversation`."""
JUDGES = "judges"
"""It tells the perplexity of other texts: `judge`."""


class Record(Protocol):
    """What a fit found, as far as all kinds of models share it."""

    @property
    def task(self) -> str:
        """Name of the job."""

    @property
    def backbone(self) -> str:
        """Name of the pretrained network."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """All settings as plain values."""

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What could not be read."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The worst first."""


class TrainedModel(Protocol):
    """A fitted model; which of its methods do something is in `capabilities`, the others raise UsageError."""

    @property
    def task(self) -> str:
        """Name of the job."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names; none where it has no classes."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What can be asked of it: `CLASSIFIES`, `SPOTS`, `FINDS`, `TALKS`, `JUDGES`."""

    @property
    def record(self) -> Record:
        """What the fit found."""

    def predict(self, *inputs: Inputs, progress: Progress | None = None) -> Predictions:
        """Answers to files, folders and globs, or to texts themselves."""

    def evaluate(
        self,
        data: str | Path,
        progress: Progress | None = None,
        *,
        text: str | None = None,
        label: str | None = None,
        path: str | None = None,
        rename: Sequence[str] = (),
    ) -> Evaluation:
        """How good it is on labelled data."""

    def add(self, name: str, *inputs: Inputs) -> "tuple[TrainedModel, Update]":
        """With a class more."""

    def remove(self, name: str) -> "tuple[TrainedModel, Update]":
        """Without a class."""

    def save(self, folder: str | Path) -> None:
        """Write the model folder."""
