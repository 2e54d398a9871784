"""One fit by several workers: the first leads it, the others compute features for it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.workers import World, run_name

if TYPE_CHECKING:
    from preseason.engine.sharing import Board
    from preseason.training.predictor import Bench


def open_board(here: World, cache: Path) -> "Board":
    """The folder below the cache through which the workers of this run speak."""
    from preseason.engine.sharing import Board

    place = cache / "work"
    if here.rank == 0:
        for closed in place.glob("*/closed"):
            shutil.rmtree(closed.parent, ignore_errors=True)
    return Board(place / run_name(here), here.size)


def assist(board: "Board", make_bench: Callable[[], "Bench"]) -> None:
    """Compute what the leader of `board` asks for until it is done."""
    from preseason.engine.extract import Extractor, Order
    from preseason.engine.passes import Pass

    benches: list[Bench] = []

    def extractor(plan: Pass) -> Extractor:
        if not benches:
            benches.append(make_bench())
        found = benches[0].extractor(plan)
        assert isinstance(found, Extractor)
        return found

    board.help(Order, extractor)
