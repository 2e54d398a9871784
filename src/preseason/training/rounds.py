"""Trying ways in order within a budget: measured speed decides before each step."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.data.dataset import Sample
from preseason.engine.extract import Order
from preseason.engine.passes import Box
from preseason.errors import DataError
from preseason.heads.base import TrainingSet
from preseason.heads.decisions import decide, decided
from preseason.heads.trainer import NoTimeError
from preseason.inference.candidates import Candidate
from preseason.inference.features import Features
from preseason.inference.predictor import FeatureExtractors, orders_for
from preseason.results import CandidateResult
from preseason.runtime.callbacks import tell_metrics
from preseason.runtime.progress import Stopwatch
from preseason.training.cross_validation import CrossValResult, cross_val_fit
from preseason.training.distributed_folds import team_of
from preseason.training.selection import accuracy, select

TRIAL = 16
"""Examples run to measure a pass before the rest are; their rows are kept like all others."""
RESERVE = 0.12
"""Share of the budget kept back for evaluation, the scratch baseline, the report and saving."""
TRAINING_SHARE = 0.4
"""Share of the time left that one way's training may take while others may follow."""


@dataclass
class Clock:
    """A budget running down.

    Attributes:
        strict: whether steps that would not fit are left out; a way that the user named is never.
    """

    budget_s: float
    strict: bool
    watch: Stopwatch

    def left(self) -> float:
        """Seconds until the reserve is touched."""
        return self.budget_s * (1 - RESERVE) - self.watch.elapsed()


@dataclass
class Trials:
    """What was tried.

    Attributes:
        fits: the ways that were fitted, in order.
        features: rows of all samples, by way.
        candidates: a line for each way, fitted or not.
    """

    fits: list[CrossValResult] = field(default_factory=list)
    features: dict[str, Features] = field(default_factory=dict)
    candidates: list[CandidateResult] = field(default_factory=list)

    def attention(self, name: str) -> Floats | None:
        """Attention of the way called `name`."""
        return next((fit.attention for fit in self.fits if fit.fitted.candidate.name == name), None)

    def parts(self, name: str) -> Sequence[Box]:
        """Regions of that way's attention."""
        return next(
            fit.fitted.candidate.spec.parts() for fit in self.fits if fit.fitted.candidate.name == name
        )

    def has(self, name: str) -> bool:
        """Whether a way of that name was fitted."""
        return any(fit.fitted.candidate.name == name for fit in self.fits)


class Rounds:
    """One fit's trials.

    Args:
        training_set: of the samples, without features.
        checkpoints: folder where gradient training keeps finished epochs.
    """

    def __init__(
        self,
        extractors: FeatureExtractors,
        samples: Sequence[Sample],
        training_set: TrainingSet,
        clock: Clock,
        checkpoints: Path,
    ) -> None:
        self.extractors, self.samples, self.training_set = extractors, samples, training_set
        self.clock, self.checkpoints = clock, checkpoints
        self.trials = Trials()

    def run(self, candidates: Sequence[Candidate]) -> Trials:
        """Try `candidates` in order; the first and those marked `always` run, others while there is time.

        Where two ways through the network give no wrong answer, cross-validation cannot judge a further one.
        """
        for number, candidate in enumerate(candidates):
            absent = [name for name in candidate.origins if not self.trials.has(name)]
            if absent:
                self._leave_out(candidate, f"skipped: it builds on {absent[0]}, which was skipped")
                continue
            if self.clock.strict and not candidate.always and self._all_right():
                self._leave_out(candidate, "skipped: accuracy is already 100 %")
                continue
            reason = self._read(candidate) if number and not candidate.always else self._read_all(candidate)
            if reason is None:
                self._fit(candidate, last=number + 1 == len(candidates))
            else:
                self._leave_out(candidate, reason)
        return self.trials

    def _all_right(self) -> bool:
        """Whether two or more ways read the network and those worth keeping answer every example right."""
        if sum(fit.fitted.candidate.spec.kept != "raw" for fit in self.trials.fits) < 2:
            return False
        best = select(self.trials.fits, self.training_set.targets)
        return accuracy(best.oof_proba, self.training_set.targets[best.oof_index]) == 1

    def _read(self, candidate: Candidate) -> str | None:
        """Fill the bank for `candidate`, or say why there is no time for it."""
        reason = self._reason_against(candidate) if self.clock.strict else ""
        return reason or self._read_all(candidate)

    def _reason_against(self, candidate: Candidate) -> str:
        """Why there is no time for `candidate`, empty where there is; as decided before, if it was."""
        before = decided(self.checkpoints, _decision(candidate))
        if before is not None:
            return str(before)
        # The estimate itself takes time: none is made where none is left.
        estimate = self._estimate(candidate) if self.clock.left() > 0 else 0.0
        left, reason = self.clock.left(), ""
        if left <= 0:
            reason = "skipped: no time was left"
        elif estimate > left:
            reason = f"skipped: it would take about {estimate:.0f} s, and {left:.0f} s were left"
        self._decide(candidate, reason)
        return reason

    def _decide(self, candidate: Candidate, reason: str) -> None:
        """Write down why `candidate` is left out by the clock; an empty reason where it is tried."""
        if self.clock.strict:
            decide(self.checkpoints, _decision(candidate), reason, self.clock.watch.elapsed())

    def _estimate(self, candidate: Candidate) -> float:
        """Seconds for reading and training, from a few examples and the training before."""
        extractor = self.extractors.of(candidate).extractor(candidate.spec)
        orders = self._orders(candidate)
        missing = extractor.missing(orders)
        training = self.trials.fits[-1].seconds * 0.5 if len(self.trials.fits) > 1 else 0.0
        if len(missing) <= TRIAL:
            return training
        with self.clock.watch.stage("compiling the network"):
            extractor.prepare(self.training_set.progress.say)
        trial = extractor.extract(missing[:TRIAL], self.training_set.progress, f"measuring: {candidate.name}")
        rest = trial.seconds / TRIAL * (len(missing) - TRIAL)
        workers = self.extractors.of(candidate).workers
        return training + (rest if workers is None else workers.estimate(rest))

    def _read_all(self, candidate: Candidate) -> str | None:
        with self.clock.watch.stage("reading through the network"):
            orders = self._orders(candidate)
            found = (
                self.extractors.of(candidate)
                .extractor(candidate.spec)
                .extract(orders, self.training_set.progress, f"reading for {candidate.name}")
            )
        if found.failed:
            raise DataError(
                f"{len(found.failed)} files changed or vanished while they were read, e.g. "
                f"{found.failed[0].path}: {found.failed[0].reason}. Run the command again: what was read "
                "is kept."
            )
        before = () if candidate.before is None else self.trials.features[candidate.before].sources
        self.trials.features[candidate.name] = Features.of([*before, found.rows])
        return None

    def _orders(self, candidate: Candidate) -> list[Order]:
        if candidate.crops_from is None:
            return orders_for(candidate, self.samples, None, ())
        attention = self.trials.attention(candidate.crops_from)
        return orders_for(candidate, self.samples, attention, self.trials.parts(candidate.crops_from))

    def _fit(self, candidate: Candidate, last: bool) -> None:
        seconds = None
        if self.clock.strict:
            seconds = max(self.clock.left(), 1.0) * (1.0 if last else TRAINING_SHARE)
        training_set = replace(
            self.training_set,
            features=self.trials.features[candidate.name],
            backbone=self.extractors.of(candidate).trained(),
        )
        with self.clock.watch.stage(f"training: {candidate.name}"):
            try:
                first = not self.trials.fits
                fit = cross_val_fit(
                    candidate,
                    training_set,
                    self.checkpoints,
                    seconds,
                    team_of(self.extractors.of(candidate)),
                    firm=first,
                )
            except NoTimeError:
                reason = f"skipped: training does not fit into {max(self.clock.left(), 0):.0f} s"
                self._decide(candidate, reason)
                self._leave_out(candidate, reason)
                return
        self._decide(candidate, "")
        self.trials.fits.append(fit)
        told = _told(fit) if candidate.partial else np.ones(len(fit.oof_index), np.bool_)
        right = accuracy(fit.oof_proba[told], self.training_set.targets[fit.oof_index[told]])
        note = f"on the {100 * told.mean():.0f} % of examples that it can judge" if not told.all() else ""
        self.trials.candidates.append(
            CandidateResult(candidate.name, right, fit.seconds, kept=False, note=note)
        )
        tell_metrics(self.training_set.progress, {f"candidates/{candidate.name}": right})
        self.training_set.progress.say(
            f"{candidate.name}: {100 * right:.1f} % in cross-validation{note and ', ' + note}"
        )

    def _leave_out(self, candidate: Candidate, reason: str) -> None:
        self.training_set.progress.say(f"{candidate.name}: {reason}")
        self.trials.candidates.append(CandidateResult(candidate.name, None, 0.0, kept=False, note=reason))


def _told(fit: CrossValResult) -> NDArray[np.bool_]:
    """Of which examples a partial way says something, bool [h]; all where it never does."""
    spread = fit.oof_proba.max(axis=1) - fit.oof_proba.min(axis=1)
    told: NDArray[np.bool_] = spread > 1e-6
    return told if told.any() else ~told


def _decision(candidate: Candidate) -> str:
    return f"way {candidate.name}"


def fold_numbers(folds: Sequence[tuple[np.ndarray, np.ndarray]], count: int) -> np.ndarray:
    """Which fold each of `count` examples is validated in, int64 [count]; those in none join fold 0."""
    numbers = np.zeros(count, np.int64)
    for number, (_, validation) in enumerate(folds):
        numbers[validation] = number
    return numbers
