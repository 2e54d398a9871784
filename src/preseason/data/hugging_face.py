"""Data sets of the Hugging Face library `datasets`, taken as they are: pictures, also with boxes, sounds,
clips or texts.

The files inside a data set lie on disk only while they are used, under names with the number of their row;
those that the data set names by path are read where they lie.
"""

import glob
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preseason.data.column_names import COLUMNS, TEXT_COLUMNS, plain
from preseason.data.dataset import Dataset, File, Sample, Skipped, Source, Text
from preseason.data.given import root_of
from preseason.data.hugging_face_boxes import Objects, Picture, objects_of, read_pictures, sides_of
from preseason.data.split_names import split_from
from preseason.errors import UsageError
from preseason.formatting import did_you_mean
from preseason.media.content import kind

LAYOUT = "datasets"
FILES = ("Image", "Audio", "Video")
"""Features whose rows are files; the first kind that a data set has holds its examples."""
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "WAV sound": ".wav", "FLAC sound": ".flac"}


@dataclass(frozen=True)
class Named:
    """Columns that the user named; None where they are to be found.

    Attributes:
        inputs: of the pictures, sounds, clips or texts.
    """

    inputs: str | None = None
    label: str | None = None
    group: str | None = None
    split: str | None = None


def is_data_set(data: Any) -> bool:
    """Whether it is one of that library, which is not imported to find out."""
    library = sys.modules.get("datasets")
    names = ("Dataset", "IterableDataset", "DatasetDict", "IterableDatasetDict")
    kinds = tuple(getattr(library, name) for name in names if hasattr(library, name))
    return bool(kinds) and isinstance(data, kinds)


@contextmanager
def labelled(data: Any, cache: Path, named: Named = Named()) -> Iterator[Dataset]:
    """The data set's rows as labelled samples; their files are deleted afterwards.

    Args:
        data: for which `is_data_set` holds; the parts of a dictionary become train, validation and test.
        cache: folder below which files are written meanwhile.

    Raises:
        UsageError: a column that was named is not there, or it is not clear which column holds what.
    """
    with _room(cache) as folder:
        samples: list[Sample] = []
        skipped: list[Skipped] = []
        objects = next((found for _, rows in _parts(data) if (found := _objects(rows, named))), None)
        if objects is not None:
            yield _with_boxes(data, folder, named, objects)
            return
        for part, rows in _parts(data):
            columns = _columns(rows, named)
            place = folder / (part or "rows")
            place.mkdir()
            for number, row in enumerate(_undecoded(rows, columns.inputs)):
                name = f"row {number}" if part is None else f"row {number} of {part}"
                label = _label(row[columns.label or ""], rows.features[columns.label or ""])
                source = _source(row[columns.inputs or ""], place, str(number))
                if label is None or source is None:
                    skipped.append(Skipped(name, "it has no label" if label is None else "it is empty"))
                    continue
                split = split_from(part or "")
                if columns.split is not None:
                    split = split_from(str(row[columns.split]))
                group = None if columns.group is None else str(row[columns.group])
                samples.append(Sample(source, label, group=group, split=split))
        labels = tuple(sorted({str(sample.label) for sample in samples}))
        yield Dataset(
            root_of([sample.source for sample in samples]), LAYOUT, tuple(samples), labels, tuple(skipped)
        )


def _objects(rows: Any, named: Named) -> Objects | None:
    """The columns of boxes; none where another column was named for the labels."""
    return objects_of(rows.features, _there(named.label, rows.features))


def _with_boxes(data: Any, folder: Path, named: Named, objects: Objects) -> Dataset:
    """Pictures with their boxes; a row without any, not even an empty list, is left out."""
    pictures: list[Picture] = []
    skipped: list[Skipped] = []
    for part, rows in _parts(data):
        inputs = _inputs(rows, named.inputs)
        group, parted = (_there(column, rows.features) for column in (named.group, named.split))
        place = folder / (part or "rows")
        place.mkdir()
        for number, row in enumerate(_undecoded(rows, inputs)):
            name = f"row {number}" if part is None else f"row {number} of {part}"
            source, boxes = _source(row[inputs], place, str(number)), objects.of(row)
            if boxes is None or not isinstance(source, File):
                skipped.append(Skipped(name, "it has no boxes" if boxes is None else "it is empty"))
                continue
            split = split_from(str(row[parted]) if parted else part or "")
            of_group = None if group is None else str(row[group])
            pictures.append(Picture(name, source.path, boxes, sides_of(row), split, of_group))
    return read_pictures(pictures, objects, folder, skipped, LAYOUT)


@contextmanager
def unlabelled(data: Any, cache: Path, column: str | None = None) -> Iterator[list[Path | str]]:
    """The data set's pictures, sounds or clips as files, or its texts, in order; files go afterwards.

    Args:
        column: that holds them; None finds it.

    Raises:
        UsageError: as `labelled`; or it has several parts, or an empty row.
    """
    parts = list(_parts(data))
    if len(parts) != 1:
        names = ", ".join(str(part) for part, _ in parts)
        raise UsageError(f"The data set has the parts {names}: hand over one of them, e.g. data['test'].")
    ((_, rows),) = parts
    inputs = _inputs(rows, column)
    with _room(cache) as folder:
        found: list[Path | str] = []
        for number, row in enumerate(_undecoded(rows, inputs)):
            source = _source(row[inputs], folder, str(number))
            if source is None:
                raise UsageError(f"Row {number} of the data set is empty: leave it out before predict.")
            found.append(source.path if isinstance(source, File) else str(source))
        yield found


@contextmanager
def _room(cache: Path) -> Iterator[Path]:
    """A folder for files of this process; what processes that were killed here have left is deleted."""
    cache.mkdir(parents=True, exist_ok=True)
    mine = f"rows-{platform.node()}-"
    for left in cache.glob(f"{glob.escape(mine)}*"):
        number = left.name.removeprefix(mine).split("-", 1)[0]
        if number.isdigit() and not _runs(int(number)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=f"{mine}{os.getpid()}-") as folder:
        yield Path(folder)


def _runs(process: int) -> bool:
    """Whether a process of this machine runs; where that cannot be asked without ending it, it may."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def _parts(data: Any) -> Iterator[tuple[str | None, Any]]:
    parts: Iterable[tuple[str | None, Any]] = data.items() if isinstance(data, dict) else ((None, data),)
    for name, rows in parts:
        if rows.features is None:
            raise UsageError(
                "The features of the data set are not known: call its cast(...) or, where it is streamed, "
                "load it with features=..."
            )
        yield name, rows


def _columns(rows: Any, named: Named) -> Named:
    features = rows.features
    label = _there(named.label, features) or _label_column(features)
    if label is None:
        raise UsageError(
            f"None of the columns {', '.join(features)} is a label: expected a ClassLabel, or a column "
            "called label. Name it with label=..."
        )
    inputs = _inputs(rows, named.inputs, label)
    return Named(inputs, label, _there(named.group, features), _there(named.split, features))


def _inputs(rows: Any, named: str | None, label: str | None = None) -> str:
    """The column of the examples: of files where there is one, else of texts."""
    features = rows.features
    if found := _there(named, features):
        return found
    for kind_of in FILES:
        of_kind = [name for name, feature in features.items() if type(feature).__name__ == kind_of]
        if of_kind:
            return _only(of_kind, features)
    texts = [name for name, feature in features.items() if _is_text(feature) and name != label]
    usual = [name for name in texts if plain(name) in TEXT_COLUMNS["text"]]
    return _only(usual[:1] or texts, features)


def _only(names: list[str], features: Mapping[str, Any]) -> str:
    if len(names) == 1:
        return names[0]
    found = ", ".join(names) if names else "none of " + ", ".join(features)
    raise UsageError(
        f"It is not clear which column holds the examples ({found}): name it with path=..., or text=... for "
        "texts."
    )


def _there(name: str | None, features: Mapping[str, Any]) -> str | None:
    if name is not None and name not in features:
        hint = did_you_mean(name, features)
        raise UsageError(f"The data set has no column {name!r}.{hint} Found {', '.join(features)}.")
    return name


def _label_column(features: Mapping[str, Any]) -> str | None:
    """The only ClassLabel, else the likeliest by its name."""
    classes = [name for name, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    if len(classes) == 1:
        return classes[0]
    plain_names = {plain(name): name for name in classes or features}
    spellings = dict.fromkeys((*COLUMNS["label"], *TEXT_COLUMNS["label"]))
    return next((plain_names[each] for each in spellings if each in plain_names), None)


def _is_text(feature: Any) -> bool:
    return getattr(feature, "dtype", "") in ("string", "large_string")


def _undecoded(rows: Any, inputs: str | None) -> Iterable[Mapping[str, Any]]:
    """The rows, files as they are stored: what decodes them here is preseason."""
    feature = rows.features[inputs]
    if type(feature).__name__ not in FILES:
        return rows  # type: ignore[no-any-return]
    return rows.cast_column(inputs, type(feature)(decode=False))  # type: ignore[no-any-return]


def _label(value: Any, feature: Any) -> str | None:
    """The class name; None for a row without a label, which a ClassLabel gives as -1."""
    if value is None or (value == -1 and hasattr(feature, "int2str")):
        return None
    return str(feature.int2str(value) if hasattr(feature, "int2str") else value)


def _source(value: Any, folder: Path, stem: str) -> Source | None:
    """A file or a text; None for an empty row."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return Text(str(value))
    path, content = value.get("path"), value.get("bytes")
    if content is None:
        return None if path is None else _lying(str(path), folder, stem)
    return _written(content, str(path or ""), folder, stem)


def _lying(path: str, folder: Path, stem: str) -> Source:
    """A file that is named: of this machine where it lies; inside an archive, copied out of it."""
    if "://" not in path:
        return File(Path(path))
    import fsspec

    with fsspec.open(path, "rb") as file:
        return _written(file.read(), path.split("::", maxsplit=1)[0], folder, stem)


def _written(content: bytes, name: str, folder: Path, stem: str) -> Source:
    suffix = Path(name).suffix or SUFFIXES.get(kind(content[:1024]) or "", "")
    path = folder / f"{stem}{suffix}"
    path.write_bytes(content)
    return File(path)
