"""Probabilities that mean what they say: one temperature for all logits."""

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.inference.probabilities import log_softmax

LOWEST, HIGHEST = 0.01, 100.0
GRID = 25


def fit_temperature(logits: Floats, targets: Ints) -> float:
    """The divisor that makes held-out logits honest (temperature scaling, Guo et al. 2017).

    It minimises the negative log likelihood as if, beside the answers given, one more had been wrong at
    the average confidence. So 50 right of 50 gives about 98 %, never certainty, and three answers
    cannot make a model sure of itself.

    Args:
        logits: float32 [n, c] of samples the head was not fitted on.
        targets: int64 [n]; rows with -1 are left out.

    Returns:
        0.01 to 100; 1.0 when there is nothing to learn from (no rows, one class, constant logits).
    """
    from scipy.optimize import minimize_scalar

    known = targets >= 0
    rows, truth = np.asarray(logits, np.float64)[known], targets[known]
    if rows.size == 0 or bool((np.ptp(rows, axis=1) == 0).all()):
        return 1.0
    grid = np.linspace(np.log(LOWEST), np.log(HIGHEST), GRID)
    best = int(np.argmin([_loss(point, rows, truth) for point in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)])
    found = minimize_scalar(_loss, bounds=bounds, args=(rows, truth), method="bounded")
    return float(np.exp(found.x))


def _loss(log_temperature: float, logits: NDArray[np.float64], targets: Ints) -> float:
    logs = log_softmax(logits / np.exp(log_temperature))
    doubt = 1 - np.exp(logs.max(axis=1))
    likelihood = logs[np.arange(len(targets)), targets].sum()
    return float(-likelihood - np.log(max(doubt.mean(), 1e-12)))
