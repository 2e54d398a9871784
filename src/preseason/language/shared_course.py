"""A language model trained by several workers: helpers are called, get ready, and take the course together.

The leader calls while it still judges the untouched model. Those who are ready when training begins form a
group, and take every step together from then on; who comes later is not needed any more.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from preseason.engine.data_parallel import (
    Alone,
    Parallel,
    WorkersLostError,
    is_taken,
    join_store,
    open_store,
    own_host,
)
from preseason.engine.sharing import PAUSE_S, Board, Doing, Job, NeedlessError
from preseason.errors import CacheError, WorkersError, first_line
from preseason.language.course import Course, take
from preseason.language.folder import fingerprint
from preseason.language.packing import Blocks
from preseason.progress import Progress, Silent
from preseason.recipe import Recipe
from preseason.training.shared_lessons import load_arrays, save_arrays

if TYPE_CHECKING:
    from preseason.language.base import Base

TRAINING = "language model"
"""The kind of these jobs."""
COMING_S, SPREAD_COMING_S = 30.0, 300.0
"""How long those who are not ready are waited for; longer where one alone cannot hold the weights."""


class Call:
    """Helpers that are called to a training.

    Args:
        network: the untouched base model; helpers that have another one do not take part.
    """

    def __init__(self, board: Board, network: Any) -> None:
        self.board = board
        self.job = board.post(TRAINING, {"weights": fingerprint(network)}, [1] * (board.workers - 1))
        self._blocks = board.folder / f"{self.job.name}.blocks"

    def group(self, course: Course, device: str, sharded: bool, progress: Progress) -> Alone:
        """This worker with those that are ready, who are told what the course is; alone where nobody is.

        Args:
            course: its checkpoint lies in a folder of `fits` below the cache.

        Raises:
            WorkersError: weights are to be spread, and nobody is there.
        """
        ready = self._ready(SPREAD_COMING_S if sharded else COMING_S)
        if not ready and sharded:
            raise WorkersError("The weights are to be spread over workers, but no other worker is ready.")
        if not ready or is_taken():
            self.board.withdraw(self.job)
            progress.say("No other worker takes part in the training.")
            return Alone()
        host = own_host(os.environ)
        try:
            store, port = open_store(host)
            values = {"ranks": {name: rank for rank, name in enumerate(ready, 1)}, "host": host, "port": port}
            values |= {"device": device, "sharded": sharded, "half": course.kind is not None}
            save_arrays(_arrays(learn=course.learn, held=course.held), self._blocks)
            self.board.tell(f"{self.job.name}.group", values | {"checkpoint": course.checkpoint.parts[-2:]})
            self.board.withdraw(self.job)
            return Parallel(0, len(ready) + 1, store, device, sharded)
        except (RuntimeError, OSError, CacheError, WorkersLostError) as error:
            if sharded:
                raise WorkersError(
                    f"No group could be formed with other workers: {first_line(error)}."
                ) from error
            progress.say(
                f"No group could be formed with other workers ({first_line(error)}): going on alone."
            )
            return Alone()

    def end(self) -> None:
        """Let nobody come any more, and delete what was written for them."""
        with suppress(OSError):
            self.board.withdraw(self.job)
            self._blocks.unlink(missing_ok=True)

    def _ready(self, most_s: float) -> list[str]:
        """Names of those that are ready, once all are or the time is over."""
        until = time.monotonic() + most_s
        while True:
            found = sorted(path.suffix[1:] for path in self.board.folder.glob(f"{self.job.name}.ready.*"))
            if len(found) == len(self.job.sizes) or time.monotonic() > until:
                return found
            time.sleep(PAUSE_S)


def _arrays(**parts: Blocks) -> dict[str, Any]:
    return {f"{side}.{name}": value for side, blocks in parts.items() for name, value in vars(blocks).items()}


def training_of(
    job: Job, board: Board, recipe: Recipe, load: Callable[[], "Base"], device: str, cache: Path
) -> Doing:
    """How a helper takes part in a job of training.

    Args:
        load: gives the base model on the CPU.
    """

    @contextmanager
    def doing() -> Iterator[Callable[[int], dict[str, Any]]]:
        yield lambda unit: _helped(job, board, recipe, load, device, cache)

    return doing()


def _helped(
    job: Job, board: Board, recipe: Recipe, load: Callable[[], "Base"], device: str, cache: Path
) -> dict[str, Any]:
    called = f"{job.name}.group"
    if board.heard(called) is not None:
        raise NeedlessError
    network = load().network
    if fingerprint(network) != job.values["weights"]:
        raise ValueError("the leader trains another base model")
    me = uuid.uuid4().hex
    board.tell(f"{job.name}.ready.{me}", {})
    while (told := board.heard(called)) is None:
        if board.is_over():
            raise NeedlessError
        time.sleep(PAUSE_S)
    if me not in told["ranks"]:
        raise NeedlessError
    if told["device"] != device:
        raise ValueError(f"the leader computes on {told['device']}, this worker on {device}")
    arrays = load_arrays(board.folder / f"{job.name}.blocks")
    learn, held = (
        Blocks(**{name: arrays[f"{side}.{name}"] for name in ("ids", "positions", "targets")})
        for side in ("learn", "held")
    )
    kind = torch.bfloat16 if told["half"] else None
    try:
        store = join_store(told["host"], told["port"])
        team = Parallel(told["ranks"][me], len(told["ranks"]) + 1, store, device, told["sharded"])
        try:
            if not team.sharded:
                network.to(device)
            checkpoint = cache.joinpath("fits", *told["checkpoint"])
            course = Course(recipe, network, learn, held, kind, cache, checkpoint)
            take(course, team, lambda: 0.0, Silent())
        finally:
            team.close()
    except WorkersLostError as error:
        raise NeedlessError from error
    return {}
