"""Pieces of large files, on disk or in stores, that are not unpacked: byte ranges, Parquet cells."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from preseason.runtime.addresses import is_address
from preseason.stores.store import store_at, told

HELD_BYTES = 2**30
"""Of row groups that are kept in memory, the latest."""


@dataclass(frozen=True)
class Range:
    """Bytes of a container from `start` on."""

    start: int
    size: int

    def read(self, container: str) -> bytes:
        """The bytes.

        Raises:
            OSError: the file cannot be read.
            DataError: the store cannot be reached.
        """
        if not is_address(container):
            with Path(container).open("rb") as file:
                file.seek(self.start)
                return file.read(self.size)
        store = store_at(container)
        with told(container):
            found: bytes = store.files.cat_file(store.root, start=self.start, end=self.start + self.size)
            return found


@dataclass(frozen=True)
class Cell:
    """One cell of a Parquet file.

    Attributes:
        group: number of the row group.
        row: number of the row in it.
        column: name of the column, whose values are bytes, or structures with the field `bytes`.
    """

    group: int
    row: int
    column: str

    def read(self, container: str) -> bytes:
        """The bytes in the cell; none where it is empty. Its row group is read as a whole, and kept a while.

        Raises:
            OSError: the file cannot be read.
            DataError: the store cannot be reached.
        """
        value = _groups.column(container, self.group, self.column)[self.row].as_py()
        if isinstance(value, dict):
            value = value.get("bytes")
        return value or b""


@contextmanager
def opened(container: str) -> Iterator[BinaryIO]:
    """A container to read from beginning to end, or to jump in.

    Raises:
        OSError: the file cannot be opened.
        DataError: the store cannot be reached.
    """
    if not is_address(container):
        with Path(container).open("rb") as file:
            yield file
        return
    store = store_at(container)
    with told(container), store.files.open(store.root, "rb") as file:
        yield file


class _Groups:
    """Columns of row groups; threads that ask for the same one wait for one reading."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, tuple[int, int], int, str], Any] = OrderedDict()

    def column(self, container: str, group: int, name: str) -> Any:
        key = (container, _state_of(container), group, name)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            from pyarrow import parquet

            with opened(container) as file:
                found = parquet.ParquetFile(file).read_row_group(group, columns=[name]).column(name)
            self._kept[key] = found
            while len(self._kept) > 1 and sum(each.nbytes for each in self._kept.values()) > HELD_BYTES:
                self._kept.popitem(last=False)
            return found


def _state_of(container: str) -> tuple[int, int]:
    """Size and time of a file, so that one written anew is read anew; of a store nothing is asked."""
    if is_address(container):
        return 0, 0
    about = Path(container).stat()
    return about.st_size, about.st_mtime_ns


_groups = _Groups()
