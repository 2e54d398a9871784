"""Labelled boxes as files have them to samples: what is checked of every box, in whatever layout."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from preseason.data.boxes import LabelledBox
from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import IGNORE, Accept, label_from, readable, walk
from preseason.data.split_names import split_from
from preseason.errors import MediaError
from preseason.media import image

UNLABELLED = "nobody labelled it: it has no label file, where an empty one would say that nothing is there"
SAME_ASPECT = 0.02
"""How far the sides' ratio of a picture may be off the one its labels name, as a share."""
ROUNDING = 0.01
"""Share of the picture that a box may reach beyond it without a word."""
DOUBLE = 0.0005
"""Edges are rounded to this share of the picture where a box is compared with one that was written before."""
LISTED = 4
Edges = tuple[float, float, float, float]


@dataclass(frozen=True)
class Drawn:
    """A box as a file has it.

    Attributes:
        label: its class; empty where `fault` says why there is none.
        edges: x0 y0 x1 y1 in fractions of the picture as it is shown.
        place: where in the file, e.g. `line 3`.
        fault: why it cannot be read, or an empty text.
    """

    label: str
    edges: Edges
    place: str
    fault: str = ""


def faulty(place: str, fault: str) -> Drawn:
    """A box that cannot be read."""
    return Drawn("", (0.0, 0.0, 0.0, 0.0), place, fault)


@dataclass
class BoxReading:
    """Pictures with their boxes while a layout is read.

    Attributes:
        found: every file that was named so far, usable or not.
        said: how often what was taken for what, by the words that say so.
    """

    root: Path
    accept: Accept
    samples: list[Sample] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    found: dict[Path, str] = field(default_factory=dict)
    said: Counter[str] = field(default_factory=Counter)

    def picture(
        self, path: Path, boxes: Iterable[Drawn], split: str | None = None, group: str | None = None
    ) -> None:
        """Add a labelled picture; boxes that cannot be used are named, the others kept.

        A picture that was added before stays as it was.
        """
        if self.known(path):
            self.skip(path, "named twice: what was read first is kept")
            return
        self.found[path.absolute()] = ""
        reason = self.accept.file(path)
        if reason is not None:
            self.skip(path, reason)
            return
        kept, faults = _checked(boxes, self.said)
        for fault, places in faults.items():
            self.skip(path, _left_out(fault, places))
        if faults and not kept:
            self.skip(path, "none of its boxes can be used, so the picture is left out")
            return
        self.samples.append(Sample(File(path), group=group, split=split, boxes=tuple(kept)))

    def skip(self, path: Path | str, reason: str) -> None:
        """Name a file as left out; a reason that wants no words is passed over."""
        if reason != IGNORE:
            self.skipped.append(Skipped(readable(str(path)), reason))

    def known(self, path: Path) -> bool:
        """Whether a picture was added or judged."""
        return path.absolute() in self.found

    def unlabelled(self, paths: Iterable[Path], reason: str = UNLABELLED) -> None:
        """Name the pictures among `paths` that were not added."""
        for path in paths:
            if not self.known(path):
                self.found[path.absolute()] = ""
                self.skip(path, self.accept.file(path) or reason)

    def dataset(self, layout: str) -> Dataset:
        """All that was read, in path order."""
        samples = tuple(sorted(self.samples, key=lambda sample: sample.source.below(self.root)))
        labels = tuple(sorted({label for sample in samples for label in sample.classes}))
        told = (f"{count:,} {words}." for words, count in self.said.items())
        notes = (*dict.fromkeys(self.notes), *told)
        return Dataset(self.root, layout, samples, labels, tuple(self.skipped), notes)


def pictures_below(root: Path) -> list[Path]:
    """Every file under `root` whose name ends as pictures' do, in order."""
    return walk(root, Accept(lambda path: None if path.suffix.lower() in image.SUFFIXES else IGNORE)).paths


def split_of(path: Path, root: Path) -> str | None:
    """The part of a split that a folder between `root` and the file names, e.g. `images/train/1.jpg`."""
    inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    named = (split_from(part) for part in inside.parts[:-1])
    return next((part for part in named if part is not None), None)


@dataclass(frozen=True)
class Frame:
    """A picture's sides as it is shown, and how labels in pixels are laid on it.

    Attributes:
        width, height: in pixels, of what the labels are drawn on.
        turn: EXIF orientation 1..8 by which labels are turned; 1 for those drawn on the picture as shown.
    """

    width: float
    height: float
    turn: int = 1

    def fractions(self, x0: float, y0: float, x1: float, y1: float) -> Edges:
        """Edges in pixels as fractions of the picture as it is shown."""
        one = turned(x0 / self.width, y0 / self.height, self.turn)
        other = turned(x1 / self.width, y1 / self.height, self.turn)
        if self.turn == 1:
            return (*one, *other)
        (left, right), (top, bottom) = (sorted(pair) for pair in zip(one, other, strict=True))
        return left, top, right, bottom


def turned(x: float, y: float, orientation: int) -> tuple[float, float]:
    """Where a point of the stored picture lies when it is shown as its EXIF orientation says."""
    across, down = (x, y) if orientation < 5 else (y, x)
    return (
        1 - across if orientation in (2, 3, 6, 7) else across,
        1 - down if orientation in (3, 4, 7, 8) else down,
    )


def frame_of(path: Path, width: float = 0, height: float = 0) -> Frame:
    """How labels lie on a picture that they say has these sides; 0 where they do not say.

    Raises:
        MediaError: the picture cannot be read, or is another than the one that was labelled.
    """
    (high, wide), orientation = image.header(path)
    if not (width > 0 and height > 0 and math.isfinite(width + height)):
        return Frame(wide, high)
    if orientation >= 5 and (width, height) == (high, wide) and wide != high:
        return Frame(width, height, orientation)
    if abs(math.log(width * high / (height * wide))) > SAME_ASPECT:
        raise MediaError(
            f"its labels were drawn on a picture of {width:g} x {height:g} pixels, and it has {wide} x {high}"
        )
    return Frame(width, height)


def _checked(boxes: Iterable[Drawn], said: Counter[str]) -> tuple[list[LabelledBox], dict[str, list[str]]]:
    kept: dict[object, LabelledBox] = {}
    faults: defaultdict[str, list[str]] = defaultdict(list)
    for drawn in boxes:
        fault, box = _judged(drawn, said)
        key = None if box is None else _cells(box)
        if box is not None and key in kept:
            fault, box = f"the same box a second time ({box.label})", None
        if box is None:
            faults[fault].append(drawn.place)
        else:
            kept[key] = box
    return list(kept.values()), faults


def _judged(drawn: Drawn, said: Counter[str]) -> tuple[str, LabelledBox | None]:
    label = label_from(drawn.label)
    if drawn.fault or not label:
        return drawn.fault or "no class", None
    if not all(map(math.isfinite, drawn.edges)):
        return "edges that are no numbers", None
    x0, x1 = sorted(drawn.edges[::2])
    y0, y1 = sorted(drawn.edges[1::2])
    if (x0, y0, x1, y1) != drawn.edges:
        said["boxes had their corners in another order: they were put in order"] += 1
    inside = [min(max(edge, 0.0), 1.0) for edge in (x0, y0, x1, y1)]
    if x0 == x1 or y0 == y1:
        return f"no size ({label})", None
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        hint = ": pixels where fractions of the picture are expected?" if min(x1, y1) > 2 else ""
        return f"outside the picture ({label}){hint}", None
    if max(abs(edge - old) for edge, old in zip(inside, (x0, y0, x1, y1), strict=True)) > ROUNDING:
        said["boxes reached beyond the picture: they were cut at its edge"] += 1
    return "", LabelledBox(label, *inside)


def _cells(box: LabelledBox) -> tuple[str, ...]:
    return (box.label, *(f"{edge / DOUBLE:.0f}" for edge in (box.x0, box.y0, box.x1, box.y1)))


def _left_out(fault: str, places: list[str]) -> str:
    what = "one of its boxes was" if len(places) == 1 else f"{len(places)} of its boxes were"
    shown = ", ".join(places[:LISTED]) + (", ..." if len(places) > LISTED else "")
    return f"{what} left out, {fault}: {shown}"


def number(text: object) -> float:
    """A number as people and programs write it, with a comma for the point as well; nan for none.

    Example:
        >>> number("0,25"), number(" 3 "), number("abc")
        (0.25, 3.0, nan)
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return math.nan
    try:
        return float(str(text).strip().replace(",", "."))
    except ValueError:
        return math.nan
