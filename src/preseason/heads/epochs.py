"""Epochs one after the other, a checkpoint after each: what every training that counts in epochs shares."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from preseason.runtime.callbacks import tell_epoch
from preseason.runtime.files import atomic_write
from preseason.runtime.progress import Progress

Weights = TypeVar("Weights")


class EpochRun(Protocol):
    """One training run.

    Attributes:
        epoch: finished epochs.
        epochs: the most that are run.
    """

    epoch: int
    epochs: int

    def train_epoch(self) -> dict[str, float]:
        """One more epoch; gives its loss, and what else was measured."""

    def is_finished(self) -> bool:
        """Whether no further epoch is run."""

    def state(self) -> dict[str, Any]:
        """All that the next epoch needs, as `torch.load` reads it with `weights_only`."""


def run_epochs(
    run: EpochRun, checkpoint: Path | None, progress: Progress, stage: str, writes: bool = True
) -> None:
    """Train to the end, and keep what is finished.

    Args:
        writes: whether this process keeps the checkpoint; of several that train together one does.
    """
    progress.start(stage, run.epochs)
    progress.advance(run.epoch)
    while not run.is_finished():
        metrics = run.train_epoch()
        progress.advance()
        tell_epoch(progress, stage, run.epoch, metrics)
        if checkpoint is not None and writes and not keep(run.state(), checkpoint):
            progress.say(f"Finished epochs cannot be kept in {checkpoint.parent}; training goes on.")
            checkpoint = None
    progress.finish()


def take_up(
    checkpoint: Path | None,
    load: Callable[[dict[str, Any]], None],
    weights: Callable[[], Weights],
    restore: Callable[[Weights], Any],
    writes: bool = True,
) -> bool:
    """Take up a run; a file that is damaged or of another version is thrown away.

    Args:
        load: takes the content, which lies on the CPU: beside the module and its optimizer a second
            copy might not fit on a GPU.
        weights, restore: a copy of the weights, and what brings them back where `load` fails half-way.
        writes: whether this process deletes such a file.

    Returns:
        Whether there was one.
    """
    if checkpoint is None or not checkpoint.exists():
        return False
    fresh = weights()
    try:
        load(torch.load(checkpoint, map_location="cpu", weights_only=True))
    except torch.OutOfMemoryError:
        raise
    except Exception:  # whatever the reader of a damaged file stumbles over
        if writes:
            checkpoint.unlink(missing_ok=True)
        restore(fresh)
        return False
    return True


def weights_of(module: nn.Module) -> dict[str, Any]:
    """A copy of a module's tensors, to be brought back by `load_state_dict`."""
    return copy.deepcopy(module.state_dict())


def keep(content: dict[str, Any], checkpoint: Path) -> bool:
    """Write a checkpoint whole or not at all; False where the disk is full or read-only."""
    try:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(checkpoint) as part:
            torch.save(content, part)
    except (OSError, RuntimeError):  # torch gives a RuntimeError on a full disk
        return False
    return True
