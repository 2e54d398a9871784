"""A language model trained by several workers: loaded while the leader evaluates, then stepped together.

Workers of a launcher load it themselves; those of a Ray cluster get it from the leader.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch

from preseason.distributed.data_parallel import ProcessGroup, SingleProcess
from preseason.distributed.ray_cluster import RayCluster
from preseason.distributed.workers import Request, Workers
from preseason.language.base import Base, load_base
from preseason.language.folder import fingerprint
from preseason.language.training_setup import Trained, TrainingSetup, train
from preseason.language.tuning import tune
from preseason.language.vocabulary import Head
from preseason.recipe import Recipe
from preseason.runtime.progress import Progress, Silent

LOADING, TRAINING = "language model", "training of the language model"
"""Requests to other workers."""


class Trainers(Protocol):
    """Who trains a language model, as its fit asks them."""

    def train(
        self,
        setup: TrainingSetup,
        device: str,
        sharded: bool,
        left_s: Callable[[], float],
        progress: Progress,
    ) -> Trained:
        """Train together."""

    def end(self) -> None:
        """Wait for what was begun."""


class TrainingCall:
    """For the leader: the helpers of one training.

    Args:
        network: the untouched base model, which all must have.
    """

    def __init__(self, workers: Workers, network: Any) -> None:
        self._workers = workers
        self._open = Request(workers, LOADING, fingerprint(network))
        self._open.post()

    def train(
        self,
        setup: TrainingSetup,
        device: str,
        sharded: bool,
        left_s: Callable[[], float],
        progress: Progress,
    ) -> Trained:
        """Train with the others, who begin the course.

        Args:
            setup: its checkpoint lies in a folder of `fits` below the cache.

        Raises:
            WorkersError: a helper died, or has another base model.
        """
        self._open.gather(None)
        values = (setup.learn, setup.held, setup.kind is not None, setup.checkpoint.parts[-2:], sharded)
        self._open = Request(self._workers, TRAINING, values)
        self._open.post()
        return train(setup, ProcessGroup(0, self._workers.size, device, sharded), left_s, progress)

    def end(self) -> None:
        """Wait for what the helpers still do."""
        self._open.drop()


class RayTraining:
    """For the leader: one training by the processes of a Ray cluster."""

    def __init__(self, cluster: RayCluster) -> None:
        self._cluster = cluster

    def train(
        self,
        setup: TrainingSetup,
        device: str,
        sharded: bool,
        left_s: Callable[[], float],
        progress: Progress,
    ) -> Trained:
        """Let them train; the network here then has the best weights.

        Args:
            setup: its cache and checkpoint are seen by all machines.

        Raises:
            WorkersError: Ray gave up.
        """
        folder = setup.checkpoint.parent.absolute()
        told = replace(setup, cache=setup.cache.absolute(), checkpoint=folder / setup.checkpoint.name)
        given = told, device, sharded, time.time() + left_s()
        config, trained, best, shelf = self._cluster.together(_trained_part, given, folder, progress)
        tuning = tune(setup.network, setup.recipe.unfreeze, setup.recipe.seed)
        tuning.load(best)
        return Trained(tuning, Head(setup.network, setup.learn), config, trained, best, shelf)

    def end(self) -> None:
        """Nothing waits."""


def _trained_part(
    rank: int, size: int, given: tuple[TrainingSetup, str, bool, float], progress: Progress
) -> Any:
    """What a process of the cluster does; the first tells what came of it, on the CPU."""
    setup, device, sharded, until = given
    if not sharded:
        setup.network.to(device)
    team = ProcessGroup(rank, size, device, sharded) if size > 1 else SingleProcess()
    found = train(setup, team, lambda: until - time.time(), progress)
    best = {name: weight.cpu() for name, weight in found.best.items()}
    return (found.config, found.trained, best, found.shelf) if rank == 0 else None


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
