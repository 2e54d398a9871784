"""Work that takes minutes: one at a time, each told how far it is, never done twice."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from preseason.errors import PreseasonError
from preseason.runtime.progress import Progress
from preseason.serving.faults import RequestError

MAX_KEPT = 64
MAX_WAITING = 8


class Stopped(Exception):  # noqa: N818  no failure
    """The server ends, or nobody wants the work any more."""


class Chore:
    """One piece of work.

    Attributes:
        status: `waiting`, `running`, `done`, `failed` or `stopped`.
        share: how much of its stage is done, 0..1.
        stage: what it is at.
        result: what it gave.
        reason: why it failed.
    """

    def __init__(self, key: Hashable) -> None:
        self.id, self.key = uuid.uuid4().hex, key
        self.status, self.share, self.stage, self.reason = "waiting", 0.0, "", ""
        self.result: Any = None
        self.over = threading.Event()
        self.unwanted = threading.Event()

    def told(self) -> dict[str, Any]:
        """As sent."""
        told = {"id": self.id, "status": self.status, "share": round(self.share, 4), "stage": self.stage}
        return told | ({"reason": self.reason} if self.reason else {})


class Chores:
    """All work of a server; finished work is kept for a while."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="chores")
        self._kept: OrderedDict[Hashable, Chore] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: Hashable, work: Callable[[Progress], Any]) -> Chore:
        """The work of that key: under way or done already, else begun now.

        Raises:
            RequestError: 429 where too much waits.
        """
        with self._lock:
            chore = self._kept.get(key)
            if chore is not None and chore.status not in ("failed", "stopped"):
                return chore
            if sum(not each.over.is_set() for each in self._kept.values()) > MAX_WAITING:
                raise RequestError(
                    429, f"{MAX_WAITING} things are waiting already: ask again later.", retry_s=30
                )
            chore = self._kept[key] = Chore(key)
            self._kept.move_to_end(key)
            self._forget()
        self._pool.submit(_run, chore, work)
        return chore

    def last(self, belongs: Callable[[Hashable], bool]) -> Chore | None:
        """The work that was begun last of that whose keys belong; None where there is none."""
        with self._lock:
            return next((self._kept[key] for key in reversed(self._kept) if belongs(key)), None)

    def stop(self, belongs: Callable[[Hashable], bool]) -> None:
        """Stop the work whose keys belong, e.g. to a video that is gone, and forget it."""
        with self._lock:
            chosen = [key for key in self._kept if belongs(key)]
            found = [self._kept.pop(key) for key in chosen]
        for chore in found:
            chore.unwanted.set()
        for chore in found:
            chore.over.wait(30)

    def close(self) -> None:
        """Stop everything; what walks had finished lies in the cache."""
        self.stop(lambda key: True)
        self._pool.shutdown()

    def _forget(self) -> None:
        over = [key for key, each in self._kept.items() if each.over.is_set()]
        for key in over[: max(0, len(self._kept) - MAX_KEPT)]:
            del self._kept[key]


class _Told:
    """The progress of a chore; it is where a stop comes through."""

    def __init__(self, chore: Chore) -> None:
        self._chore, self._total, self._done = chore, 1, 0

    def start(self, stage: str, total: int) -> None:
        self._chore.stage, self._total, self._done = stage, max(total, 1), 0

    def advance(self, steps: int = 1) -> None:
        if self._chore.unwanted.is_set():
            raise Stopped
        self._done += steps
        self._chore.share = min(1.0, self._done / self._total)

    def finish(self) -> None:
        self._chore.share = 1.0

    def say(self, line: str) -> None:
        """Nobody listens."""


def _run(chore: Chore, work: Callable[[Progress], Any]) -> None:
    try:
        if chore.unwanted.is_set():
            raise Stopped
        chore.status = "running"
        chore.result = work(_Told(chore))
        chore.status = "done"
    except Stopped:
        chore.status = "stopped"
    except PreseasonError as error:
        chore.status, chore.reason = "failed", str(error)
    except Exception as error:
        chore.status, chore.reason = "failed", f"{type(error).__name__}: {error}"
    finally:
        chore.over.set()
