"""Gradient training of a language model within a time: one cycle, early stopping, checkpoints."""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from preseason.heads.descent import keep
from preseason.language.packing import IGNORED, Blocks
from preseason.language.speed import computing, device_of
from preseason.language.trunk import Trunk
from preseason.language.tuning import Tuning
from preseason.language.vocabulary import Head
from preseason.progress import Progress

WARM_STEPS = 8
FINAL_RATE = 0.05
INTERVALS = 8
"""How often the held-out part is judged and the state kept, spread over the run."""

CLEARLY = 0.01
"""Nats by which the held-out loss must lie above the lowest to count as risen: less is noise."""
CHECKPOINT_S = 30.0
"""The state is kept at least this often as well."""


@dataclass(frozen=True)
class Plan:
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
class Trained:
    """What a run did.

    Attributes:
        tokens_per_s: judgements left out.
        curve: (steps, held-out loss) at each interval.
        stopped: why it ended.
    """

    steps: int
    best_step: int
    tokens: int
    tokens_per_s: float
    curve: tuple[tuple[int, float], ...]
    stopped: str


class Run:
    """One training run, which can be broken off at any time and taken up at its last checkpoint.

    Args:
        tuning: trained in place; ends with the weights of the best interval.
        learn, held: blocks to learn from and to judge on.
        trunk: what lies below the trained blocks.
    """

    def __init__(
        self, tuning: Tuning, head: Head, learn: Blocks, held: Blocks, plan: Plan, trunk: Trunk
    ) -> None:
        self.tuning, self.head, self.learn, self.held, self.plan = tuning, head, learn, held, plan
        self.trunk = trunk
        weights = list(tuning.trained().values())
        self.optimizer = torch.optim.AdamW(weights, lr=plan.learning_rate, weight_decay=0.01)
        self.total = plan.epochs * self._steps_in_epoch()
        self.step, self.tokens, self.spent, self.judged, self.best_step = 0, 0, 0.0, 0, 0
        self.best_loss, self.stepping_s = float("inf"), 0.0
        self._begin, self._judging_s, self._warned = 0.0, 0.0, False
        self.best: dict[str, Tensor] = {}
        self.curve: list[tuple[int, float]] = []

    def run(self, checkpoint: Path | None, progress: Progress) -> Trained:
        """Train to the end; begins where `checkpoint` stopped, where there is one."""
        if checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint)
            progress.say(f"Going on after {self.step} steps.")
        progress.start("training (thousandths)", 1000)
        shown = 0
        self._begin = time.monotonic() - self.spent
        saved = time.monotonic()
        if not self.curve:
            self._judge()
        stopped = ""
        try:
            while not stopped:
                self._take_step()
                share = self._share()
                if share * INTERVALS >= self.judged + 1 or share >= 1:
                    self.judged = int(share * INTERVALS)
                    self._judge()
                    saved = self._save(checkpoint, progress)
                elif time.monotonic() - saved > CHECKPOINT_S:
                    saved = self._save(checkpoint, progress)
                progress.advance(int(1000 * min(share, 1)) - shown)
                shown = int(1000 * min(share, 1))
                stopped = self._over(share)
        except KeyboardInterrupt:
            self._save(checkpoint, progress)
            raise
        progress.finish()
        self.tuning.load(self.best)
        self._save(checkpoint, progress)
        speed = self.tokens / max(self.stepping_s, 1e-9)
        return Trained(self.step, self.best_step, self.tokens, speed, tuple(self.curve), stopped)

    def _steps_in_epoch(self) -> int:
        return -(-len(self.learn) // self.plan.batch)

    def _share(self) -> float:
        """How far the run is, 0..1: by steps, or by time where that runs out first."""
        elapsed = time.monotonic() - self._begin
        # The next step and the last judgement must still fit in.
        reserve = elapsed / max(self.step, 1) + self._judging_s
        return max(self.step / self.total, (elapsed + reserve) / self.plan.seconds)

    def _over(self, share: float) -> str:
        last = [loss for _, loss in self.curve[-self.plan.patience :]]
        if len(last) == self.plan.patience and min(last) > self.best_loss + CLEARLY:
            return "the held-out loss rose"
        if self.step >= self.total:
            return "all epochs were done"
        return "the time was used" if share >= 1 else ""

    def _take_step(self) -> None:
        begin = time.monotonic()
        self._set_rate()
        self.tuning.network.train()
        self.trunk.eval()
        # Dropout follows from the step too, so that a resumed run goes on alike.
        torch.manual_seed(self.plan.seed * 1_000_003 + self.step)
        blocks = self.learn.some(self._chosen())
        with computing(self.plan.autocast, device_of(self.tuning.network)):
            states, targets = self.trunk.hidden_states(blocks)
            loss = self.head.loss(states, targets, self._generator())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.tuning.trained().values(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.tokens += blocks.ids.size
        self.stepping_s += time.monotonic() - begin

    def _chosen(self) -> Any:
        """Positions of this step's blocks; they follow from seed and step, so a resumed run goes on alike."""
        epoch, at = divmod(self.step, self._steps_in_epoch())
        order = np.random.default_rng((self.plan.seed, epoch)).permutation(len(self.learn))
        return np.sort(order[at * self.plan.batch : (at + 1) * self.plan.batch])

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.plan.seed * 1_000_003 + self.step)

    def _set_rate(self) -> None:
        """Linear warm-up over the first steps, times half a cosine over the share of the run that is done."""
        share = min(max(self.step / self.total, (time.monotonic() - self._begin) / self.plan.seconds), 1.0)
        rise = min(1.0, (self.step + 1) / WARM_STEPS)
        fall = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.learning_rate * rise * fall

    def _judge(self) -> None:
        """The held-out loss over the cut vocabulary; the weights are kept where it is the lowest."""
        begin = time.monotonic()
        loss = held_out_loss(self.trunk, self.head, self.held, self.plan)
        self._judging_s = time.monotonic() - begin
        self.curve.append((self.step, loss))
        if not self.best or loss < self.best_loss:
            self.best_loss, self.best_step, self.best = loss, self.step, self.tuning.state()

    def _save(self, checkpoint: Path | None, progress: Progress) -> float:
        """Keep the run, by rename; a disk that is full is told once. Gives the time."""
        if checkpoint is None:
            return time.monotonic()
        content = {
            "weights": self.tuning.state(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "counts": [self.step, self.best_step, self.tokens, self.judged],
            "best_loss": self.best_loss,
            "curve": [list(point) for point in self.curve],
            "spent": time.monotonic() - self._begin,
            "times": [self._judging_s, self.stepping_s],
        }
        if not keep(content, checkpoint) and not self._warned:
            self._warned = True
            progress.say(
                f"The state of the training cannot be kept in {checkpoint.parent} (full or read-only): it "
                "goes on, but could not be taken up after a stop. Name another place with --cache."
            )
        return time.monotonic()

    def _resume(self, checkpoint: Path) -> None:
        """Take up a run; a file that is damaged or of another version is thrown away."""
        fresh = self.tuning.state()
        try:
            content = torch.load(checkpoint, weights_only=True)
            self.tuning.load(content["best"])
            self.tuning.load(content["weights"])
            self.optimizer.load_state_dict(content["optimizer"])
            counts = content["counts"]
            curve = [(int(step), float(loss)) for step, loss in content["curve"]]
            best_loss, spent, times = content["best_loss"], content["spent"], content["times"]
        except Exception:
            checkpoint.unlink(missing_ok=True)
            self.tuning.load(fresh)
            return
        self.step, self.best_step, self.tokens, self.judged = counts
        self.best, self.best_loss, self.curve = content["best"], best_loss, curve
        self.spent, (self._judging_s, self.stepping_s) = spent, times


def held_out_loss(trunk: Trunk, head: Head, held: Blocks, plan: Plan) -> float:
    """Mean loss of the held-out tokens whose words are in the cut vocabulary."""
    network = trunk.network
    network.eval()
    total, count = 0.0, 0
    known = head.place.cpu().numpy() >= 0
    for at in range(0, len(held), plan.batch):
        some = held.some(slice(at, at + plan.batch))
        if head.cut:
            inside = np.where(some.targets == IGNORED, False, known[np.maximum(some.targets, 0)])
            some = Blocks(some.ids, some.positions, np.where(inside, some.targets, IGNORED))
        if some.learnt == 0:
            continue
        with torch.no_grad(), computing(plan.autocast, device_of(network)):
            states, targets = trunk.hidden_states(some)
            loss = head.loss(states, targets, torch.Generator().manual_seed(at))
        total, count = total + float(loss) * len(targets), count + len(targets)
    return total / max(count, 1)


def timed_step(trunk: Trunk, head: Head, blocks: Blocks, autocast: torch.dtype | None) -> float:
    """Seconds of one forward and backward pass, the faster of two; the weights stay as they are."""
    return min(_one_step(trunk, head, blocks, autocast) for _ in range(2))


def _one_step(trunk: Trunk, head: Head, blocks: Blocks, autocast: torch.dtype | None) -> float:
    begin = time.monotonic()
    trunk.network.train()
    with computing(autocast, device_of(trunk.network)):
        states, targets = trunk.hidden_states(blocks)
        loss = head.loss(states, targets, torch.Generator().manual_seed(0))
    loss.backward()  # type: ignore[no-untyped-call]
    trunk.network.zero_grad(set_to_none=True)
    return time.monotonic() - begin
