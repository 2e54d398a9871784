"""A language model trained by several workers: loaded while the leader evaluates, then stepped together."""

from pathlib import Path
from typing import Any

import torch

from preseason.distributed.data_parallel import ProcessGroup
from preseason.distributed.workers import Request, Workers
from preseason.language.base import Base, load_base
from preseason.language.folder import fingerprint
from preseason.language.training_setup import TrainingSetup, train
from preseason.recipe import Recipe
from preseason.runtime.progress import Silent

LOADING, TRAINING = "language model", "training of the language model"
"""Requests to other workers."""


class TrainingCall:
    """For the leader: the helpers of one training.

    Args:
        network: the untouched base model, which all must have.
    """

    def __init__(self, workers: Workers, network: Any) -> None:
        self._workers = workers
        self._open = Request(workers, LOADING, fingerprint(network))
        self._open.post()

    def group(self, setup: TrainingSetup, device: str, sharded: bool) -> ProcessGroup:
        """This worker with the others, who begin the course.

        Args:
            setup: its checkpoint lies in a folder of `fits` below the cache.

        Raises:
            WorkersError: a helper died, or has another base model.
        """
        self._open.gather(None)
        values = (setup.learn, setup.held, setup.kind is not None, setup.checkpoint.parts[-2:], sharded)
        self._open = Request(self._workers, TRAINING, values)
        self._open.post()
        return ProcessGroup(0, self._workers.size, device, sharded)

    def end(self) -> None:
        """Wait for what the helpers still do."""
        self._open.drop()


class TrainingHelper:
    """For a helper: the base model, and its part of the training."""

    def __init__(self, workers: Workers, recipe: Recipe, name: str, cache: Path, device: str) -> None:
        self._workers, self._recipe, self._name = workers, recipe, name
        self._cache, self._device = cache, device
        self._base: Base | None = None

    def load(self, expected: str) -> None:
        """The part of `LOADING`.

        Raises:
            ValueError: the leader trains another base model.
        """
        self._base = load_base(self._name, self._recipe.weights, self._cache, Silent())
        if fingerprint(self._base.network) != expected:
            raise ValueError("the leading worker has another base model")

    def train(self, values: Any) -> None:
        """The part of `TRAINING`, which follows `LOADING`."""
        learn, held, half, checkpoint, sharded = values
        if self._base is None:
            raise ValueError("the base model was not loaded")
        network = self._base.network
        if not sharded:
            network.to(self._device)
        team = ProcessGroup(self._workers.rank, self._workers.size, self._device, sharded)
        kind = torch.bfloat16 if half else None
        file = self._cache.joinpath("fits", *checkpoint)
        train(
            TrainingSetup(self._recipe, network, learn, held, kind, self._cache, file),
            team,
            lambda: 0.0,
            Silent(),
        )
