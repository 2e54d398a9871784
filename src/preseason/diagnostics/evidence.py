"""What a fit has in hand once it is done: all that the checks of trust look at. Nothing is run again."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.backbones.base import Backbone
from preseason.data.dataset import Sample
from preseason.evaluation.linear_probe import shorten
from preseason.heads.base import Folds
from preseason.inference.features import Features
from preseason.inference.predictor import plain_rows
from preseason.modalities.base import Modality
from preseason.runtime.threads import one_blas_thread
from preseason.training.cross_validation import CrossValResult
from preseason.training.rounds import Trials

MAX_EXAMPLES = 1500
"""Examples that refitted checks look at; more hardly change what they say."""
SEED = 0


@dataclass(frozen=True)
class Short:
    """Rows of some examples, turned into few directions.

    Attributes:
        chosen: int64 [m], positions among all examples, rising.
        rows: float32 [m, r], of about length 1.
    """

    chosen: Ints
    rows: Floats


@dataclass(frozen=True)
class Evidence:
    """n labelled examples that were learnt from, h of which have an answer by a model that had not seen them.

    Attributes:
        noun: what the examples are called, in the plural.
        targets: int64 [n].
        groups: int64 [n]; what shares a number was never parted.
        folds: pairs of positions, as the ways were cross-fitted.
        oof_index: int64 [h], rising; positions with an out-of-fold prediction.
        oof_proba: float32 [h, c], calibrated.
        trials: the ways that were fitted, with their rows.
    """

    noun: str
    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    targets: Ints
    groups: Ints
    folds: Folds
    oof_index: Ints
    oof_proba: Floats
    trials: Trials
    backbone: "Backbone"
    modality: Modality

    @cached_property
    def short(self) -> Short | None:
        """Pooled rows of at most `MAX_EXAMPLES`; None where no frozen network read the examples."""
        read = (fit for fit in self.trials.fits if not fit.fitted.candidate.network)
        fit = next((fit for fit in read if fit.fitted.candidate.spec.kept != "raw"), None)
        if fit is None:
            return None
        chosen = self.few
        with one_blas_thread():
            return Short(chosen, shorten(_wholes(fit, self.trials.features, chosen)))

    @cached_property
    def few(self) -> Ints:
        """Positions of at most `MAX_EXAMPLES` examples, whole groups, drawn by chance."""
        if len(self.targets) <= MAX_EXAMPLES:
            return np.arange(len(self.targets))
        order = np.random.default_rng(SEED).permutation(np.unique(self.groups))
        sizes = np.bincount(self.groups)[order]
        kept = order[np.cumsum(sizes) <= MAX_EXAMPLES]
        return np.flatnonzero(np.isin(self.groups, kept))

    def candidate(self, head: str) -> CrossValResult | None:
        """The first fitted way with that head over parts that are the same for all examples."""
        fits = (fit for fit in self.trials.fits if fit.fitted.candidate.crops_from is None)
        return next((fit for fit in fits if fit.fitted.candidate.head == head), None)

    def named(self, position: int) -> dict[str, Any]:
        """An example in plain values: its path (or text), and its span where it has one."""
        return named(self.samples[position])


def named(sample: Sample) -> dict[str, Any]:
    """A sample in plain values: its path (or text), its label, and its span where it has one."""
    value: dict[str, Any] = sample.source.values() | {"label": str(sample.label)}
    return value if sample.span is None else value | {"span": list(sample.span)}


def _wholes(fit: CrossValResult, features: dict[str, Features], chosen: Ints) -> Floats:
    """Float32 [m, d]: the whole example, of clips the mean over their frames."""
    candidate = fit.fitted.candidate
    return plain_rows(candidate, features[candidate.name].take(chosen))
