"""COCO: a JSON file of images, annotations and categories, or one for each part of a split."""

import json
import math
import mmap
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preseason.data.box_reading import BoxReading, Drawn, Frame, faulty, frame_of, number, split_of
from preseason.data.dataset import Dataset
from preseason.data.files import Accept, files_in, folders_in, readable
from preseason.data.layouts.base import Layout, layouts
from preseason.data.picture_index import PictureIndex
from preseason.data.split_names import split_from
from preseason.errors import DataError, MediaError
from preseason.media.text import read_text

DEEPEST = 2
"""Folders below the root in which such files are looked for."""
NOT_LISTED = "not among the images of the COCO file"
Json = dict[str, Any]


def matches(root: Path) -> bool:
    """Whether there is a JSON file with images and annotations at, in or shortly below `root`."""
    return next(_files(root), None) is not None


def read(root: Path, accept: Accept) -> Dataset:
    """Every image that is listed; one without annotations shows nothing of what was labelled.

    Raises:
        DataError: a file is no JSON.
    """
    reading = _Reading(BoxReading(root, accept), PictureIndex(root if root.is_dir() else root.parent))
    for path in _files(root):
        _read_file(reading, path)
    listed = {picture.parent for picture in reading.boxes.found}
    near = [picture for picture in reading.index.pictures if picture.parent in listed]
    reading.boxes.unlabelled(near, NOT_LISTED)
    return reading.boxes.dataset("coco")


@dataclass
class _Reading:
    boxes: BoxReading
    index: PictureIndex


@dataclass(frozen=True)
class _Coco:
    """One file.

    Attributes:
        names: class names by the text of their id.
        doubtful: ids that stand for two names.
        drawn: annotations by the text of their image's id, with their place in the file.
    """

    path: Path
    images: list[Json]
    names: dict[str, str]
    doubtful: frozenset[str]
    drawn: dict[str, list[tuple[int, Json]]] = field(default_factory=dict)


def is_coco(path: Path) -> bool:
    """Whether a JSON file has the keys of a labelled set."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size < 10 or file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return all(content.find(key) >= 0 for key in (b'"images"', b'"annotations"', b'"categories"'))
    except (OSError, ValueError):
        return False


def _files(root: Path, depth: int = DEEPEST) -> Iterator[Path]:
    if root.is_file():
        if root.suffix.lower() == ".json" and is_coco(root):
            yield root
        return
    yield from (path for path in files_in(root) if path.suffix.lower() == ".json" and is_coco(path))
    for folder in folders_in(root) if depth else ():
        yield from _files(folder, depth - 1)


def _read_file(reading: _Reading, path: Path) -> None:
    coco = _loaded(path)
    split = split_from_name(path.stem) or split_of(path, reading.boxes.root)
    ids = set()
    for image in coco.images:
        key = str(image.get("id"))
        ids.add(key)
        _read_image(reading, coco, image, coco.drawn.get(key, []), split)
    lost = sum(len(drawn) for key, drawn in coco.drawn.items() if key not in ids)
    if lost:
        reading.boxes.skip(path, f"{lost} annotations name images that it does not list")
    for each in sorted(coco.doubtful):
        reading.boxes.skip(path, f"category {each} has two names, so its boxes were left out")


def split_from_name(stem: str) -> str | None:
    """The part of the split in a file's name, such as `instances_val2017`.

    Example:
        >>> split_from_name("instances_val2017"), split_from_name("_annotations.coco")
        ('validation', None)
    """
    words = "".join(letter if letter.isalpha() else " " for letter in stem).split()
    return next((part for part in map(split_from, words) if part is not None), None)


def _loaded(path: Path) -> _Coco:
    try:
        content = json.loads(read_text(path, None))
    except (json.JSONDecodeError, RecursionError, MediaError) as error:
        raise DataError(f"{path} is no JSON that can be read: {error}.") from None
    lists = {key: _objects(content, key) for key in ("images", "annotations", "categories")}
    names: dict[str, str] = {}
    doubtful = set()
    for category in lists["categories"]:
        key, name = str(category.get("id")), str(category.get("name") or "").strip()
        if names.get(key, name) != name:
            doubtful.add(key)
        names.setdefault(key, name)
    drawn: defaultdict[str, list[tuple[int, Json]]] = defaultdict(list)
    for place, annotation in enumerate(lists["annotations"], start=1):
        drawn[str(annotation.get("image_id"))].append((place, annotation))
    return _Coco(path, lists["images"], names, frozenset(doubtful), drawn)


def _objects(content: Any, key: str) -> list[Json]:
    found = content.get(key) if isinstance(content, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _read_image(
    reading: _Reading, coco: _Coco, image: Json, drawn: list[tuple[int, Json]], split: str | None
) -> None:
    name = str(image.get("file_name") or image.get("path") or "")
    path = reading.index.find(name, _folders(reading.index.root, coco.path, split))
    if path is None:
        reading.boxes.skip(coco.path, f"its image {readable(name)[:120]!r} is not there")
        return
    reason = reading.boxes.accept.file(path)
    try:
        frame = Frame(1, 1) if reason or not drawn else frame_of(path, *_sides(image))
    except MediaError as error:
        reading.boxes.unlabelled([path], str(error))
        return
    boxes = [_drawn(coco, place, annotation, frame) for place, annotation in drawn]
    video = image.get("video_id")
    group = None if video in (None, "") else f"video {video}"
    reading.boxes.picture(path, boxes, split or split_of(path, reading.index.root), group)


def _sides(image: Json) -> tuple[float, float]:
    wide, high = number(image.get("width")), number(image.get("height"))
    return (wide, high) if math.isfinite(wide + high) else (0.0, 0.0)


def _folders(root: Path, path: Path, split: str | None) -> list[Path]:
    """Where the images of a file may lie, the likeliest first."""
    own = path.absolute().parent
    word = path.stem.rsplit("_", 1)[-1]
    inside_root = own.is_relative_to(root) and own != root
    tops = list(dict.fromkeys((own, own.parent, root))) if inside_root else [root]
    inside = ("", "images", word, f"images/{word}", *((split, f"images/{split}") if split else ()))
    return [top / name if name else top for top in tops for name in inside]


def _drawn(coco: _Coco, place: int, annotation: Json, frame: Frame) -> Drawn:
    where, key = f"annotation {place}", str(annotation.get("category_id"))
    label = coco.names.get(key, "")
    if key in coco.doubtful:
        return faulty(where, f"category {key} has two names")
    if not label:
        return faulty(where, f"category {readable(key)[:40]} is none of those listed")
    if str(annotation.get("iscrowd", 0)) in ("1", "True"):
        return faulty(where, "marked as a crowd, which is not one thing")
    edges = _edges(annotation)
    return faulty(where, "no box") if edges is None else Drawn(label, frame.fractions(*edges), where)


def _edges(annotation: Json) -> tuple[float, float, float, float] | None:
    """In pixels, from the box, or around the outline where there is none."""
    box = annotation.get("bbox")
    if isinstance(box, list) and len(box) == 4:
        x, y, w, h = map(number, box)
        return x, y, x + w, y + h
    outlines = annotation.get("segmentation")
    several = outlines if isinstance(outlines, list) else []
    points = [number(value) for each in several if isinstance(each, list) for value in each]
    if len(points) < 4 or len(points) % 2:
        return None
    return min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2])


layouts.add(
    "coco",
    Layout(
        "a COCO JSON file with images, annotations and categories, or one for each part of a split",
        1,
        True,
        matches,
        read,
        boxes=True,
    ),
)
