"""Several processes that answer at one address: each accepts from one socket and runs the same application.

The process that was started answers nothing. It starts the others, puts a new one in the place of one that
ended, hands signals on, and waits for all of them to finish their requests.
"""

import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from preseason.errors import PreseasonError, UsageError
from preseason.runtime.launcher import LOCAL_SIZE
from preseason.runtime.threads import share_heaps
from preseason.serving.app import Settings, create_app
from preseason.serving.metrics import METRICS
from preseason.serving.server import FINISH_S, Listening, address_of, listen

HURRY_S = 10.0
"""A process that ends sooner than this after it answered, three times in a row, is not started again."""
MAX_FAILURES = 3
_SPAWN = multiprocessing.get_context("spawn")


class Processes:
    """A port that is taken, and `count` processes that answer there.

    Args:
        ready: told the address when all of them answer.

    Raises:
        UsageError: the address cannot be used.
    """

    def __init__(
        self,
        folders: Mapping[str, Path],
        settings: Settings,
        host: str,
        port: int,
        count: int,
        ready: Callable[[str], None],
    ) -> None:
        self._folders, self._settings, self.count, self._ready = dict(folders), settings, count, ready
        self._socket = listen(host, port, settings.limits.connections)
        self.address = address_of(self._socket)
        self._running: dict[int, tuple[SpawnProcess, float]] = {}
        self._failures = 0
        self._stopping = False
        self._told, self._signals = _SPAWN.Pipe(duplex=False)

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `stop`; then every process answers what is under way.

        Raises:
            PreseasonError: a model cannot be loaded, or processes end as soon as they begin.
        """
        with (
            _handled(self._note),
            tempfile.TemporaryDirectory(prefix="preseason-metrics-", ignore_cleanup_errors=True) as folder,
            _inherited({METRICS: folder, LOCAL_SIZE: str(self.count)}),
        ):
            try:
                for number in range(self.count):
                    # The first one converts networks, which the others then find in the cache.
                    self._start(number)
                if not self._stopping:
                    self._ready(self.address)
                self._watch(folder)
            finally:
                self._end()
                self._socket.close()

    def stop(self) -> None:
        """Let `run` end; for another thread."""
        self._signals.send(signal.SIGTERM)

    @property
    def pids(self) -> list[int]:
        """The processes that answer."""
        return [process.pid for process, _ in self._running.values() if process.pid is not None]

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signals.send(number)

    def _start(self, number: int) -> None:
        """Start one and wait until it answers.

        Raises:
            PreseasonError: it cannot; what it says.
        """
        if self._stopping:
            return
        told, tell = _SPAWN.Pipe(duplex=False)
        given = (self._folders, self._settings, self._socket, tell)
        process = _SPAWN.Process(target=_work, args=given, name=f"preseason-serve-{number}", daemon=False)
        process.start()
        tell.close()
        self._running[number] = (process, time.monotonic())
        try:
            while not self._stopping and self._told in wait([told, self._told]):
                self._obey(self._told.recv())
            failure = None if self._stopping else told.recv()
        except EOFError:
            process.join()
            failure = UsageError(
                f"A process of the server ended with code {process.exitcode} before it answered."
            )
        finally:
            told.close()
        if failure is not None:
            raise failure

    def _watch(self, metrics: str) -> None:
        """Hand signals on and replace processes that end, until the server is to stop."""
        while not self._stopping:
            sentinels = {process.sentinel: number for number, (process, _) in self._running.items()}
            ready = wait([self._told, *sentinels])
            if self._told in ready:
                self._obey(self._told.recv())
            for number in [number for sentinel, number in sentinels.items() if sentinel in ready]:
                if not self._stopping:
                    self._replace(number, metrics)

    def _obey(self, number: int) -> None:
        if number == getattr(signal, "SIGHUP", None):
            self._send(number)
        else:
            self._stopping = True

    def _replace(self, number: int, metrics: str) -> None:
        process, begun = self._running.pop(number)
        process.join()
        self._failures = self._failures + 1 if time.monotonic() - begun < HURRY_S else 0
        if self._failures >= MAX_FAILURES:
            raise UsageError(
                f"Processes of the server end as soon as they answer (code {process.exitcode}): see "
                "what they say above; is there enough memory for --workers?"
            )
        mark_process_dead(process.pid, metrics)  # type: ignore[no-untyped-call]  # its counters stay
        self._start(number)

    def _send(self, number: int) -> None:
        for pid in self.pids:
            os.kill(pid, number)

    def _end(self) -> None:
        for process, _ in self._running.values():
            if process.is_alive():
                process.terminate()
        for process, _ in self._running.values():
            process.join(FINISH_S + 10)
            if process.is_alive():
                process.kill()
                process.join()


def _work(folders: dict[str, Path], settings: Settings, taken: socket.socket, tell: Connection) -> None:
    """One process: load the models, say so, and answer until SIGTERM."""
    try:
        share_heaps()
        app = create_app(folders, settings)
        listening = Listening(app, taken, settings.limits, lambda address: tell.send(None))
    except PreseasonError as error:
        tell.send(error)
        return
    listening.run()


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """While it lasts, signals that stop or reload go to `handler`, where this is the main thread."""
    names = ("SIGTERM", "SIGINT", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def _inherited(variables: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, processes that are started find these variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
