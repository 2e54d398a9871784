"""Workers that gather for one training: helpers are called, get ready, and take its steps with the leader.

The leader calls while it still has other things to do. Those who are ready when training begins form a group
and take every step together from then on; who comes later is not needed any more.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from preseason.distributed.data_parallel import (
    ProcessGroup,
    SingleProcess,
    WorkersLostError,
    is_taken,
    join_store,
    open_store,
    own_host,
)
from preseason.distributed.work_queue import PAUSE_S, Board, Doing, Job, NeedlessError
from preseason.errors import CacheError, WorkersError, first_line
from preseason.runtime.progress import Progress

COMING_S, SPREAD_COMING_S = 30.0, 300.0
"""How long those who are not ready are waited for; longer where one alone cannot hold the weights."""

Taking = Callable[[dict[str, Any], SingleProcess], None]
"""A helper's part of a training: what the leader told, and the group."""


class Call:
    """Helpers that are called to a training.

    Args:
        kind: of the job, which tells helpers what to get ready.
        values: of the job.
    """

    def __init__(self, board: Board, kind: str, values: dict[str, Any]) -> None:
        self.board = board
        self.job = board.post(kind, values, [1] * (board.workers - 1))

    def group(
        self, tell: Callable[[], dict[str, Any]], device: str, sharded: bool, progress: Progress
    ) -> SingleProcess:
        """This worker with those that are ready; alone where nobody is.

        Args:
            tell: gives what they must know to begin; asked where somebody is ready.
            device: `cpu` or `cuda`, where weights lie.
            sharded: weights are spread over the workers.

        Raises:
            WorkersError: weights are to be spread, and there is no group.
        """
        ready = self._ready(SPREAD_COMING_S if sharded else COMING_S)
        fault = "none is ready"
        if is_taken():
            fault = "the script that called is in a group of its own"
        elif ready:
            try:
                return self._formed(ready, tell, device, sharded)
            except (RuntimeError, OSError, CacheError, WorkersLostError) as error:
                fault = first_line(error)
        self.end()
        if sharded:
            raise WorkersError(f"The weights are to be spread over workers, but there is no group: {fault}.")
        progress.say(f"No other worker takes part in the training ({fault}).")
        return SingleProcess()

    def end(self) -> None:
        """Let nobody come any more."""
        with suppress(OSError):
            self.board.withdraw(self.job)

    def _formed(
        self, ready: list[str], tell: Callable[[], dict[str, Any]], device: str, sharded: bool
    ) -> ProcessGroup:
        host = own_host(os.environ)
        store, port = open_store(host)
        ranks = {name: rank for rank, name in enumerate(ready, 1)}
        values = {"ranks": ranks, "host": host, "port": port, "device": device, "sharded": sharded}
        self.board.tell(f"{self.job.name}.group", values | {"told": tell()})
        self.end()
        return ProcessGroup(0, len(ready) + 1, store, device, sharded)

    def _ready(self, most_s: float) -> list[str]:
        """Names of those that are ready, once all are or the time is over."""
        until = time.monotonic() + most_s
        while True:
            found = sorted(path.suffix[1:] for path in self.board.folder.glob(f"{self.job.name}.ready.*"))
            if len(found) == len(self.job.sizes) or time.monotonic() > until:
                return found
            time.sleep(PAUSE_S)


def answer(job: Job, board: Board, device: str, get_ready: Callable[[], Taking]) -> Doing:
    """How a helper answers a call.

    Args:
        device: where its weights lie.
        get_ready: loads what takes long, and gives what it does in the training.
    """

    @contextmanager
    def doing() -> Iterator[Callable[[int], dict[str, Any]]]:
        yield lambda unit: _answered(job, board, device, get_ready)

    return doing()


def _answered(job: Job, board: Board, device: str, get_ready: Callable[[], Taking]) -> dict[str, Any]:
    called = f"{job.name}.group"
    if board.heard(called) is not None:
        raise NeedlessError
    taking = get_ready()
    me = uuid.uuid4().hex
    board.tell(f"{job.name}.ready.{me}", {})
    while (group := board.heard(called)) is None:
        if board.is_over() or board.is_done(job, 0):
            raise NeedlessError
        time.sleep(PAUSE_S)
    if me not in group["ranks"]:
        raise NeedlessError
    if group["device"] != device:
        raise ValueError(f"the leader computes on {group['device']}, this worker on {device}")
    try:
        store = join_store(group["host"], group["port"])
        team = ProcessGroup(group["ranks"][me], len(group["ranks"]) + 1, store, device, group["sharded"])
        try:
            taking(group["told"], team)
        finally:
            team.close()
    except WorkersLostError as error:
        raise NeedlessError from error
    return {}
