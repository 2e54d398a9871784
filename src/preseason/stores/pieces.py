"""Pieces of large files, on disk or in stores, that are not unpacked: byte ranges, Parquet cells."""

import threading
import time
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
ASKED_S = 5.0
"""How long a store's word on a file holds: a question for each cell would take longer than reading it."""


State = tuple[int, str]
"""Size of a file, and its time or tag."""


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
        self._kept: OrderedDict[tuple[str, State, int, str], Any] = OrderedDict()
        self._asked: dict[str, tuple[float, State]] = {}

    def column(self, container: str, group: int, name: str) -> Any:
        with self._lock:
            key = (container, self._state_of(container), group, name)
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

    def _state_of(self, container: str) -> State:
        """What changes when a file is written anew; it is then read anew."""
        if not is_address(container):
            about = Path(container).stat()
            return about.st_size, str(about.st_mtime_ns)
        asked, state = self._asked.get(container, (-ASKED_S, (0, "")))
        if time.monotonic() - asked >= ASKED_S:
            state = store_at(container).state()
            self._asked[container] = time.monotonic(), state
        return state


_groups = _Groups()
