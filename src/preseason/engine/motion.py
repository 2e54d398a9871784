"""Motion of a clip as a row: histograms of optical flow and of its boundaries over a grid of time and space.

Flow between neighbouring frames is that of dense inverse search (Kroeger et al. 2016), less the camera's: the
median over the frame. It is described by histograms of flow (HOF) and of the gradients of its two components
(MBH; Dalal, Triggs and Schmid 2006, Wang and Schmid 2013). Each cell's histogram has the sum 1, of which the
square root is taken (Arandjelovic and Zisserman 2012).
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats, Ints
from preseason.runtime.threads import available

ORIENTATIONS = 8
"""Of a histogram, to which a bin is added for what does not move."""
BINS = ORIENTATIONS + 1
TIMES, GRID = 2, (3, 3)
"""Cells in time, and in height and width."""
PLACES = GRID[0] * GRID[1]
STILL_PX, UNBROKEN_PX = 0.3, 0.02
"""Below these a flow is none, and so is a change of flow from pixel to pixel."""
HISTOGRAMS = 3
"""HOF, and MBH of both components."""
CAMERA = 6
"""Of both components of the camera's movement: the mean, the mean size, the deviation."""
WIDTH = TIMES * PLACES * (HISTOGRAMS * BINS + 1) + CAMERA
SHAPE = (1, WIDTH)
GREY = np.array([0.299, 0.587, 0.114], np.float32)


class MotionEngine:
    """Rows of clips, by as many threads as there are processors: an `Engine`."""

    precision = "f32"

    def __init__(self) -> None:
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(max(available(), 1), thread_name_prefix="motion")

    def start(self, batch: NDArray[Any]) -> Callable[[], NDArray[np.float32]]:
        """Begin with a clip uint8 [pairs, 2, h, w, 3]; what is given back waits for float32 [1, 1, d].

        Of frames that have no second one beside them, [pairs, 1, h, w, 3], the row is zeros.
        """
        future = self._pool.submit(self._described, batch)
        return lambda: future.result()[None]

    def _described(self, pairs: NDArray[np.uint8]) -> Floats:
        if pairs.shape[1] < 2:
            return np.zeros(SHAPE, np.float32)
        grey = np.rint(pairs @ GREY).astype(np.uint8)
        # A short clip has fewer pairs than are asked for, and they come more than once.
        new = np.array(
            [not place or not np.array_equal(grey[place - 1], grey[place]) for place in range(len(grey))]
        )
        flows = np.stack([self._search.calc(one, other, None) for one, other in grey[new]])
        return described(flows, np.cumsum(new) - 1)[None]

    @property
    def _search(self) -> Any:
        """Dense inverse search, one for each thread: it keeps what it works on."""
        if not hasattr(self._own, "search"):
            import cv2

            # Of the whole process: threads that are many already gain nothing from more.
            cv2.setNumThreads(1)
            # The stubs of OpenCV 5 lack what makes it.
            make: Any = cv2.DISOpticalFlow_create  # type: ignore[attr-defined, unused-ignore]
            self._own.search = make(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        return self._own.search


def described(flows: Floats, order: Ints) -> Floats:
    """The row float32 [d] of flows in pixels [u, h, w, 2], which follow each other as `order` [t] says."""
    camera = np.asarray(np.median(flows, axis=(1, 2)), np.float32)
    moved = np.asarray(flows - camera[:, None, None], np.float32)
    cells = _cells(moved.shape[:3])
    fields = [(moved[..., 0], moved[..., 1], STILL_PX)]
    fields += [(*_gradient(moved[..., part]), UNBROKEN_PX) for part in range(2)]
    histograms = [_roots(_over_time(_histograms(*field, cells)[order])).ravel() for field in fields]
    speeds = _means(np.hypot(moved[..., 0], moved[..., 1]), cells)[order]
    shifts = camera[order]
    sizes = np.log1p(np.concatenate([_over_time(speeds).ravel(), np.abs(shifts).mean(axis=0)]))
    found = [*histograms, sizes, shifts.mean(axis=0), shifts.std(axis=0)]
    return np.concatenate(found).astype(np.float32)


def _gradient(values: Floats) -> tuple[Floats, Floats]:
    """Changes along x and y from pixel to pixel, of [u, h, w]."""
    return np.gradient(values, axis=2), np.gradient(values, axis=1)


def _cells(shape: tuple[int, ...]) -> Ints:
    """The number of the pair and place that each pixel of [u, h, w] lies in, int64 [u * h * w]."""
    pairs, height, width = shape
    rows, columns = np.arange(height) * GRID[0] // height, np.arange(width) * GRID[1] // width
    number, row, column = np.ix_(np.arange(pairs), rows, columns)
    return np.asarray((number * GRID[0] + row) * GRID[1] + column, np.int64).ravel()


def _histograms(x: Floats, y: Floats, least: float, cells: Ints) -> NDArray[np.float64]:
    """Of vectors [u, h, w] the orientations in each place, weighted by length: [u, places, bins].

    A vector counts for the two orientations that it lies between. The last bin counts those below `least`.
    """
    length = np.hypot(x, y).ravel()
    turn = (np.arctan2(y, x).ravel() / (2 * np.pi) * ORIENTATIONS) % ORIENTATIONS
    lower = np.minimum(turn.astype(np.int64), ORIENTATIONS - 1)
    share, first, size = turn - lower, cells * BINS, len(x) * PLACES * BINS
    found = np.bincount(first + lower, length * (1 - share), size)
    found += np.bincount(first + (lower + 1) % ORIENTATIONS, length * share, size)
    found += np.bincount(first + ORIENTATIONS, length < least, size)
    return np.asarray(found.reshape(len(x), PLACES, BINS))


def _means(values: Floats, cells: Ints) -> NDArray[np.float64]:
    """Means of values [u, h, w] in each place: [u, places]."""
    found = np.bincount(cells, values.ravel()) / np.bincount(cells)
    return np.asarray(found.reshape(len(values), PLACES))


def _over_time(each: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means [times, ...] over stretches of equal length, of pairs [t, ...]."""
    return np.stack([part.mean(axis=0) for part in np.array_split(each, TIMES)])


def _roots(histograms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square roots of each bin's share [..., bins]."""
    return np.asarray(np.sqrt(histograms / np.maximum(histograms.sum(axis=-1, keepdims=True), 1e-6)))
