"""YOLO: a text file of boxes for each picture; classes by number, named in data.yaml, obj.names or so."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from preseason.data.box_reading import BoxReading, pictures_below, split_of
from preseason.data.class_names import LISTS, Names, names_in, nearest, read_names
from preseason.data.data_yaml import DataYaml, find_yaml, read_yaml
from preseason.data.dataset import Dataset
from preseason.data.files import IGNORE, Accept, files_in, folders_in, readable, walk
from preseason.data.layouts.base import Layout, layouts
from preseason.data.split_names import split_from
from preseason.data.yolo_lines import boxes_in, looks_like_labels
from preseason.errors import MediaError
from preseason.media import image
from preseason.media.text import read_text

LOOKED_AT = 400
"""Entries of a folder that are looked at to tell what lies there."""
DEEPEST = 4
NOT_NAMED = "lies where data.yaml names no part of the split"


def matches(root: Path) -> bool:
    """Whether there is a data.yaml, or a text of boxes beside a picture or in a labels folder."""
    if root.is_file():
        return find_yaml(root) is not None
    return root.is_dir() and (find_yaml(root) is not None or _has_labels(root, DEEPEST))


def read(root: Path, accept: Accept) -> Dataset:
    """Every picture with a label file; an empty one says that nothing is there, none that nobody looked.

    Raises:
        DataError: a data.yaml leads nowhere.
    """
    yaml = find_yaml(root)
    reading = _Reading(BoxReading(root, accept), None if yaml is None else read_yaml(yaml), _lists(root))
    pictures = list(_named_by_yaml(reading) if reading.yaml else _below(reading))
    for path, split in pictures:
        _picture(reading, path, split)
    if reading.yaml and reading.yaml.places:
        top = reading.yaml.path.parent
        reading.boxes.unlabelled(pictures_below(top), NOT_NAMED)
    _orphans(reading, root if root.is_dir() else root.parent)
    _say_names(reading)
    return reading.boxes.dataset("yolo")


@dataclass
class _Reading:
    """What is read, with the names that are known and the label files that were used."""

    boxes: BoxReading
    yaml: DataYaml | None
    lists: dict[Path, str]
    used: set[Path] = field(default_factory=set)
    names: dict[Path, tuple[Path | None, Names]] = field(default_factory=dict)

    def names_for(self, folder: Path) -> Names:
        """Class names of the label files in a folder."""
        if self.yaml is not None and self.yaml.names:
            return self.yaml.names
        if folder not in self.names:
            found = nearest(folder, self.boxes.root)
            self.names[folder] = (found, {} if found is None else read_names(found))
        return self.names[folder][1]


def _has_labels(folder: Path, depth: int) -> bool:
    """Whether some text of boxes goes with a picture, as far as the first entries tell."""
    files = list(islice(files_in(folder), LOOKED_AT))
    texts = [path for path in files if path.suffix.lower() == ".txt" and path.name.lower() not in LISTS]
    stems = {path.stem for path in files if path.suffix.lower() in image.SUFFIXES}
    paired = [path for path in texts if path.stem in stems or folder.name.lower() == "labels" or not stems]
    if any(looks_like_labels(path) and _goes_with_picture(path, stems) for path in islice(paired, 20)):
        return True
    inside = folders_in(folder)[:LOOKED_AT] if depth else []
    return any(_has_labels(each, depth - 1) for each in inside)


def _goes_with_picture(label: Path, stems: set[str]) -> bool:
    if label.stem in stems:
        return True
    return any(
        (folder / f"{label.stem}{suffix}").is_file()
        for folder in _picture_folders(label.parent)
        for suffix in image.OFTEN
    )


def _picture_folders(labels: Path) -> Iterator[Path]:
    """Where the pictures of a folder of labels may lie."""
    parts = labels.parts
    for place in reversed([i for i, part in enumerate(parts) if part.lower() == "labels"]):
        yield Path(*parts[:place], "images", *parts[place + 1 :])
        yield Path(*parts[:place], *parts[place + 1 :])


def _label_files(picture: Path) -> Iterator[Path]:
    """Where the labels of a picture may lie, the likeliest first."""
    name, parts = f"{picture.stem}.txt", picture.parent.parts
    for place in reversed([i for i, part in enumerate(parts) if part.lower() in ("images", "jpegimages")]):
        yield Path(*parts[:place], "labels", *parts[place + 1 :], name)
    yield picture.parent / name
    yield picture.parent / "labels" / name
    yield picture.parent.parent / "labels" / name
    yield picture.parent.parent / "labels" / picture.parent.name / name


def _picture(reading: _Reading, path: Path, split: str | None) -> None:
    if reading.boxes.known(path):
        reading.boxes.skip(path, "named twice: what was read first is kept")
        return
    label = next((each for each in _label_files(path) if each.is_file()), None)
    if label is None:
        reading.boxes.unlabelled([path])
        return
    reading.used.add(label.absolute())
    try:
        names = reading.names_for(label.parent) or reading.names_for(path.parent)
        points = 0 if reading.yaml is None else reading.yaml.keypoints
        drawn = boxes_in(label, names, reading.boxes.said, points)
    except MediaError as error:
        reading.boxes.found[path.absolute()] = ""
        reading.boxes.skip(label, str(error))
        return
    reading.boxes.picture(path, drawn, split)


def _named_by_yaml(reading: _Reading) -> Iterator[tuple[Path, str | None]]:
    yaml = reading.yaml
    if yaml is None:
        return
    reading.boxes.notes += [f"{note}." for note in yaml.notes]
    if not yaml.places:
        if yaml.notes:
            top = yaml.path.absolute().parent.name
            reading.boxes.notes.append(f"Everything below {top} was read in place of it.")
        yield from ((path, split_of(path, yaml.path.parent)) for path in pictures_below(yaml.path.parent))
    for part, place in yaml.places:
        yield from ((path, part) for path in _pictures_at(place))


def _pictures_at(place: Path) -> Iterable[Path]:
    if place.is_dir():
        return pictures_below(place)
    return _listed(place) if place.suffix.lower() == ".txt" else [place]


def _below(reading: _Reading) -> Iterator[tuple[Path, str | None]]:
    root = reading.boxes.root
    for path in pictures_below(root):
        yield path, reading.lists.get(path.absolute()) or split_of(path, root)


def _lists(root: Path) -> dict[Path, str]:
    """Parts of the split from lists of pictures such as train.txt."""
    found = {}
    for path in files_in(root) if root.is_dir() else ():
        part = split_from(path.stem) if path.suffix.lower() == ".txt" else None
        if part is not None and not looks_like_labels(path):
            found.update({picture.absolute(): part for picture in _listed(path)})
    return found


def _listed(path: Path) -> list[Path]:
    """The pictures that a list names, from its own folder or one above, or by the end of their paths."""
    try:
        lines = [line.strip().replace("\\", "/") for line in read_text(path).splitlines() if line.strip()]
    except MediaError:
        return []
    return [found for line in lines if (found := _at(path.absolute().parent, line)) is not None]


def _at(folder: Path, line: str) -> Path | None:
    parts = [part for part in line.split("/") if part not in ("", ".", "..")]
    tries = [folder / line, folder.parent / line, *(folder.joinpath(*parts[k:]) for k in range(len(parts)))]
    try:
        return next((Path(os.path.normpath(each)) for each in tries if each.is_file()), None)
    except (OSError, ValueError):
        return None


def _orphans(reading: _Reading, root: Path) -> None:
    """Name label files whose picture is not there."""
    texts = walk(root, Accept(lambda path: None if path.suffix.lower() == ".txt" else IGNORE)).paths
    for path in texts:
        if path.absolute() not in reading.used and path.name.lower() not in LISTS and looks_like_labels(path):
            reading.boxes.skip(path, "a label file whose picture is not there")


def _say_names(reading: _Reading) -> None:
    """Where class names came from, if that is not plain: above the folder, several lists, or nowhere."""
    boxes, root = reading.boxes, reading.boxes.root.absolute()
    if reading.yaml is not None and reading.yaml.names:
        _compare(reading, reading.yaml.path, reading.yaml.names)
        return
    used = {found: names for found, names in reading.names.values() if found is not None}
    for found in used:
        if not found.is_relative_to(root):
            boxes.notes.append(f"Class names were taken from {readable(str(found))}, above the folder.")
    if len({tuple(sorted(names.items())) for names in used.values()}) > 1:
        boxes.notes.append("Folders number classes differently; each was read by its own list of names.")
    if not used and boxes.samples:
        boxes.notes.append(
            "No file names the classes, so they are called by their numbers. Put classes.txt beside the "
            "pictures, a name a line."
        )


def _compare(reading: _Reading, path: Path, names: Names) -> None:
    """Say so where a list of names beside data.yaml numbers classes otherwise."""
    other = names_in(path.absolute().parent)
    listed = {} if other is None else read_names(other)
    if other is not None and listed and any(listed.get(k, name) != name for k, name in names.items()):
        reading.boxes.notes.append(
            f"{path.name} and {other.name} number the classes differently; {path.name} was followed."
        )


layouts.add(
    "yolo",
    Layout(
        "pictures with a YOLO text file each, and data.yaml, obj.names or classes.txt with the class names",
        3,
        True,
        matches,
        read,
        boxes=True,
    ),
)
