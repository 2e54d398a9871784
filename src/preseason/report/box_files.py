"""What was found on pictures as a data set that labelling tools open and a fit reads: YOLO, COCO, Pascal VOC.

The pictures are copied beside the labels as they are shown (turned by their EXIF tag), so that a person can
correct the boxes and learn from them.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree  # written here; reading has a parser of its own

import yaml
from PIL import Image

from preseason.data.boxes import FoundBox, coco_values, pixels_of
from preseason.data.safe_names import folder_names
from preseason.errors import UsageError
from preseason.media.image import decode
from preseason.results import PictureBoxes

QUALITY = 95
DIGITS = 6
"""Decimals of fractions; a ten-thousandth of a pixel of a picture 100 pixels wide."""


def write_data_set(
    form: str, found: Sequence[PictureBoxes], labels: Sequence[str], folder: Path
) -> list[Path]:
    """Pictures and labels in `folder`; gives the files of labels.

    Args:
        form: a key of `FORMS`.
        found: what was found on each picture.
        labels: names of the classes, in the order of their numbers.
        folder: a new folder, or an empty one.

    Raises:
        UsageError: the folder holds something or cannot be written.
        MediaError: a picture is gone meanwhile.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} holds something already: name a new folder for the data set.")
    try:
        return FORMS[form](found, labels, folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from error


def write_crops(found: Sequence[PictureBoxes], folder: Path) -> dict[Path, tuple[int, FoundBox]]:
    """Each box as a picture of its own, in a folder for its class, as a fit of photos reads them.

    Returns:
        For each file written the place of its picture in `found`, and its box.

    Raises:
        UsageError: the folder cannot be written.
        MediaError: a picture is gone meanwhile.
    """
    names = folder_names(dict.fromkeys(box.label for each in found for box in each.boxes))
    written: dict[Path, tuple[int, FoundBox]] = {}
    try:
        for place, each in enumerate(found):
            picture = Image.fromarray(decode(Path(each.input))) if each.boxes else None
            for number, box in enumerate(each.boxes, start=1):
                path = _free(folder / names[box.label], f"{Path(each.input).stem}-{number}", written)
                if picture is not None:
                    picture.crop(pixels_of(box, each.width, each.height)).save(path, "JPEG", quality=QUALITY)
                written[path] = (place, box)
    except OSError as error:
        raise UsageError(f"--crops {folder} cannot be written: {error.strerror or error}.") from error
    return written


def _free(folder: Path, stem: str, taken: dict[Path, tuple[int, FoundBox]]) -> Path:
    """A name that is neither there nor taken: pictures of two folders may be called the same."""
    folder.mkdir(parents=True, exist_ok=True)
    numbered = (f"{stem}.jpg" if n == 1 else f"{stem}-{n}.jpg" for n in range(1, len(taken) + 10_000))
    return next(
        folder / name for name in numbered if folder / name not in taken and not (folder / name).exists()
    )


def _copied(found: Sequence[PictureBoxes], folder: Path) -> list[Path]:
    """The pictures as PNG or JPEG files in `folder`, no two of one name."""
    taken: dict[Path, tuple[int, FoundBox]] = {}
    written = []
    for each in found:
        path = _free(folder, Path(each.input).stem, taken)
        Image.fromarray(decode(Path(each.input))).save(path, "JPEG", quality=QUALITY)
        written.append(path)
    return written


def _yolo(found: Sequence[PictureBoxes], labels: Sequence[str], folder: Path) -> list[Path]:
    pictures = _copied(found, folder / "images")
    (folder / "labels").mkdir()
    written = []
    for path, each in zip(pictures, found, strict=True):
        lines = [yolo_line(box, labels) for box in each.boxes]
        written.append(folder / "labels" / f"{path.stem}.txt")
        written[-1].write_text("".join(lines), "utf-8")
    matter = {"path": ".", "train": "images", "names": dict(enumerate(labels))}
    (folder / "data.yaml").write_text(yaml.safe_dump(matter, sort_keys=False, allow_unicode=True), "utf-8")
    return written


def yolo_line(box: FoundBox, labels: Sequence[str], scored: bool = True) -> str:
    """Class, middle and sides as fractions, and the score where it is to stand there."""
    middle, sides = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2), (box.x1 - box.x0, box.y1 - box.y0)
    shown = " ".join(f"{value:.{DIGITS}f}" for value in (*middle, *sides))
    score = f" {box.score:.4f}" if scored else ""
    return f"{labels.index(box.label)} {shown}{score}\n"


def _coco(found: Sequence[PictureBoxes], labels: Sequence[str], folder: Path) -> list[Path]:
    pictures = _copied(found, folder)
    named = [(path.name, e.width, e.height, e.boxes) for path, e in zip(pictures, found, strict=True)]
    content = coco_values(named, labels)
    path = folder / "_annotations.coco.json"
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
    return [path]


def _voc(found: Sequence[PictureBoxes], labels: Sequence[str], folder: Path) -> list[Path]:
    pictures = _copied(found, folder / "JPEGImages")
    (folder / "Annotations").mkdir()
    written = []
    for path, each in zip(pictures, found, strict=True):
        top = ElementTree.Element("annotation")
        ElementTree.SubElement(top, "filename").text = path.name
        size = ElementTree.SubElement(top, "size")
        for name, value in (("width", each.width), ("height", each.height), ("depth", 3)):
            ElementTree.SubElement(size, name).text = str(value)
        for box in each.boxes:
            thing = ElementTree.SubElement(top, "object")
            ElementTree.SubElement(thing, "name").text = box.label
            ElementTree.SubElement(thing, "score").text = f"{box.score:.4f}"
            edges = ElementTree.SubElement(thing, "bndbox")
            for name, value in zip(
                ("xmin", "ymin", "xmax", "ymax"), pixels_of(box, each.width, each.height), strict=True
            ):
                ElementTree.SubElement(edges, name).text = str(value)
        written.append(folder / "Annotations" / f"{path.stem}.xml")
        written[-1].write_bytes(ElementTree.tostring(top, "utf-8"))
    return written


FORMS: dict[str, Callable[[Sequence[PictureBoxes], Sequence[str], Path], list[Path]]] = {
    "yolo": _yolo,
    "coco": _coco,
    "voc": _voc,
}
"""By name, what writes a data set."""
