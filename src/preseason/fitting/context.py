"""What every step of one fit has in hand: settings, task, audited examples, network, clock, warnings."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from preseason.arrays.types import Ints
from preseason.data.audit import Audit
from preseason.data.dataset import Sample
from preseason.data.split import group_numbers
from preseason.diagnostics.checks import RANKS, Caution
from preseason.inference.predictor import FeatureExtractors
from preseason.problems.base import Folds, Problem, problems
from preseason.recipe import Recipe
from preseason.runtime.progress import Progress, Stopwatch
from preseason.tasks.base import Task

ONE_PART = 0.2
"""Share held out where every example lies in a part for testing, so that none is left to learn from."""


@dataclass
class WarningLog:
    """Warnings as they come up."""

    cautions: list[Caution] = field(default_factory=list)

    def add(self, kind: str, texts: Iterable[str]) -> None:
        """Note `texts`, which are as severe as their kind in `RANKS`."""
        self.cautions += [Caution(RANKS[kind], text) for text in texts]

    def texts(self) -> tuple[str, ...]:
        """All warnings, the worst first, each once."""
        return tuple(dict.fromkeys(text for _, text in sorted(self.cautions, key=lambda each: each.rank)))


@dataclass(frozen=True)
class FitContext:
    """One fit, from the moment its data are audited and its network is loaded.

    Attributes:
        watch: runs since the fit began.
        warnings: for the record, from every step.
    """

    recipe: Recipe
    task: Task
    audit: Audit
    extractors: FeatureExtractors
    progress: Progress
    watch: Stopwatch
    warnings: WarningLog

    @property
    def problem(self) -> Problem[Any]:
        """What is predicted of an example."""
        return problems.get(self.task.problem)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All n labelled examples, in the order of every array."""
        return self.audit.dataset.samples

    @property
    def labels(self) -> tuple[str, ...]:
        """The c class names."""
        return self.audit.dataset.labels

    @cached_property
    def targets(self) -> Ints:
        """Int64 [n]."""
        return self.problem.targets(self.samples, self.labels)

    @cached_property
    def groups(self) -> Ints:
        """Int64 [n]; what shares a number is never parted."""
        return group_numbers(self.samples)

    @cached_property
    def test_fraction(self) -> float | None:
        """Share of the examples that is held out; None where the data itself says which."""
        parts = {sample.split for sample in self.samples}
        declared = parts & {"test", "validation"}
        if declared and len(parts) > 1:
            return None
        usual = ONE_PART if declared else 0.0
        return usual if self.recipe.test_fraction is None else self.recipe.test_fraction

    @property
    def refits(self) -> bool:
        """Whether a part is held out first and learnt from afterwards."""
        return self.test_fraction != 0 and self.recipe.refit

    @cached_property
    def run_id(self) -> str:
        """The same data and settings give the same digest: such a fit goes on where it was stopped."""
        digest = hashlib.blake2b(digest_size=12)
        for sample in self.samples:
            boxes = "" if sample.boxes is None else repr(sample.boxes)
            digest.update(f"{sample.fingerprint} {sample.label}{boxes}\n".encode())
        digest.update(self.recipe.identity().encode())
        return digest.hexdigest()

    @property
    def checkpoints(self) -> Path:
        """Folder of what gradient training has finished."""
        return self.extractors.cache / "fits" / self.run_id

    def folds(self, chosen: Ints) -> Folds:
        """Pairs of positions within `chosen` [m]: learnt from, validated on."""
        targets, groups = self.targets[chosen], self.groups[chosen]
        return self.problem.folds(targets, groups, self.recipe.folds, self.recipe.seed)
