"""The feature bank: activations of frozen networks on disk, found by content, safe against kill -9.

A shelf holds rows of one shape: what one pass of one network gave for each example. It is a folder of
segments; a segment is a `.rows` file (the rows, one after the other) and a `.keys` journal, one line for
each complete row. A writer has a segment of its own and appends the row before its journal line, so that a
process that dies leaves at most one row that no line names, and two processes never write one file.
"""

import errno
import json
import os
import shutil
import time
import uuid
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.engine.upkeep import content_of, size_of, touch
from preseason.errors import CacheError
from preseason.runtime.files import write_text

SEGMENT_BYTES = 256 * 2**20
"""A writer begins a new segment past this size, so that eviction has small pieces to take."""


@dataclass(frozen=True)
class _Place:
    segment: Path
    index: int
    checksum: int


class Rows:
    """Rows of a shelf in the order of the keys asked for, read from disk when indexed.

    Attributes:
        shape: (n, *row_shape).
    """

    def __init__(self, places: Sequence[_Place], row_shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = (len(places), *row_shape)
        self._places = places
        self._dtype = dtype
        self._maps: dict[Path, NDArray[Any]] = {}

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | slice | NDArray[np.int64]) -> NDArray[Any]:
        """A copy of the chosen rows, [m, *row_shape] (or one row for an int)."""
        if isinstance(index, int | np.integer):
            return np.array(self._row(self._places[index]))
        chosen = np.arange(len(self))[index]
        out = np.empty((len(chosen), *self.shape[1:]), self._dtype)
        for position, i in enumerate(chosen):
            out[position] = self._row(self._places[i])
        return out

    def mapped(self, index: int) -> NDArray[Any]:
        """One row [*row_shape] as it lies on disk, read-only: what is taken of it is all that is read."""
        return self._row(self._places[index])

    def told(self, chosen: NDArray[np.int64], cache: Path) -> tuple[dict[str, Any], NDArray[np.int64]]:
        """Where the chosen rows lie below `cache`, for `rows_from`: plain values, and places int64 [m, 2]."""
        segments = list(dict.fromkeys(self._places[i].segment for i in chosen))
        numbers = {segment: number for number, segment in enumerate(segments)}
        places = [(numbers[self._places[i].segment], self._places[i].index) for i in chosen]
        names = [segment.relative_to(cache).as_posix() for segment in segments]
        values = {"segments": names, "row_shape": list(self.shape[1:]), "dtype": self._dtype.name}
        return values, np.array(places, np.int64).reshape(-1, 2)

    def _row(self, place: _Place) -> NDArray[Any]:
        if place.segment not in self._maps:
            self._maps[place.segment] = self._mapped(place.segment)
        row: NDArray[Any] = self._maps[place.segment][place.index]
        return row

    def _mapped(self, segment: Path) -> NDArray[Any]:
        try:
            flat: NDArray[Any] = np.memmap(segment, self._dtype, mode="r")
        except FileNotFoundError as error:
            raise CacheError(
                f"The feature bank in {segment.parent.parent} was cleared while it was in use. Run the same "
                "command again."
            ) from error
        size = int(np.prod(self.shape[1:]))
        return flat[: flat.size // size * size].reshape(-1, *self.shape[1:])


def rows_from(told: dict[str, Any], places: NDArray[np.int64], cache: Path) -> Rows:
    """The rows that another process told with `Rows.told`, below this process's `cache`."""
    segments = [cache / name for name in told["segments"]]
    found = [_Place(segments[number], index, 0) for number, index in places.tolist()]
    return Rows(found, tuple(told["row_shape"]), np.dtype(told["dtype"]))


class Shelf:
    """Rows of one shape and dtype, keyed by the content they were computed from.

    Raises:
        CacheError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, row_shape: tuple[int, ...], what: str, dtype: str = "float16") -> None:
        self.folder = folder
        self.row_shape = row_shape
        self.dtype = np.dtype(dtype)
        self._row_bytes = int(np.prod(row_shape)) * self.dtype.itemsize
        self._places: dict[str, _Place] = {}
        self._checked: set[str] = set()
        self._read: dict[Path, tuple[int, int]] = {}
        self.damaged = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._describe(what)
            touch(self.folder)
        except OSError as error:
            raise _cannot_write(folder, error) from error
        self.refresh()

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those of `keys` that have no intact row yet, each once, in order; damaged rows are dropped."""
        return [key for key in dict.fromkeys(keys) if not self._holds(key)]

    def rows(self, keys: Sequence[str]) -> Rows:
        """The rows of `keys`.

        Raises:
            KeyError: a key has no row; ask `missing` first.
        """
        return Rows([self._places[key] for key in keys], self.row_shape, self.dtype)

    def writer(self) -> "Writer":
        """Where new rows are appended; rows are readable at once and survive kill -9."""
        return Writer(self)

    def _describe(self, what: str) -> None:
        path = self.folder / "shelf.json"
        facts = {"what": what, "row_shape": list(self.row_shape), "dtype": self.dtype.name}
        if path.exists():
            known = _read_json(path)
            if known is not None and all(known.get(n) == facts[n] for n in ("row_shape", "dtype")):
                return
            shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True)
        write_text(path, json.dumps(facts))

    def refresh(self) -> None:
        """Find rows that other processes have written since."""
        for journal in sorted(self.folder.glob("*.keys")):
            begin, count = self._read.get(journal, (0, 0))
            if size_of(journal) == begin:
                continue
            lines = content_of(journal)[begin:].split(b"\n")[:-1]
            segment = journal.with_suffix(".rows")
            complete = size_of(segment) // self._row_bytes
            for index, line in enumerate(lines, start=count):
                self._register(line, segment, index, complete)
            self._read[journal] = (begin + sum(len(line) + 1 for line in lines), count + len(lines))

    def _register(self, line: bytes, segment: Path, index: int, complete: int) -> None:
        key, _, checksum = line.decode("ascii", "replace").rpartition(" ")
        if key and checksum.isdigit() and index < complete:
            self._places[key] = _Place(segment, index, int(checksum))
        else:
            self.damaged += 1

    def _holds(self, key: str) -> bool:
        place = self._places.get(key)
        if place is None or key in self._checked:
            return place is not None
        if self._checksum(key, place) == place.checksum:
            self._checked.add(key)
            return True
        self.damaged += 1
        del self._places[key]
        return False

    def _checksum(self, key: str, place: _Place) -> int | None:
        """Of the key and the row: damage to either is found."""
        try:
            with place.segment.open("rb") as file:
                file.seek(place.index * self._row_bytes)
                return zlib.crc32(file.read(self._row_bytes), zlib.crc32(key.encode("ascii", "replace")))
        except OSError:
            return None


class Loose:
    """A shelf in memory, for rows that are not worth keeping: same use as `Shelf`."""

    def __init__(self, row_shape: tuple[int, ...], dtype: str = "float16") -> None:
        self.row_shape = row_shape
        self.dtype = np.dtype(dtype)
        self._rows: dict[str, NDArray[Any]] = {}

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those of `keys` that have no row yet, each once, in order."""
        return [key for key in dict.fromkeys(keys) if key not in self._rows]

    def rows(self, keys: Sequence[str]) -> NDArray[Any]:
        """The rows of `keys`, [n, *row_shape]."""
        out = np.empty((len(keys), *self.row_shape), self.dtype)
        for index, key in enumerate(keys):
            out[index] = self._rows[key]
        return out

    def append(self, key: str, row: NDArray[Any]) -> None:
        """Hold `row` under `key`."""
        self._rows[key] = _fit_range(row, self.dtype)


class Writer:
    """Appends rows to a segment of its own; use it as a context manager.

    Raises:
        CacheError: the disk is full or the folder cannot be written; rows written before stay.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._open: tuple[Any, Any] | None = None
        self._segment = Path()
        self._count = 0

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def append(self, key: str, row: NDArray[Any]) -> None:
        """Store `row` [*row_shape] under `key`; values beyond the dtype's range are clipped to it."""
        shelf = self._shelf
        if row.shape != shelf.row_shape:
            raise ValueError(f"row of shape {row.shape} on a shelf of {shelf.row_shape}")
        data = _fit_range(row, shelf.dtype).tobytes()
        checksum = zlib.crc32(data, zlib.crc32(key.encode("ascii")))
        try:
            rows, keys = self._files()
            rows.write(data)
            rows.flush()
            keys.write(f"{key} {checksum}\n".encode("ascii"))
            keys.flush()
        except OSError as error:
            raise _cannot_write(shelf.folder, error) from error
        shelf._places[key] = _Place(self._segment, self._count, checksum)
        shelf._checked.add(key)
        self._count += 1

    def _files(self) -> tuple[Any, Any]:
        if self._open is None or self._count * self._shelf._row_bytes >= SEGMENT_BYTES:
            self._close()
            # Named by time, so that of two rows of one key the later, which replaced a damaged one, is read.
            name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:12]}.rows"
            self._segment = self._shelf.folder / name
            self._open = (self._segment.open("wb"), self._segment.with_suffix(".keys").open("wb"))
            self._count = 0
        return self._open

    def _close(self) -> None:
        for file in self._open or ():
            # On a full disk closing fails once more for bytes whose write has failed already.
            with suppress(OSError):
                file.close()
        self._open = None


def _fit_range(row: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if np.issubdtype(dtype, np.floating) and dtype.itemsize < row.dtype.itemsize:
        limit = float(np.finfo(dtype).max)
        row = np.clip(row, -limit, limit)
    return np.ascontiguousarray(row, dtype)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _cannot_write(folder: Path, error: OSError) -> CacheError:
    if error.errno == errno.ENOSPC:
        return CacheError(
            f"The disk is full: the feature bank in {folder.parent} cannot grow. What is there is kept. Free "
            "some space (`preseason cache clear`) or name another place with --cache, then run it again.",
            code="PS-C02",
        )
    reason = os.strerror(error.errno) if error.errno else str(error)
    return CacheError(
        f"The feature bank cannot be written in {folder.parent}: {reason}. Name another --cache."
    )
