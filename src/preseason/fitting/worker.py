"""One fit by several workers: the first leads it, the others read and learn for it."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.distributed.work_queue import Board
from preseason.engine.extract import Extractor, Order
from preseason.engine.networks import device_for
from preseason.engine.passes import FeatureSpec
from preseason.engine.shared_reading import READING, reading_of
from preseason.language.base import load_base
from preseason.language.road import base_of
from preseason.language.shared_course import TRAINING, training_of
from preseason.recipe import Recipe
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.launcher import ProcessInfo, run_name
from preseason.runtime.progress import Silent
from preseason.runtime.threads import limit_torch
from preseason.training.distributed_folds import LEARNING, STEPS, learning_of, steps_of

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone
    from preseason.distributed.work_queue import Board, Doing, Job
    from preseason.inference.predictor import FeatureExtractors

FORGOTTEN_S = 24 * 3600.0
"""After so long without a sign of life what a run has posted is deleted."""


def open_board(here: ProcessInfo, folder: Path) -> "Board":
    """The folder below the cache `folder` through which the workers of this run speak."""
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


def assist(board: "Board", recipe: Recipe, make_bench: Callable[[], "FeatureExtractors"]) -> None:
    """Do what the leader of `board` asks for until it is done."""
    extractors = cache(make_bench)

    def extractor(spec: FeatureSpec) -> Extractor:
        found = extractors().extractor(spec)
        assert isinstance(found, Extractor)
        return found

    def hand(job: "Job") -> "Doing | None":
        if job.kind == READING:
            return reading_of(job, Order, extractor)
        if job.kind == LEARNING:
            return learning_of(job, board, *_place(extractors()))
        if job.kind == STEPS:
            return steps_of(job, board, *_place(extractors()))
        if job.kind == TRAINING:
            return _training(job, board, recipe)
        return None

    board.help(hand)


def _place(extractors: "FeatureExtractors") -> tuple["Backbone", Path, str]:
    """What heads are fitted with here."""
    return extractors.backbone.loaded(), extractors.cache, extractors.device


def _training(job: "Job", board: "Board", recipe: Recipe) -> "Doing":
    limit_torch()
    folder = cache_folder(recipe.cache)
    device = device_for(recipe.device)
    return training_of(
        job,
        board,
        recipe,
        lambda: load_base(base_of(recipe), recipe.weights, folder, Silent()),
        device,
        folder,
    )
