"""Pascal VOC: an XML file of boxes for each picture, in Annotations/ beside JPEGImages/, or side by side."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

from preseason.data.box_reading import BoxReading, Drawn, faulty, frame_of, number, split_of
from preseason.data.dataset import Dataset
from preseason.data.files import IGNORE, Accept, files_in, folders_in, walk
from preseason.data.layouts.base import Layout, layouts
from preseason.data.picture_index import PictureIndex
from preseason.errors import MediaError
from preseason.media import content
from preseason.media.text import MAX_BYTES, read_text

DEEPEST = 3
LOOKED_AT = 5
ORDER = ("test", "validation", "train")
"""Where a picture is listed in several parts, the first of these counts."""
LISTS = {"train": "train", "val": "validation", "test": "test"}


def matches(root: Path) -> bool:
    """Whether there are XML files of annotations in or shortly below `root`."""
    return root.is_dir() and _has_annotations(root, DEEPEST)


def read(root: Path, accept: Accept) -> Dataset:
    """Every picture with an XML file; one without objects says that nothing is there.

    Raises:
        DataError: never by itself; an empty result is for the caller to judge.
    """
    boxes, index = BoxReading(root, accept), PictureIndex(root)
    found = [(path, _attempt(path)) for path in _xml_below(root)]
    lists = _lists(root)
    for path, each in found:
        if isinstance(each, str):
            boxes.skip(path, each)
        elif each is not None:
            _read_one(boxes, index, each, lists)
    boxes.unlabelled(index.pictures)
    return boxes.dataset("voc")


@dataclass(frozen=True)
class _Annotation:
    """One XML file.

    Attributes:
        picture: what it calls its picture.
        sides: width and height of the picture as labelled; 0 where it does not say.
        objects: class name, edges in pixels (nan for none) of each.
    """

    path: Path
    picture: str
    sides: tuple[float, float]
    objects: tuple[tuple[str, tuple[float, float, float, float]], ...]


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses documents that declare entities of their own, before any is read."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Raise MediaError."""
        raise MediaError("an XML file with declarations of its own, which are not read")


def _tree(path: Path) -> ElementTree.Element:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MediaError(f"larger than {MAX_BYTES // 1_000_000} MB, which are no labels of one picture")
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(content.opening_failure(error)) from None
    try:
        return ElementTree.fromstring(data, ElementTree.XMLParser(target=_NoDoctype()))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise MediaError(f"no XML that can be read ({error})") from None


def _attempt(path: Path) -> _Annotation | str | None:
    """What a file says, or why it cannot be read; None for XML of another kind."""
    try:
        top = _tree(path)
    except MediaError as error:
        return str(error)
    if top.tag != "annotation":
        return None
    sides = number(top.findtext("size/width") or ""), number(top.findtext("size/height") or "")
    return _Annotation(
        path,
        (top.findtext("filename") or "").strip(),
        (0.0, 0.0) if any(map(math.isnan, sides)) else sides,
        tuple(((each.findtext("name") or "").strip(), _edges(each)) for each in top.iter("object")),
    )


def _edges(thing: ElementTree.Element) -> tuple[float, float, float, float]:
    box = thing.find("bndbox")
    names = ("xmin", "ymin", "xmax", "ymax")
    x0, y0, x1, y1 = (number("" if box is None else box.findtext(name) or "") for name in names)
    return x0, y0, x1, y1


def _read_one(boxes: BoxReading, index: PictureIndex, each: _Annotation, lists: dict[str, str]) -> None:
    folders = _picture_folders(index.root, each.path)
    path = index.find(each.path.stem, folders) or index.find(each.picture, folders)
    if path is None:
        boxes.skip(each.path, "its picture is not there")
        return
    if boxes.accept.file(path) is not None:
        boxes.unlabelled([path])
        return
    try:
        frame = frame_of(path, *each.sides)
    except MediaError as error:
        boxes.unlabelled([path], str(error))
        return
    drawn = []
    for place, (label, (x0, y0, x1, y1)) in enumerate(each.objects, start=1):
        where = f"object {place}"
        if any(map(math.isnan, (x0, y0, x1, y1))):
            drawn.append(faulty(where, "no box of four numbers"))
        else:
            drawn.append(Drawn(label, frame.fractions(x0, y0, x1, y1), where))
    split = lists.get(each.path.stem) or split_of(each.path, index.root)
    boxes.picture(path, drawn, split)


def _picture_folders(root: Path, path: Path) -> list[Path]:
    own = path.absolute().parent
    names = ("JPEGImages", "images", "Images", "imgs")
    return [own, *(top / name for top in (own.parent, root) for name in names), own.parent]


def _lists(root: Path) -> dict[str, str]:
    """Parts of the split by the pictures' names without suffix, from ImageSets/Main/*.txt."""
    found: dict[str, str] = {}
    folders = [root / "ImageSets" / "Main", root / "ImageSets", root / "ImageSets" / "Layout"]
    for folder in (each for each in folders if each.is_dir()):
        named = {LISTS[path.stem]: path for path in files_in(folder) if path.stem in LISTS}
        for part in (each for each in reversed(ORDER) if each in named):
            found.update(dict.fromkeys(_stems(named[part]), part))
        if found:
            break
    return found


def _stems(path: Path) -> Iterator[str]:
    try:
        lines = read_text(path).splitlines()
    except MediaError:
        return
    for line in lines:
        words = line.split()
        # a list for one class has 1, 0 or -1 behind each name
        if words and words[-1] != "-1":
            yield words[0].rsplit("/", 1)[-1].removesuffix(".jpg").removesuffix(".png")


def _xml_below(root: Path) -> list[Path]:
    return walk(root, Accept(lambda path: None if path.suffix.lower() == ".xml" else IGNORE)).paths


def _has_annotations(folder: Path, depth: int) -> bool:
    xml = (path for path in files_in(folder) if path.suffix.lower() == ".xml")
    if any(_looks_like_one(path) for path in islice(xml, LOOKED_AT)):
        return True
    return depth > 0 and any(_has_annotations(each, depth - 1) for each in folders_in(folder)[:100])


def _looks_like_one(path: Path) -> bool:
    try:
        head = content.read_head(path)
    except MediaError:
        return False
    return b"<annotation" in head.replace(b"\x00", b"")


layouts.add(
    "voc",
    Layout(
        "pictures with a Pascal VOC XML file each, e.g. JPEGImages/1.jpg and Annotations/1.xml",
        2,
        True,
        matches,
        read,
        boxes=True,
    ),
)
