"""Other workers, in processes of their own, that do their part of what a test leads.

They are forked from one process that has the libraries loaded, which takes longer than most of these tests.
"""

import importlib
import multiprocessing
import os
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from preseason.distributed.workers import Workers
from preseason.errors import WorkersError
from preseason.runtime.launcher import process_info

TESTS = Path(__file__).parent
PATHS = [str(TESTS), str(TESTS / "unit")]
LOADED = [
    "pytest",
    "preseason.fitting.pipeline",
    "preseason.language.training",
    "transformers.models.gemma3.modeling_gemma3",
    "transformers.models.gpt2.modeling_gpt2",
]
PATIENCE_S = 240


@dataclass
class Worker:
    """A process, and the file that it prints to."""

    process: ForkServerProcess
    printed: Path


@contextmanager
def workers_at(module: str, part: str, *arguments: object, size: int = 2) -> Iterator[list[Worker]]:
    """One process for each rank; each calls `part` of the test module with its `Workers` and the arguments.

    torch knows one group a process, so the leader is a process of its own as well.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    shared = {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for rank in range(size):
            variables = os.environ | shared | {"WORLD_SIZE": str(size), "RANK": str(rank)}
            printed = Path(folder) / f"{rank}.txt"
            given = (dict(variables), printed, module, part, arguments)
            started.append(Worker(context.Process(target=work, args=given), printed))
        try:
            for each in started:
                each.process.start()
            yield started
        finally:
            for each in started:
                each.process.kill()
                each.process.join()


def work(variables: dict[str, str], printed: Path, module: str, part: str, arguments: Any) -> None:
    """What a worker does; a loss of the others is printed."""
    os.environ.clear()
    os.environ.update(variables)
    warnings.simplefilter("ignore")
    sys.path[:0] = PATHS
    with printed.open("w", buffering=1) as file:
        sys.stdout = file
        try:
            getattr(importlib.import_module(module), part)(Workers(process_info(), Path()), *arguments)
        except WorkersError as error:
            print("lost", error, flush=True)


def said_by(started: list[Worker]) -> list[str]:
    """What each process printed until its end."""
    for each in started:
        each.process.join(PATIENCE_S)
    return [each.printed.read_text().strip() if each.printed.exists() else "" for each in started]
