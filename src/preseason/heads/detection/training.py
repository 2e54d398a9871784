"""Training of a detection head: AdamW, one cycle, a checkpoint after each epoch, as many as time allows."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch

from preseason.engine.networks import has_bf16
from preseason.heads.decisions import decide, decided
from preseason.heads.detection.crops import Batch, View, batch_of
from preseason.heads.detection.losses import loss
from preseason.heads.detection.network import DetectionHead
from preseason.heads.epochs import run_epochs, take_up, weights_of
from preseason.inference.detection.shape import HeadShape
from preseason.runtime.progress import Progress, Silent
from preseason.runtime.threads import limit_torch

FEWEST_EPOCHS = 8
SEEDING = Lock()
"""Torch has one generator for all threads: what is drawn from it is drawn by one at a time."""
WITH_BOXES = 0.7
"""Share of the tiles drawn from a picture with boxes that bear one."""


@dataclass(frozen=True)
class DetectionTraining:
    """How to descend.

    Attributes:
        side: of a crop, in pixels.
        seconds: that all epochs may take; None for as long as they take.
        elapsed_s: seconds of the whole fit until this training.
        threads: of torch; None for as many as there are.
    """

    epochs: int = 100
    batch_size: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    side: int = 416
    seconds: float | None = None
    elapsed_s: float = 0.0
    threads: int | None = None
    seed: int = 0
    device: str = "cpu"
    checkpoint: Path | None = None
    progress: Progress = field(default_factory=Silent)
    stage: str = "training"


def train(pictures: Sequence[Sequence[View]], shape: HeadShape, how: DetectionTraining) -> DetectionHead:
    """A head that was trained on every picture, each epoch on one crop of one of its views."""
    limit_torch(how.threads)
    run = _Run(pictures, shape, how)
    run_epochs(run, how.checkpoint, how.progress, how.stage)
    return run.head.cpu().eval()


class _Run:
    """One training; begins where its checkpoint stopped."""

    def __init__(self, pictures: Sequence[Sequence[View]], shape: HeadShape, how: DetectionTraining) -> None:
        self.pictures, self.shape, self.how = pictures, shape, how
        with SEEDING:
            torch.manual_seed(how.seed)
            head = DetectionHead(shape)
        self.head = head.to(how.device).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(
            self.head.parameters(), how.learning_rate, weight_decay=how.weight_decay, fused=True
        )
        self.halved = has_bf16() if how.device == "cpu" else True
        self.first = len(pictures[0][0].shapes) - len(shape.channels)
        self.epoch = 0
        self.epochs = self._planned()
        total = self.epochs * self._steps() + 1
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            how.learning_rate,
            total_steps=total,
            pct_start=max(2, round(0.15 * total)) / total,
        )
        take_up(how.checkpoint, self._load, lambda: weights_of(self.head), self.head.load_state_dict)

    def is_finished(self) -> bool:
        """Whether all epochs are done."""
        return self.epoch >= self.epochs

    def train_epoch(self) -> dict[str, float]:
        """One crop of each picture; gives the mean loss."""
        self.head.train()
        losses = []
        for batch in self._batches(np.random.default_rng((self.how.seed, self.epoch))):
            losses.append(self._step(batch))
            self.schedule.step()
        self.epoch += 1
        return {"loss": float(torch.stack(losses).mean())}

    def state(self) -> dict[str, Any]:
        """All that the next epoch needs."""
        return {
            "head": self.head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "epoch": self.epoch,
        }

    def _planned(self) -> int:
        """Epochs that are run; what the clock decided of a fit that was begun before stands."""
        how = self.how
        folder = None if how.checkpoint is None else how.checkpoint.parent
        name = "epochs" if how.checkpoint is None else f"epochs of {how.checkpoint.stem}"
        before = decided(folder, name)
        if before is not None:
            return int(before)
        epochs = how.epochs if how.seconds is None else self._affordable(how.seconds)
        decide(folder, name, epochs, how.elapsed_s)
        return epochs

    def _load(self, content: dict[str, Any]) -> None:
        self.head.load_state_dict(content["head"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])
        self.epoch = int(content["epoch"])

    def _steps(self) -> int:
        return max(1, -(-len(self.pictures) // self.how.batch_size))

    def _affordable(self, seconds: float) -> int:
        """Epochs that fit into `seconds`, from trial steps whose gradients are dropped."""
        rng, times = np.random.default_rng(self.how.seed), []
        before = {name: value.clone() for name, value in self.head.state_dict().items()}
        for batch, _ in zip(self._batches(rng), range(4), strict=False):
            begin = time.monotonic()
            self._gradients(batch)
            times.append(time.monotonic() - begin)
        self.head.load_state_dict(before)
        self.optimizer.zero_grad()
        epoch_s = float(np.median(times)) * self._steps()
        return min(max(int(seconds / max(epoch_s, 1e-6)), FEWEST_EPOCHS), self.how.epochs)

    def _batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        order = rng.permutation(len(self.pictures))
        for start in range(0, len(order), self.how.batch_size):
            chosen = [self.pictures[i] for i in order[start : start + self.how.batch_size]]
            views = [_drawn(of, rng) for of in chosen]
            yield batch_of(views, self.how.side, self.first, self.shape.classes, self.shape.stride, rng)

    def _gradients(self, batch: Batch) -> torch.Tensor:
        """Those of the batch; gives its loss."""
        device = self.how.device
        maps = [m.to(device).float().contiguous(memory_format=torch.channels_last) for m in batch.maps]
        with torch.autocast(device, torch.bfloat16, enabled=self.halved):
            answers = self.head(maps)
        rest = (part.to(device) for part in (batch.heat, batch.edges, batch.weight, batch.counts))
        found = loss(answers.float(), *rest)
        self.optimizer.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        return found.detach()

    def _step(self, batch: Batch) -> torch.Tensor:
        loss = self._gradients(batch)
        torch.nn.utils.clip_grad_norm_(self.head.parameters(), 10.0)
        self.optimizer.step()
        return loss


def _drawn(looks: Sequence[View], rng: np.random.Generator) -> View:
    """One of a picture's looks; of tiles with and without boxes mostly one with."""
    full = [view for view in looks if len(view.boxes)]
    if 0 < len(full) < len(looks) and rng.random() < WITH_BOXES:
        looks = full
    return looks[int(rng.integers(len(looks)))]
