"""Gradient training of a head or a tail: AdamW, one cycle, early stopping, a checkpoint after each epoch."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.arrays.types import Ints
from preseason.distributed.data_parallel import SingleProcess
from preseason.heads.decisions import decide, decided
from preseason.heads.epochs import run_epochs, take_up, weights_of
from preseason.runtime.progress import Progress
from preseason.runtime.threads import limit_torch

MIN_EPOCHS = 4
"""Fewer are not worth running, however little time is left."""

T = TypeVar("T")

Batch = Callable[[Ints, np.random.Generator], Tensor]
"""Positions of samples and the epoch's random draws to the module's input."""

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class TrainingConfig:
    """How to descend.

    Attributes:
        groups: parameter groups for AdamW, each with its own peak `lr`.
        epochs: the most that are run.
        repeats: how often an epoch goes through all examples; more than once where these are few.
        patience: epochs without a lower validation loss after which to stop.
        label_smoothing: share of the target spread over all classes.
        seconds: time for the whole run; measured first steps decide how many epochs fit into it.
        firm: run the fewest useful epochs even where they do not fit into `seconds`.
        run: the file that is this run's checkpoint; what the clock decides is kept beside it under its name.
    """

    groups: list[dict[str, Any]]
    epochs: int
    batch_size: int
    seed: int
    repeats: int = 1
    weight_decay: float = 1e-4
    patience: int = 4
    label_smoothing: float = 0.0
    seconds: float | None = None
    firm: bool = False
    run: Path | None = None


@dataclass(frozen=True)
class TrainingResult:
    """Epochs run, the best of them (from 1), and the validation loss there (NaN without validation)."""

    epochs: int
    best_epoch: int
    loss: float


class NoTimeError(Exception):
    """Not even the fewest useful epochs fit into the time; the message says how long they would take."""


class Trainer:
    """One training run, which can be broken off after any epoch and taken up again.

    Args:
        module: trained in place, where its tensors lie; ends with the weights of the best epoch.
        targets: int64 [n].
        batch: gives the module's input for positions of samples; where it is bfloat16, and on CUDA, matrices
            are multiplied in that, and weights stay in float32.
        validation: positions whose loss decides when to stop; they are not trained on.
        loss: of the module's output against targets; cross-entropy of logits by default.
        team: workers that take each step together, all with the same arguments; only for the default loss.

    Raises:
        NoTimeError: `config.seconds` is too short.
    """

    def __init__(
        self,
        module: nn.Module,
        targets: Ints,
        batch: Batch,
        config: TrainingConfig,
        validation: Ints | None = None,
        loss: Loss | None = None,
        team: SingleProcess | None = None,
    ) -> None:
        limit_torch()
        self.team = team or SingleProcess()
        self._stepping: nn.Module | None = None
        self.module, self.targets, self.batch, self.config = module, targets, batch, config
        self.device = next(module.parameters()).device
        self.validation, self._given_loss = validation, loss
        everything = np.arange(len(targets))
        self.training = everything if validation is None else np.setdiff1d(everything, validation)
        # One pass over each tensor: a tenth of the time where a head holds 51 million weights.
        self.optimizer = torch.optim.AdamW(config.groups, weight_decay=config.weight_decay, fused=True)
        self.epochs = config.epochs if config.seconds is None else self._decided(config.seconds)
        total = self._steps() * self.epochs + 1
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            [group["lr"] for group in config.groups],
            total_steps=total,
            # OneCycleLR divides by the length of the rise, which must not be 0 steps.
            pct_start=max(2, round(0.2 * total)) / total,
        )
        self.epoch, self.best_epoch, self.best_loss = 0, 0, float("inf")
        self.best: dict[str, Tensor] = {}

    def run(self, checkpoint: Path | None, progress: Progress, stage: str = "training") -> TrainingResult:
        """Train to the end; begins where `checkpoint` stopped, where there is one.

        A finished run's checkpoint stays, so that the same run later costs nothing; its owner deletes it.
        """
        leads = self.team.rank == 0
        take_up(checkpoint, self._load, lambda: weights_of(self.module), self.module.load_state_dict, leads)
        run_epochs(self, checkpoint, progress, stage, leads)
        self.module.load_state_dict(self.best)
        loss = self.best_loss if self.validation is not None else float("nan")
        return TrainingResult(self.epoch, self.best_epoch, loss)

    def _steps(self) -> int:
        return self.config.repeats * max(1, -(-len(self.training) // self.config.batch_size))

    def _decided(self, seconds: float) -> int:
        """Epochs that fit into `seconds`, as they were found before, where this run was begun before."""
        run = self.config.run
        folder, name = (None, "") if run is None else (run.parent, f"epochs {run.name}")
        (before,) = self.team.broadcast([float(decided(folder, name) or 0)])
        if before:
            return min(int(before), self.config.epochs)
        found = self._affordable(seconds)
        if self.team.rank == 0:
            decide(folder, name, found)
        return found

    def _affordable(self, seconds: float) -> int:
        """Epochs that fit into `seconds`, from two trial steps that leave the weights as they are."""
        rng = np.random.default_rng(self.config.seed)
        trial = [chosen for chosen, _ in zip(self._batches(rng), range(3), strict=False)]
        times = []
        # As in training: layers of cuDNN that read in order refuse gradients otherwise.
        train_mode(self.module)
        cuda = self.device.type == "cuda"
        # CUDA's first step loads and chooses its kernels: it tells nothing of those that follow.
        warming_up = trial[:1] if cuda else []
        for chosen in warming_up + trial:
            begin = time.monotonic()
            self._part_loss(self.module, *self._examples(chosen, rng)).backward()  # type: ignore[no-untyped-call]
            self.optimizer.zero_grad()
            if cuda:
                torch.cuda.synchronize(self.device)
            times.append(time.monotonic() - begin)
        times = times[len(warming_up) :]
        (step_s,) = self.team.broadcast([float(np.median(times))])
        epoch_s = step_s * self._steps()
        fewest = min(MIN_EPOCHS, self.config.epochs)
        if fewest * epoch_s > seconds and not self.config.firm:
            raise NoTimeError(f"{fewest} epochs would take {fewest * epoch_s:.0f} s")
        affordable = max(int(seconds / max(epoch_s, 1e-6)), MIN_EPOCHS)
        return min(affordable, self.config.epochs)

    def _part_loss(self, module: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of this worker's part of a batch, weighed so that the mean over workers is that of all.

        A worker for which nothing is left does one example at weight 0: all must take part.
        """
        weight = 1.0
        if self.team.size > 1:
            mine = self.team.part(np.arange(len(targets)))
            weight = self.team.size * len(mine) / len(targets)
            some = torch.from_numpy(mine if len(mine) else np.zeros(1, np.int64))
            inputs, targets = inputs[some], targets[some]
        logits, targets = self._answers(module, inputs, targets)
        if self._given_loss is not None:
            return self._given_loss(logits, targets)
        return weight * functional.cross_entropy(logits, targets, label_smoothing=self.config.label_smoothing)

    def _examples(self, chosen: Ints, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """A batch's inputs and targets; every worker draws and reads all, so that each draws the same."""
        return self.batch(chosen, rng), torch.from_numpy(self.targets[chosen])

    def _answers(self, module: nn.Module, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The module's output, float32, and the targets, both on its device."""
        inputs = inputs.to(self.device)
        halved = inputs.dtype == torch.bfloat16 or (self.device.type == "cuda" and _cuda_has_bf16())
        with torch.autocast(self.device.type, torch.bfloat16, enabled=halved):
            logits = module(inputs).float()
        return logits, targets.to(self.device)

    def is_finished(self) -> bool:
        """Whether all epochs are done, or the validation loss has not fallen for too long."""
        return self.epoch >= self.epochs or self.epoch - self.best_epoch >= self.config.patience

    def train_epoch(self) -> dict[str, float]:
        """One more epoch; gives the mean loss over its batches, and the validation loss, if any."""
        rng = np.random.default_rng((self.config.seed, self.epoch))
        torch.manual_seed(int(rng.integers(2**31)) + self.team.rank)
        train_mode(self.module)
        losses = []
        for chosen in self._batches(rng):
            losses.append(self._find_gradients(*self._examples(chosen, rng)))
            self.optimizer.step()
            self.schedule.step()
        self.epoch += 1
        (total,) = self.team.all_reduce([float(torch.stack(losses).mean())])
        return {"loss": total / self.team.size} | self._judge()

    def _find_gradients(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Those of all workers' parts, with which all step alike; gives the loss of this worker's."""
        if self._stepping is None:
            self.team.check_step(self.epoch)
            self._stepping = self.team.shared(self.module)
        with self.team.collective():
            loss = self._part_loss(self._stepping, inputs, targets)
        self.optimizer.zero_grad()
        with self.team.collective():
            loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _batches(self, rng: np.random.Generator) -> Iterator[Ints]:
        for _ in range(self.config.repeats):
            order = rng.permutation(self.training)
            for start in range(0, len(order), self.config.batch_size):
                yield order[start : start + self.config.batch_size]

    def _judge(self) -> dict[str, float]:
        """Keep this epoch's weights when they are the best; without validation the last are."""
        loss = -float(self.epoch) if self.validation is None else self._validation_loss()
        if not self.best or loss < self.best_loss or math.isnan(self.best_loss):
            self.best_loss, self.best_epoch = loss, self.epoch
            self.best = weights_of(self.module)
        return {} if self.validation is None else {"validation_loss": loss}

    def _validation_loss(self) -> float:
        assert self.validation is not None
        self.module.eval()
        rng, total = np.random.default_rng(0), 0.0
        with torch.inference_mode():
            for turn, start in enumerate(range(0, len(self.validation), self.config.batch_size)):
                examples = self._examples(self.validation[start : start + self.config.batch_size], rng)
                if turn % self.team.size == self.team.rank:
                    logits, targets = self._answers(self.module, *examples)
                    total += float(functional.cross_entropy(logits, targets, reduction="sum"))
        (total,) = self.team.all_reduce([total])
        return total / max(len(self.validation), 1)

    def state(self) -> dict[str, Any]:
        """All that the next epoch needs."""
        module = self.module.state_dict()
        return {
            "module": module,
            # The same tensors are written once.
            "best": module if self.best_epoch == self.epoch else self.best,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "counts": [self.epoch, self.best_epoch, self.epochs],
            "best_loss": self.best_loss,
        }

    def _load(self, content: dict[str, Any]) -> None:
        best, best_loss, counts = content["best"], float(content["best_loss"]), content["counts"]
        self.module.load_state_dict(best)
        self.module.load_state_dict(content["module"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])
        self.epoch, self.best_epoch, self.epochs = counts
        self.best, self.best_loss = best, best_loss


def _cuda_has_bf16() -> bool:
    """Whether the graphics processor multiplies bf16 by itself."""
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def train_mode(module: nn.Module) -> None:
    """Training mode, except for batch normalisation: its statistics are the pretrained ones."""
    module.train()
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()
