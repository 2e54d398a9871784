"""Which ways are kept: greedy selection by cross-validated likelihood (Caruana et al. 2004)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.evaluation.calibration import fit_temperature
from preseason.inference.probabilities import averaged, softmax
from preseason.training.cross_validation import CrossValResult

MIN_GAIN = 0.002
"""A further way must lower the mean negative log-likelihood by this many nats to be kept."""

CLEAR = 1.5
"""Standard errors of a gain beyond which it is more than chance; a single example makes one."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
"""How often the likelihoods of a way that is silent at times may count beside the average of the others."""


@dataclass(frozen=True)
class Selection:
    """The ways that are averaged.

    Attributes:
        kept: positions among the ways tried, best first; their probabilities count equally.
        oof_index: int64 [h], examples for which all kept candidates have an out-of-fold prediction.
        oof_proba: float32 [h, c], their average.
        weights: of the kept ways in the average; empty where all count the same.
    """

    kept: tuple[int, ...]
    oof_index: Ints
    oof_proba: Floats
    weights: tuple[float, ...] = ()


def select(tried: Sequence[CrossValResult], targets: Ints) -> Selection:
    """Begin with the likeliest way and add others while the average gets likelier.

    Where ways are trusted these are averaged to begin with; what is added or dropped then must make the
    average likelier by more than chance: with few examples the likeliest way is no better than the next.
    A way that says nothing of some examples comes to the average of the others at last: where it is silent,
    nothing changes; where it speaks, its likelihoods count as often as makes the answers likeliest.
    """
    whole = [place for place, fit in enumerate(tried) if not fit.fitted.candidate.partial]
    if whole and len(whole) < len(tried):
        found = select([tried[place] for place in whole], targets)
        return _supplemented(replace(found, kept=tuple(whole[i] for i in found.kept)), tried, targets)
    oof_index = tried[0].oof_index
    for fit in tried[1:]:
        oof_index = np.intersect1d(oof_index, fit.oof_index)
    each = [fit.oof_proba[np.searchsorted(fit.oof_index, oof_index)] for fit in tried]
    trusted = [place for place, fit in enumerate(tried) if fit.fitted.candidate.trusted]
    if trusted:
        kept = _from_trusted(trusted, each, targets[oof_index])
        return Selection(tuple(kept), oof_index, averaged([each[i] for i in kept]))
    losses = [log_loss(p, targets[oof_index]) for p in each]
    kept = [int(np.argmin(losses))]
    best = losses[kept[0]]
    while rest := [index for index in range(len(tried)) if index not in kept]:
        trials = {i: log_loss(averaged([each[j] for j in (*kept, i)]), targets[oof_index]) for i in rest}
        index = min(trials, key=lambda i: trials[i])
        if trials[index] > best - MIN_GAIN:
            break
        kept.append(index)
        best = trials[index]
    return Selection(tuple(kept), oof_index, averaged([each[i] for i in kept]))


def _supplemented(found: Selection, tried: Sequence[CrossValResult], targets: Ints) -> Selection:
    """With those partial ways that help, one after the other."""
    for place, fit in enumerate(tried):
        if not fit.fitted.candidate.partial:
            continue
        _, left, right = np.intersect1d(found.oof_index, fit.oof_index, return_indices=True)
        index, said, own = found.oof_index[left], found.oof_proba[left], fit.oof_proba[right]
        answers = {
            weight: _calibrated(averaged([said, own], (1.0, weight)), targets[index]) for weight in SHARES
        }
        losses = {weight: log_loss(each, targets[index]) for weight, each in answers.items()}
        best = min(SHARES, key=lambda weight: losses[weight])
        if best and losses[best] < losses[0.0] - MIN_GAIN:
            usual = found.weights or (1 / len(found.kept),) * len(found.kept)
            proba = averaged([said, own], (1.0, best))
            found = Selection((*found.kept, place), index, proba, (*usual, best))
    return found


def _calibrated(probabilities: Floats, targets: Ints) -> Floats:
    logs = np.log(np.maximum(probabilities, 1e-12))
    return softmax(logs, fit_temperature(logs, targets))


def _from_trusted(kept: list[int], each: Sequence[Floats], targets: Ints) -> list[int]:
    """Add or drop one way at a time, the most helpful first, while that helps by more than chance."""
    for _ in range(2 * len(each)):
        now = _losses(averaged([each[i] for i in kept]), targets)
        others = [[j for j in kept if j != i] if i in kept else [*kept, i] for i in range(len(each))]
        gains = [(now - _losses(averaged([each[i] for i in o]), targets), o) for o in others if o]
        clear = [(float(gain.mean()), o) for gain, o in gains if _is_clear(gain)]
        if not clear:
            break
        kept = max(clear)[1]
    return kept


def _is_clear(gain: Floats) -> bool:
    """Whether gains [n] of single examples are more on average than chance and `MIN_GAIN` together."""
    error = float(gain.std()) / np.sqrt(len(gain))
    return bool(gain.mean() > max(MIN_GAIN, CLEAR * error))


def _losses(probabilities: Floats, targets: Ints) -> Floats:
    """Negative log-likelihoods in nats, float32 [n]."""
    right = probabilities[np.arange(len(targets)), targets]
    return np.asarray(-np.log(np.maximum(right, 1e-12)), np.float32)


def log_loss(probabilities: Floats, targets: Ints) -> float:
    """Mean negative log-likelihood in nats of [n, c] against targets [n]."""
    return float(_losses(probabilities, targets).mean())


def accuracy(probabilities: Floats, targets: Ints) -> float:
    """Share of rows whose largest probability is the target's."""
    return float((probabilities.argmax(1) == targets).mean())
