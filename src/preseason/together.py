"""One fit by several workers: the first leads it, the others read and learn for it."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.workers import World, run_name

if TYPE_CHECKING:
    from preseason.engine.sharing import Board, Doing, Job
    from preseason.training.predictor import Bench

FORGOTTEN_S = 24 * 3600.0
"""After so long without a sign of life what a run has posted is deleted."""


def open_board(here: World, folder: Path) -> "Board":
    """The folder below the cache `folder` through which the workers of this run speak."""
    from preseason.engine.sharing import Board

    place = folder / "work"
    if here.rank == 0:
        for board in place.glob("*"):
            if (board / "closed").exists() or not _touched_lately(board):
                shutil.rmtree(board, ignore_errors=True)
    return Board(place / run_name(here), here.size)


def _touched_lately(board: Path) -> bool:
    """Whether a run may still be alive; its leader touches a file of its own every second."""
    leader = board / "leader"
    with suppress(FileNotFoundError):
        return time.time() - (leader if leader.exists() else board).stat().st_mtime < FORGOTTEN_S
    return True


def assist(board: "Board", make_bench: Callable[[], "Bench"]) -> None:
    """Do what the leader of `board` asks for until it is done."""
    from preseason.engine.extract import Extractor, Order
    from preseason.engine.passes import Pass
    from preseason.engine.shared_reading import READING, reading_of
    from preseason.training.shared_lessons import LEARNING, learning_of

    bench = cache(make_bench)

    def extractor(plan: Pass) -> Extractor:
        found = bench().extractor(plan)
        assert isinstance(found, Extractor)
        return found

    def hand(job: "Job") -> "Doing | None":
        if job.kind == READING:
            return reading_of(job, Order, extractor)
        if job.kind == LEARNING:
            return learning_of(job, board, bench().backbone, bench().cache)
        return None

    board.help(hand)
