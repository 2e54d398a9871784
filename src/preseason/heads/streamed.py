"""Logistic regression over rows that lie in a file: memory does not grow with their number."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints

ROWS = 4096
"""Rows that are in memory at a time."""
TOLERANCE, MAX_STEPS = 1e-5, 200
"""Of the largest slope of the mean loss; steps of L-BFGS, one pass over the rows each."""


def in_a_file(shape: tuple[int, int], folder: Path | None) -> NDArray[np.float16]:
    """Zeros float16 [n, r] in a nameless file, which goes with the array.

    Args:
        folder: where the file lies; None for the usual folder of temporary files.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.float16, "w+", shape=shape)


def logistic_regression_over(
    x: NDArray[Any], targets: Ints, classes: int, strength: float, start: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Weights float32 [r, c] and biases [c] of a multinomial logistic regression on rows [n, r].

    L-BFGS with a pass over all rows for each step; the optimum is that of `linear.logistic_regression`. A
    class without examples keeps the bias of `start`.

    Args:
        x: float16 or float32 [n, r], read a few rows at a time.
        strength: inverse of the L2 penalty, relative to one example and divided by r.
        start: weights and biases to begin at, near the optimum, such as those of a sample.
    """
    from scipy.optimize import minimize

    present = np.unique(targets)
    weight, bias = (part.copy() for part in start)
    if len(present) < 2:
        return weight, bias
    places = np.searchsorted(present, targets)
    # Two classes are one regression, whose two sides share its penalty.
    penalty = (2 if len(present) == 2 else 1) / (strength * x.shape[1] * len(x))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w, b = _sides(flat, x.shape[1])
        total, slope = 0.0, np.zeros((len(w) + 1, len(present)))
        for rows, wanted in _pieces(x, places):
            logits = (rows @ w.astype(np.float32) + b.astype(np.float32)).astype(np.float64)
            logits -= logits.max(axis=1, keepdims=True)
            told = np.exp(logits)
            sums = told.sum(axis=1)
            every = np.arange(len(rows))
            total += float((np.log(sums) - logits[every, wanted]).sum())
            told /= sums[:, None]
            told[every, wanted] -= 1
            slope[:-1] += rows.T @ told.astype(np.float32)
            slope[-1] += told.sum(axis=0)
        slope /= len(x)
        slope[:-1] += penalty * w
        return total / len(x) + penalty / 2 * float((w * w).sum()), slope.ravel()

    begin = np.concatenate([weight[:, present], bias[None, present]]).astype(np.float64)
    options = {"maxiter": MAX_STEPS, "gtol": TOLERANCE, "ftol": 0.0}
    found = minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", options=options).x
    weight[:, present], bias[present] = _sides(found, x.shape[1])
    return weight, bias


def _sides(flat: NDArray[np.float64], width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    both = flat.reshape(width + 1, -1)
    return both[:-1], both[-1]


def _pieces(x: NDArray[Any], places: Ints) -> Iterator[tuple[Floats, Ints]]:
    for start in range(0, len(x), ROWS):
        yield np.asarray(x[start : start + ROWS], np.float32), places[start : start + ROWS]
