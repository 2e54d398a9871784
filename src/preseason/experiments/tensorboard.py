"""Fits as event files for TensorBoard."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from preseason.errors.packages import require
from preseason.experiments.base import path_of, trackers
from preseason.runtime.callbacks import Callback

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

USUAL = "runs"
"""The folder that `tensorboard --logdir` is given in most projects."""


class TensorBoard(Callback):
    """Writes each fit to a folder of its own, `FOLDER/NAME-DATE`; `tensorboard --logdir FOLDER` shows them.

    Args:
        folder: in which the folders of the fits lie.

    Attributes:
        written: the folder of the last fit; None before the first.

    Raises:
        MissingPackageError: the extra `tensorboard` is not installed.
    """

    def __init__(self, folder: str | Path = USUAL) -> None:
        require("A log for TensorBoard", "tensorboard")
        self.folder = Path(folder)
        self.written: Path | None = None
        self._writer: SummaryWriter | None = None

    def fit_started(self, name: str, settings: Mapping[str, Any]) -> None:
        """A new folder, with the settings as a text."""
        from torch.utils.tensorboard import SummaryWriter

        self.written = _free(self.folder / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")
        self._writer = SummaryWriter(str(self.written))
        shown = json.dumps(dict(settings), indent=2, default=str)
        self._writer.add_text("settings", f"```json\n{shown}\n```")

    def stage_finished(self, stage: str, seconds: float) -> None:
        """How long it took."""
        self._open().add_scalar(path_of(stage, "seconds"), seconds)

    def epoch_finished(self, stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """A point of each curve."""
        for name, value in metrics.items():
            self._open().add_scalar(path_of(stage, name), value, epoch)

    def metrics_found(self, metrics: Mapping[str, float]) -> None:
        """A single point of each."""
        for name, value in metrics.items():
            self._open().add_scalar(name, value)

    def picture_made(self, name: str, picture: NDArray[np.uint8]) -> None:
        """Under the tab Images."""
        self._open().add_image(name, picture, dataformats="HWC")

    def fit_finished(self, folder: Path | None) -> None:
        """The files are complete."""
        self._close()

    def fit_failed(self, error: BaseException) -> None:
        """What was found until then is kept."""
        self._close()

    def _open(self) -> "SummaryWriter":
        assert self._writer is not None, "fit_started comes first"
        return self._writer

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _free(folder: Path) -> Path:
    """The folder, or the next of that name that no other fit of the same second has."""
    names = [folder, *(folder.with_name(f"{folder.name}-{number}") for number in range(2, 1000))]
    return next(each for each in names if not each.exists())


trackers.add("tensorboard", lambda place: TensorBoard(place or USUAL))
