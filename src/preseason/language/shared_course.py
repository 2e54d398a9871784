"""A language model trained by several workers: what they tell each other of the course they take together."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from preseason.distributed.data_parallel import SingleProcess
from preseason.distributed.rendezvous import Call, Taking, answer
from preseason.distributed.work_queue import Board, Doing, Job, load_arrays, save_arrays
from preseason.language.course import Course, take
from preseason.language.folder import fingerprint
from preseason.language.packing import Blocks
from preseason.recipe import Recipe
from preseason.runtime.progress import Progress, Silent

if TYPE_CHECKING:
    from preseason.language.base import Base

TRAINING = "language model"
"""The kind of these jobs."""


class CourseCall:
    """Helpers that are called to train a language model.

    Args:
        network: the untouched base model; helpers that have another one do not take part.
    """

    def __init__(self, board: Board, network: Any) -> None:
        self._call = Call(board, TRAINING, {"weights": fingerprint(network)})
        self._blocks = board.folder / f"{self._call.job.name}.blocks"

    def group(self, course: Course, device: str, sharded: bool, progress: Progress) -> SingleProcess:
        """This worker with those that are ready, who are told what the course is; alone where nobody is.

        Args:
            course: its checkpoint lies in a folder of `fits` below the cache.

        Raises:
            WorkersError: weights are to be spread, and there is no group.
        """

        def tell() -> dict[str, Any]:
            parts = {"learn": course.learn, "held": course.held}
            save_arrays(
                {f"{side}.{n}": v for side, b in parts.items() for n, v in vars(b).items()}, self._blocks
            )
            return {
                "blocks": self._blocks.name,
                "half": course.kind is not None,
                "checkpoint": course.checkpoint.parts[-2:],
            }

        return self._call.group(tell, device, sharded, progress)

    def end(self) -> None:
        """Let nobody come any more, and delete what was written for them."""
        self._call.end()
        self._blocks.unlink(missing_ok=True)


def training_of(
    job: Job, board: Board, recipe: Recipe, load: Callable[[], "Base"], device: str, cache: Path
) -> Doing:
    """How a helper takes part in a job of training.

    Args:
        load: gives the base model on the CPU.
    """

    def get_ready() -> Taking:
        network = load().network
        if fingerprint(network) != job.values["weights"]:
            raise ValueError("the leader trains another base model")

        def taking(told: dict[str, Any], team: SingleProcess) -> None:
            if not team.sharded:
                network.to(device)
            arrays = load_arrays(board.folder / told["blocks"])
            kind = torch.bfloat16 if told["half"] else None
            checkpoint = cache.joinpath("fits", *told["checkpoint"])
            learn, held = _blocks(arrays, "learn"), _blocks(arrays, "held")
            take(Course(recipe, network, learn, held, kind, cache, checkpoint), team, lambda: 0.0, Silent())

        return taking

    return answer(job, board, device, get_ready)


def _blocks(arrays: dict[str, Any], side: str) -> Blocks:
    return Blocks(*(arrays[f"{side}.{name}"] for name in ("ids", "positions", "targets")))
