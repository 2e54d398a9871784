"""Leases of work units as files in a shared folder: who holds one works on the unit; who dies loses it.

A lease is a file that only one process can make (O_EXCL). Its holder touches it now and then. Whoever wants
the unit and sees the file unchanged for a while, by a clock of its own, takes the lease over by renaming it
away, which again only one can do. A holder that was merely slow then does work twice, which does no harm:
rows of the bank are found by their content, and two equal rows are one; a member that was fitted twice has a
file for each time, and one of them is told.
"""

import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BEAT_S, STALE_S = 1.0, 15.0


class Leases:
    """The leases in one folder, as one process sees them.

    Args:
        stale_s: how long a lease may stay untouched.
    """

    def __init__(self, folder: Path, stale_s: float = STALE_S) -> None:
        self.folder, self.stale_s = folder, stale_s
        self._seen: dict[Path, tuple[int, float]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """Whether the lease called `name` was got; it is held, and touched, until the block is left."""
        path = self.folder / f"{name}.lease"
        if not self._take(path):
            yield False
            return
        done = threading.Event()
        beating = threading.Thread(target=beat, args=(path, done, self.stale_s / 10), daemon=True)
        beating.start()
        try:
            yield True
        finally:
            done.set()
            beating.join()
            path.unlink(missing_ok=True)

    def _take(self, path: Path) -> bool:
        for _ in range(2):
            # Looking costs a shared file system less than trying.
            if path.exists() and not self.stale(path):
                return False
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                return True
            except FileExistsError:
                if not self.stale(path):
                    return False
                gone = path.with_suffix(f".{uuid.uuid4().hex}")
                with suppress(FileNotFoundError):  # another process was quicker
                    path.rename(gone)
                    gone.unlink()
        return False

    def stale(self, path: Path) -> bool:
        """Whether the file has not been touched for `stale_s` seconds of this process's clock."""
        try:
            touched = path.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        before, since = self._seen.get(path, (None, 0.0))
        if before != touched:
            since = time.monotonic()
            self._seen[path] = (touched, since)
        return time.monotonic() - since >= self.stale_s


def beat(path: Path, done: threading.Event, every_s: float = BEAT_S) -> None:
    """Touch `path` every so often until `done`."""
    while not done.wait(every_s):
        with suppress(OSError):
            os.utime(path)
