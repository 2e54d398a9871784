"""Gradient training of a language model within a time: one cycle, early stopping, checkpoints."""

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from preseason.distributed.data_parallel import SingleProcess, clip, load_optimizer, optimizer_state
from preseason.heads.epochs import keep, take_up
from preseason.language.packing import Blocks
from preseason.language.speed import computing, device_of
from preseason.language.steps import Step, held_out_loss, share_of
from preseason.language.trunk import Trunk
from preseason.language.tuning import Tuning
from preseason.language.vocabulary import Head
from preseason.runtime.callbacks import tell_epoch
from preseason.runtime.progress import Progress

WARM_STEPS = 8
FINAL_RATE = 0.05
INTERVALS = 8
"""How often the held-out part is judged and the state kept, spread over the run."""

CLEARLY = 0.01
"""Nats by which the held-out loss must lie above the lowest to count as risen: less is noise."""
CHECKPOINT_S = 30.0
"""The state is kept at least this often as well."""


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        epochs: the most passes over all blocks.
        batch: blocks in a step.
        seconds: time for the whole run, judgements included.
        patience: intervals in a row with a held-out loss above the lowest by `CLEARLY` after which to stop.
        autocast: compute in this type where it was measured to be faster, None for float32.
    """

    epochs: int
    batch: int
    learning_rate: float
    seconds: float
    seed: int
    patience: int = 2
    autocast: torch.dtype | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What a run did.

    Attributes:
        tokens_per_s: of all workers together, judgements left out.
        curve: (steps, held-out loss) at each interval.
        stopped: why it ended.
        workers: that shared each step at the end.
    """

    steps: int
    best_step: int
    tokens: int
    tokens_per_s: float
    curve: tuple[tuple[int, float], ...]
    stopped: str
    workers: int = 1


class Run:
    """One training run, which can be broken off at any time and taken up at its last checkpoint.

    Args:
        tuning: trained in place; ends with the weights of the best interval.
        learn, held: blocks to learn from and to judge on.
        trunk: what lies below the trained blocks.
        team: workers that take each step together, all with the same arguments. What hangs on time is decided
            by the first of them. Where the others are lost it goes on alone, unless weights are spread.

    Attributes:
        best: the weights of the best interval, whole.
    """

    def __init__(
        self,
        tuning: Tuning,
        head: Head,
        learn: Blocks,
        held: Blocks,
        config: TrainingConfig,
        trunk: Trunk,
        team: SingleProcess | None = None,
    ) -> None:
        self.tuning, self.head, self.learn, self.held, self.config = tuning, head, learn, held, config
        self.trunk, self.team = trunk, team or SingleProcess()
        self.weights = list(tuning.trained().values())
        # Spread weights and whole ones cannot be stepped in one call.
        foreach = False if self.team.sharded else None
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=config.learning_rate, weight_decay=0.01, foreach=foreach
        )
        self.total = config.epochs * self._steps_in_epoch()
        self.step, self.tokens, self.judged, self.best_step = 0, 0, 0, 0
        self.best_loss, self.stepping_s = float("inf"), 0.0
        self._elapsed, self._saved, self._judging_s, self._warned = 0.0, 0.0, 0.0, False
        self._begin = 0.0
        self._module: nn.Module | None = None
        self.best: dict[str, Tensor] = {}
        self.curve: list[tuple[int, float]] = []

    def run(self, checkpoint: Path | None, progress: Progress) -> TrainingResult:
        """Train to the end; begins where `checkpoint` stopped, where there is one.

        Raises:
            WorkersError: another worker died.
        """
        tuning = self.tuning
        if take_up(checkpoint, self._load, tuning.state, tuning.load, self.team.rank == 0):
            progress.say(f"Resuming after {self.step} steps.")
        progress.start("training (thousandths)", 1000)
        self._begin, self._saved = time.monotonic() - self._elapsed, self._elapsed

        shown, stopped = 0, self._over(self._share()) if self.step else ""
        try:
            while not stopped:
                stopped = self._go_on(checkpoint, progress)
                thousandths = int(1000 * min(self._share(), 1))
                progress.advance(thousandths - shown)
                shown = thousandths
        except KeyboardInterrupt:
            if not self.team.sharded:  # all would have to be asked at once
                self._save(checkpoint, progress)
            raise
        progress.finish()
        self.tuning.load(self.best)
        self._save(checkpoint, progress)
        speed = self.tokens / max(self.stepping_s, 1e-9)
        curve, workers = tuple(self.curve), self.team.size
        return TrainingResult(self.step, self.best_step, self.tokens, speed, curve, stopped, workers)

    def _go_on(self, checkpoint: Path | None, progress: Progress) -> str:
        """One more step, or what comes before the first; why the run is over, "" while it is not."""
        if self._module is None:
            self._module = self._joined()
        if not self.curve:
            self._judge(progress)
        self._take_step(self._module)
        self._tick()
        share = self._share()
        if share * INTERVALS >= self.judged + 1 or share >= 1:
            self._judge(progress)
            self.judged = int(share * INTERVALS)
            self._save(checkpoint, progress)
        elif self._elapsed - self._saved > CHECKPOINT_S:
            self._save(checkpoint, progress)
        return self._over(share)

    def _joined(self) -> nn.Module:
        """A step as one module, once all workers are where the first of them is."""
        self.team.check_step(self.step)
        return self.team.shared(Step(self.tuning.network, self.trunk, self.head))

    def _steps_in_epoch(self) -> int:
        return -(-len(self.learn) // self.config.batch)

    def _tick(self) -> None:
        """Read the clock, for all workers that of the first."""
        elapsed = time.monotonic() - self._begin
        self._elapsed, self._judging_s = self.team.broadcast([elapsed, self._judging_s])

    def _share(self) -> float:
        """How far the run is, 0..1: by steps, or by time where that runs out first."""
        # The next step and the last judgement must still fit in.
        reserve = self._elapsed / max(self.step, 1) + self._judging_s
        return max(self.step / self.total, (self._elapsed + reserve) / self.config.seconds)

    def _over(self, share: float) -> str:
        last = [loss for _, loss in self.curve[-self.config.patience :]]
        if len(last) == self.config.patience and min(last) > self.best_loss + CLEARLY:
            return "the held-out loss rose"
        if self.step >= self.total:
            return "all epochs were done"
        return "the time was used up" if share >= 1 else ""

    def _take_step(self, module: nn.Module) -> None:
        begin = time.monotonic()
        self._set_rate()
        self.tuning.network.train()
        self.trunk.eval()
        # Dropout follows from the step too, so that a resumed run goes on alike.
        torch.manual_seed((self.config.seed * 1_000_003 + self.step) * self.team.size + self.team.rank)
        chosen = self._chosen()
        blocks, weight = share_of(self.learn, chosen, self.team)
        with self.team.collective(), computing(self.config.autocast, device_of(self.tuning.network)):
            loss = module(blocks, self._generator()) * weight
        self.optimizer.zero_grad(set_to_none=True)
        with self.team.collective():
            loss.backward()
        self.team.sync_gradients(self.weights)
        clip(self.weights, 1.0)
        self.optimizer.step()
        self.step += 1
        self.tokens += len(chosen) * self.learn.ids.shape[1]
        self.stepping_s += time.monotonic() - begin

    def _chosen(self) -> Any:
        """Positions of this step's blocks; they follow from seed and step, so a resumed run goes on alike."""
        epoch, at = divmod(self.step, self._steps_in_epoch())
        order = np.random.default_rng((self.config.seed, epoch)).permutation(len(self.learn))
        return np.sort(order[at * self.config.batch : (at + 1) * self.config.batch])

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)

    def _set_rate(self) -> None:
        """Linear warm-up over the first steps, times half a cosine over the share of the run that is done."""
        share = min(max(self.step / self.total, self._elapsed / self.config.seconds), 1.0)
        rise = min(1.0, (self.step + 1) / WARM_STEPS)
        fall = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * rise * fall

    def _judge(self, progress: Progress) -> None:
        """The held-out loss over the cut vocabulary; the weights are kept where it is the lowest."""
        begin = time.monotonic()
        loss = held_out_loss(
            self.trunk, self.head, self.held, self.config.batch, self.config.autocast, self.team
        )
        self._judging_s = time.monotonic() - begin
        self.curve.append((self.step, loss))
        tell_epoch(progress, "training", self.step, {"validation_loss": loss})
        if not self.best or loss < self.best_loss:
            self.best_loss, self.best_step, self.best = loss, self.step, self.tuning.state()

    def _save(self, checkpoint: Path | None, progress: Progress) -> None:
        """Keep the run, by rename; a disk that is full is told once."""
        self._saved = self._elapsed
        first = self.team.rank == 0
        if checkpoint is None or not (first or self.team.sharded):
            return
        content = {
            "weights": self.tuning.state(),
            "best": self.best,
            "optimizer": optimizer_state(self.optimizer),
            "counts": [self.step, self.best_step, self.tokens, self.judged],
            "best_loss": self.best_loss,
            "curve": [list(point) for point in self.curve],
            "spent": time.monotonic() - self._begin,
            "times": [self._judging_s, self.stepping_s],
            "plan": [self.config.batch, self.config.seconds],
        }
        if first and not keep(content, checkpoint) and not self._warned:
            self._warned = True
            progress.say(
                f"The training state cannot be saved in {checkpoint.parent} (full or read-only): "
                "training goes on, but cannot be resumed if it stops. Name another place with "
                "--cache."
            )

    def _load(self, content: dict[str, Any]) -> None:
        self.tuning.load(content["best"])
        self.tuning.load(content["weights"])
        load_optimizer(self.optimizer, content["optimizer"])
        counts = content["counts"]
        curve = [(int(step), float(loss)) for step, loss in content["curve"]]
        best_loss, spent, times = content["best_loss"], content["spent"], content["times"]
        batch, seconds = content["plan"]
        self.step, self.best_step, self.tokens, self.judged = counts
        self.best, self.best_loss, self.curve = content["best"], best_loss, curve
        self._elapsed, (self._judging_s, self.stepping_s) = spent, times
        # What the clock decided at the beginning holds to the end, or the run would not be the one it was.
        self.config = replace(self.config, batch=batch, seconds=seconds)
        self.total = self.config.epochs * self._steps_in_epoch()
