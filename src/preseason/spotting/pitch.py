"""Where on the pitch things stand: a plane in the picture of a fixed camera, told by four or more points.

The homography is the least squares solution of the direct linear transform with normalised points
(Hartley and Zisserman, Multiple View Geometry, 2004, sections 4.1 and 4.4).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.data.boxes import FoundBox
from preseason.data.rows import read_rows
from preseason.errors import DataError
from preseason.spotting.video_boxes import FrameBoxes, TrackedBox

LENGTH, WIDTH = 105.0, 68.0
"""Metres of a football pitch as most stadiums have it."""
LEAST = 4
SMOOTH_S = 0.5
"""Seconds before and after a moment over which places are averaged before a way is measured."""
COLUMNS = ("point", "x", "y")
OWN = ("pitch_x", "pitch_y")
NARROW = 1e-3
"""Of the third over the first singular value of the points: below, they lie on one line."""


def _mirrored(points: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The same points in all four corners; each is given for the far left one."""
    return {
        f"{depth} {side} {name}": (x if side == "left" else LENGTH - x, y if depth == "far" else WIDTH - y)
        for name, (x, y) in points.items()
        for depth in ("far", "near")
        for side in ("left", "right")
    }


FOOTBALL: dict[str, tuple[float, float]] = {
    **_mirrored(
        {
            "corner": (0.0, 0.0),
            "penalty area corner": (16.5, WIDTH / 2 - 20.16),
            "penalty area on goal line": (0.0, WIDTH / 2 - 20.16),
            "goal area corner": (5.5, WIDTH / 2 - 9.16),
            "goal area on goal line": (0.0, WIDTH / 2 - 9.16),
            "post": (0.0, WIDTH / 2 - 3.66),
        }
    ),
    "far halfway line": (LENGTH / 2, 0.0),
    "near halfway line": (LENGTH / 2, WIDTH),
    "far centre circle": (LENGTH / 2, WIDTH / 2 - 9.15),
    "near centre circle": (LENGTH / 2, WIDTH / 2 + 9.15),
    "centre spot": (LENGTH / 2, WIDTH / 2),
    "left penalty spot": (11.0, WIDTH / 2),
    "right penalty spot": (LENGTH - 11.0, WIDTH / 2),
}
"""Points of a football pitch (IFAB Laws of the Game, law 1) in metres from the far left corner, as the camera
sees it: to the right along the touchline, and towards the camera."""


@dataclass(frozen=True)
class PitchView:
    """How a fixed camera sees the pitch.

    Attributes:
        matrix: float64 [3, 3], pixels to metres in homogeneous coordinates.
        error_m: root mean square distance of the points from where the matrix puts them; 0 of four points.
        named: whether the points are those of a football pitch.
    """

    matrix: NDArray[np.float64]
    error_m: float
    named: bool

    def on_pitch(self, x: float, y: float) -> tuple[float, float] | None:
        """Metres of a point of the picture; None for what lies above the horizon.

        Args:
            x, y: in pixels of the video.
        """
        across, along, depth = self.matrix @ (x, y, 1.0)
        return (float(across / depth), float(along / depth)) if depth > 0 else None

    def place(self, box: FoundBox, width: int, height: int) -> tuple[float, float] | None:
        """Where a box stands: metres of the middle of its lower edge.

        Args:
            width, height: of the frame in pixels.
        """
        return self.on_pitch((box.x0 + box.x1) / 2 * width, box.y1 * height)


def read_pitch(table: Path) -> PitchView:
    """The view that a table of points gives.

    Columns are `point`, `x` and `y`, the pixel of the video at which a named point of a football pitch is
    seen; or `x`, `y`, `pitch_x` and `pitch_y`, where the last two are metres in whatever direction is liked.

    Raises:
        DataError: a column or a number is missing, a name is unknown, or the points say too little.
    """
    header, rows = read_rows(table)
    own = set(OWN) <= set(header)
    missing = [name for name in (*COLUMNS[1:], *(OWN if own else COLUMNS[:1])) if name not in header]
    if missing:
        raise DataError(
            f"{table}: expected the columns point, x, y, or x, y, pitch_x, pitch_y; "
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing."
        )
    seen, meant = [], []
    for row in rows:
        seen.append([_number(table, row.number, name, row.values[name]) for name in COLUMNS[1:]])
        if own:
            meant.append([_number(table, row.number, name, row.values[name]) for name in OWN])
        else:
            meant.append(list(_point(table, row.number, row.values[COLUMNS[0]])))
    view = fitted(np.array(seen).reshape(-1, 2), np.array(meant).reshape(-1, 2), str(table))
    return replace(view, named=not own)


def _number(table: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise DataError(f"{table}, line {line}: {column} is {text!r}, expected a number.")
    return value


def _point(table: Path, line: int, text: str) -> tuple[float, float]:
    name = " ".join(text.lower().replace("-", " ").replace("_", " ").replace("center", "centre").split())
    if name not in FOOTBALL:
        raise DataError(
            f"{table}, line {line}: {text!r} is no point of a football pitch. Known are "
            f"{', '.join(FOOTBALL)}. Other places have columns pitch_x and pitch_y, in metres."
        )
    return FOOTBALL[name]


def fitted(seen: Floats, meant: Floats, where: str = "points") -> PitchView:
    """The homography that takes points of the picture to points of the pitch.

    Args:
        seen: float [n, 2], pixels.
        meant: float [n, 2], metres.
        where: names the points in errors.

    Raises:
        DataError: fewer than four points, or all but one of them lie on one line.
    """
    if len(seen) < LEAST:
        raise DataError(f"{where}: received {len(seen)} points, expected {LEAST} or more.")
    if min(_spread(seen), _spread(meant)) < NARROW:
        raise DataError(f"{where}: the points lie on one line; choose points further apart.")
    from_seen, from_meant = _normaliser(seen), _normaliser(meant)
    a, b = _moved(seen, from_seen), _moved(meant, from_meant)
    zeros = np.zeros_like(a)
    rows = np.concatenate([np.hstack([a, zeros, -b[:, :1] * a]), np.hstack([zeros, a, -b[:, 1:2] * a])])
    singular, answer = np.linalg.svd(rows)[1:]
    if singular[7] < NARROW * singular[0]:
        raise DataError(f"{where}: three of the points lie on one line; choose four of which no three do.")
    matrix = np.linalg.inv(from_meant) @ answer[-1].reshape(3, 3) @ from_seen
    depth = _homogeneous(seen) @ matrix[2]
    matrix = matrix if np.median(depth) > 0 else -matrix
    if ((_homogeneous(seen) @ matrix[2]) <= 0).any():
        raise DataError(f"{where}: no camera sees these points so; two of them may be exchanged.")
    found = _homogeneous(seen) @ matrix.T
    error = np.linalg.norm(found[:, :2] / found[:, 2:] - meant, axis=1)
    return PitchView(np.asarray(matrix, np.float64), float(np.sqrt((error**2).mean())), named=False)


def _homogeneous(points: Floats) -> Floats:
    return np.hstack([points, np.ones((len(points), 1))])


def _moved(points: Floats, matrix: NDArray[np.float64]) -> Floats:
    return np.asarray(_homogeneous(points) @ matrix.T)


def _spread(points: Floats) -> float:
    """Extent of points across over that along, 0 where they lie on one line."""
    singular = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return float(singular[1] / max(singular[0], 1e-12))


def _normaliser(points: Floats) -> NDArray[np.float64]:
    """Moves points to the origin and to a mean distance of the root of two."""
    middle = points.mean(axis=0)
    scale = np.sqrt(2) / np.linalg.norm(points - middle, axis=1).mean()
    return np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])


def with_place(frame: FrameBoxes, view: PitchView) -> FrameBoxes:
    """The same frame, each box with the metres on the pitch at which it stands."""
    return replace(frame, boxes=tuple(_placed(box, frame, view) for box in frame.boxes))


def _placed(box: FoundBox, frame: FrameBoxes, view: PitchView) -> TrackedBox:
    place = view.place(box, frame.width, frame.height)
    if isinstance(box, TrackedBox):
        return replace(box, place_m=place)
    return TrackedBox(box.label, box.score, box.x0, box.y0, box.x1, box.y1, place_m=place)


def path_m(places: Sequence[tuple[float, float]], times_s: Sequence[float]) -> float:
    """Metres of a way through places, each the mean of those within `SMOOTH_S` of it.

    Boxes shake from frame to frame; without the mean a player who stands would run.

    Args:
        places: in metres, in order of time.
        times_s: of each.
    """
    if len(places) < 2:
        return 0.0
    times = np.array(times_s)
    first = np.searchsorted(times, times - SMOOTH_S)
    last = np.searchsorted(times, times + SMOOTH_S, side="right")
    sums = np.concatenate([np.zeros((1, 2)), np.cumsum(places, axis=0)])
    smooth = (sums[last] - sums[first]) / (last - first)[:, None]
    return float(np.linalg.norm(np.diff(smooth, axis=0), axis=1).sum())
