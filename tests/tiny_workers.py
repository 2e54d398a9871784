"""Other workers, in processes of their own, that do their part of what a test leads."""

import importlib
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forked import Forked
from preseason.distributed.workers import Workers
from preseason.errors import WorkersError
from preseason.runtime.launcher import process_info

TESTS = Path(__file__).parent
PATHS = [str(TESTS), str(TESTS / "unit")]
PATIENCE_S = 240


@contextmanager
def workers_at(module: str, part: str, *arguments: object, size: int = 2) -> Iterator[list[Forked]]:
    """One process for each rank; each calls `part` of the test module with its `Workers` and the arguments.

    torch knows one group a process, so the leader is a process of its own as well.
    """
    started = [Forked(work, module, part, *arguments, variables=each) for each in ranks_of(size)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def ranks_of(size: int) -> list[dict[str, str]]:
    """What a launcher sets for each rank of `size` processes on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [shared | {"WORLD_SIZE": str(size), "RANK": str(rank)} for rank in range(size)]


def work(module: str, part: str, *arguments: object) -> None:
    """What a worker does; a loss of the others is printed."""
    sys.path[:0] = PATHS
    try:
        getattr(importlib.import_module(module), part)(Workers(process_info(), Path()), *arguments)
    except WorkersError as error:
        print("lost", error, flush=True)


def said_by(started: list[Forked]) -> list[str]:
    """What each process printed until its end."""
    return [process.communicate(PATIENCE_S)[0].strip() for process in started]
