"""What watches a fit: callbacks that are told of stages, epochs, figures and pictures as they come."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from preseason.runtime.progress import Progress


class Callback:
    """Told what happens in a fit; inherit from it and define the methods you need, the others do nothing.

    All calls come from the thread that called `fit`, in the process that leads where there are several. What
    a callback raises ends the fit; a run of the same command goes on from the last finished epoch.

    Example:
        class Losses(preseason.Callback):
            def epoch_finished(self, stage, epoch, metrics):
                print(stage, epoch, metrics["loss"])
    """

    def fit_started(self, name: str, settings: Mapping[str, Any]) -> None:
        """A fit begins.

        Args:
            name: of the model folder, or of the data where none is written.
            settings: every setting of the recipe, as plain values.
        """

    def stage_started(self, stage: str) -> None:
        """A stage begins, perhaps within another one, e.g. "training: attention, 1 of 4"."""

    def stage_finished(self, stage: str, seconds: float) -> None:
        """The innermost stage is over, after so many seconds."""

    def epoch_finished(self, stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch of gradient training is over.

        Args:
            epoch: counted from 1; of a language model, the steps taken.
            metrics: `loss`, the mean over the epoch of what is minimised, and `validation_loss`, as far as
                they are known.
        """

    def metrics_found(self, metrics: Mapping[str, float]) -> None:
        """Figures by name: a candidate's accuracy once it is fitted, and at the end those of the model."""

    def picture_made(self, name: str, picture: NDArray[np.uint8]) -> None:
        """A picture, RGB [h, w, 3], e.g. of the confusions or of a mistake."""

    def fit_finished(self, folder: Path | None) -> None:
        """The fit is over; `folder` holds the model, with its report, where one was written."""

    def fit_failed(self, error: BaseException) -> None:
        """The fit ends with `error`, which is raised after all callbacks were told."""


@runtime_checkable
class Telling(Progress, Protocol):
    """A progress that passes figures on."""

    def epoch(self, stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch of `stage` is over."""

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """Figures by name."""


def tell_epoch(progress: Progress, stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
    """Tell whoever watches that an epoch is over; nothing where nobody does."""
    if isinstance(progress, Telling):
        progress.epoch(stage, epoch, metrics)


def tell_metrics(progress: Progress, metrics: Mapping[str, float]) -> None:
    """Tell whoever watches of figures; nothing where nobody does."""
    if isinstance(progress, Telling):
        progress.metrics(metrics)


@dataclass
class Watched:
    """A progress that tells callbacks of everything that it is told."""

    progress: Progress
    callbacks: Sequence[Callback]
    running: list[tuple[str, float]] = field(default_factory=list)

    def start(self, stage: str, total: int) -> None:
        """A stage begins, inside the one that runs."""
        self.running.append((stage, time.monotonic()))
        self.progress.start(stage, total)
        for each in self.callbacks:
            each.stage_started(stage)

    def advance(self, steps: int = 1) -> None:
        """`steps` more are done."""
        self.progress.advance(steps)

    def finish(self) -> None:
        """The innermost stage is over."""
        self.progress.finish()
        if self.running:
            stage, begin = self.running.pop()
            for each in self.callbacks:
                each.stage_finished(stage, time.monotonic() - begin)

    def say(self, line: str) -> None:
        """A line for the user alone."""
        self.progress.say(line)

    def epoch(self, stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch is over."""
        for each in self.callbacks:
            each.epoch_finished(stage, epoch, metrics)

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """Figures by name."""
        for each in self.callbacks:
            each.metrics_found(metrics)

    def picture(self, name: str, picture: NDArray[np.uint8]) -> None:
        """A picture, uint8 RGB [h, w, 3]."""
        for each in self.callbacks:
            each.picture_made(name, picture)

    @contextmanager
    def fit(self, name: str, settings: Mapping[str, Any], folder: Path | None) -> Iterator[None]:
        """The whole of a fit: its begin, and how it ends."""
        try:
            for each in self.callbacks:
                each.fit_started(name, settings)
            yield
            for each in self.callbacks:
                each.fit_finished(folder)
        except BaseException as error:
            for each in self.callbacks:
                each.fit_failed(error)
            raise
