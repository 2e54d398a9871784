"""The pitch from above with the paths of what was followed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from preseason.errors import UsageError
from preseason.report.drawn import COLOURS, TEAMS
from preseason.runtime.files import atomic_write
from preseason.spotting.pitch import LENGTH, WIDTH, PitchView

PIXELS_A_METRE = 10
EDGE = 40
LONGEST = 2000
"""Pixels of the longer side at most, whatever a person's own points span."""
GRASS, LINE = (46, 110, 62), (214, 228, 214)
TEXT = 16


@dataclass(frozen=True)
class Walk:
    """Where one thing was.

    Attributes:
        team: as of `TrackedBox`.
        places: metres, in order of time.
    """

    team: int | None
    places: Sequence[tuple[float, float]]


def write_pitch_map(paths: Mapping[int, Walk], view: PitchView, target: Path) -> None:
    """A PNG of the paths of tracks by number: a colour for each team, or each track.

    Lines of the pitch are drawn where the view was told by points of a football pitch.

    Raises:
        UsageError: the file cannot be written.
    """
    drawn = _Map(paths, view)
    for number, path in paths.items():
        drawn.add(number, path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as part:
            drawn.picture.save(part, "PNG")
    except OSError as error:
        raise UsageError(f"--draw {target} cannot be written: {error.strerror or error}.") from error


class _Map:
    """Metres to pixels, and the pen."""

    def __init__(self, paths: Mapping[int, Walk], view: PitchView) -> None:
        places = [place for path in paths.values() for place in path.places]
        corners = [(0.0, 0.0), (LENGTH, WIDTH)] if view.named else (places or [(0.0, 0.0), (1.0, 1.0)])
        self._left, self._top = (min(corner[axis] for corner in corners) for axis in (0, 1))
        wide, high = (
            max(max(corner[axis] for corner in corners) - start, 1.0)
            for axis, start in ((0, self._left), (1, self._top))
        )
        self._scale = min(PIXELS_A_METRE, LONGEST / max(wide, high))
        size = (round(wide * self._scale) + 2 * EDGE, round(high * self._scale) + 2 * EDGE)
        self.picture = Image.new("RGB", size, GRASS)
        self._pen = ImageDraw.Draw(self.picture)
        self._font = ImageFont.load_default(TEXT)
        if view.named:
            self._lines()

    def add(self, number: int, path: Walk) -> None:
        """A path, with its number where it ends."""
        if not path.places:
            return
        colour = (
            COLOURS[number % len(COLOURS)] if path.team is None else TEAMS[min(path.team, len(TEAMS) - 1)]
        )
        points = [self._at(*place) for place in path.places]
        if len(points) > 1:
            self._pen.line(points, fill=colour, width=2, joint="curve")
        x, y = points[-1]
        self._pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=colour)
        self._pen.text((x + 7, y - TEXT), str(number), fill=(255, 255, 255), font=self._font)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return EDGE + (x - self._left) * self._scale, EDGE + (y - self._top) * self._scale

    def _lines(self) -> None:
        middle = WIDTH / 2
        self._box(0, 0, LENGTH, WIDTH)
        self._pen.line([self._at(LENGTH / 2, 0), self._at(LENGTH / 2, WIDTH)], fill=LINE, width=2)
        circle = (*self._at(LENGTH / 2 - 9.15, middle - 9.15), *self._at(LENGTH / 2 + 9.15, middle + 9.15))
        self._pen.ellipse(circle, outline=LINE, width=2)
        for depth, half in ((16.5, 20.16), (5.5, 9.16)):
            self._box(0, middle - half, depth, middle + half)
            self._box(LENGTH - depth, middle - half, LENGTH, middle + half)

    def _box(self, x0: float, y0: float, x1: float, y1: float) -> None:
        self._pen.rectangle((*self._at(x0, y0), *self._at(x1, y1)), outline=LINE, width=2)
