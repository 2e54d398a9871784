"""A training from a loaded language model to its best weights: what each worker of it does."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from preseason.distributed.data_parallel import ProcessGroup, SingleProcess
from preseason.language.packing import Blocks
from preseason.language.steps import timed_step
from preseason.language.training import Run, TrainingConfig, TrainingResult
from preseason.language.trunk import Trunk, matrices_in
from preseason.language.tuning import Tuning, spread, tune
from preseason.language.vocabulary import Head
from preseason.recipe import Recipe
from preseason.runtime.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

EPOCHS, BATCH = 4, 32
TOKENS_A_STEP = 1024
MIN_STEPS = 60
"""Steps that should fit into the time."""


@dataclass(frozen=True)
class TrainingSetup:
    """What is trained, on what and how; the same for all workers.

    Attributes:
        network: the transformers model; where its weights are spread it is of no use afterwards.
        kind: dtype to compute in, None for float32.
        cache: where states at the cut are kept.
        checkpoint: where the run is kept.
    """

    recipe: Recipe
    network: Any
    learn: Blocks
    held: Blocks
    kind: torch.dtype | None
    cache: Path
    checkpoint: Path


@dataclass(frozen=True)
class Trained:
    """A finished course.

    Attributes:
        best: the trained weights of the best interval, by name.
        shelf: name of the bank's shelf with states at the cut, None where there is none.
    """

    tuning: Tuning
    head: Head
    config: TrainingConfig
    trained: TrainingResult
    best: "dict[str, Tensor]"
    shelf: str | None


def train(
    setup: TrainingSetup, team: SingleProcess, left_s: Callable[[], float], progress: Progress
) -> Trained:
    """Train; all workers of `team` call it with the same course.

    Args:
        left_s: asked for the seconds that are left, of the first worker.

    Raises:
        WorkersError: another worker died.
    """
    recipe, network = setup.recipe, setup.network
    tuning = tune(network, recipe.unfreeze, recipe.seed)
    if isinstance(team, ProcessGroup) and team.sharded:
        spread(tuning, team, setup.kind)
    trunk = _trunk(tuning, setup, team, progress)
    head = Head(network, setup.learn)
    # Spread weights have a type of their own to compute in.
    with matrices_in(network, None if team.sharded else setup.kind):
        config = _config(tuning, trunk, head, setup, team, left_s)
        if team.rank == 0:
            progress.say(_config_line(tuning, head, setup.learn, config, team))
        run = Run(tuning, head, setup.learn, setup.held, config, trunk, team)
        trained = run.run(setup.checkpoint, progress)
    return Trained(tuning, head, run.config, trained, run.best, trunk.shelf_name)


def _trunk(tuning: Tuning, setup: TrainingSetup, team: SingleProcess, progress: Progress) -> Trunk:
    """What lies below the trained blocks; run with them where weights are spread, or it is not faithful."""
    network, kind, length = setup.network, setup.kind or torch.float32, setup.learn.ids.shape[1]
    if not team.sharded:
        trunk = Trunk(network, tuning.cut, setup.cache, kind, length, progress, team.size > 1)
        if trunk.is_faithful(setup.learn):
            return trunk
    return Trunk(network, 0, None, kind, length, progress)


def _config(
    tuning: Tuning,
    trunk: Trunk,
    head: Head,
    setup: TrainingSetup,
    team: SingleProcess,
    left_s: Callable[[], float],
) -> TrainingConfig:
    """What fits into the time: a step has fewer blocks where few steps of the usual size would fit.

    All workers have as many blocks in a step, and one at least, where there are enough.
    """
    recipe, learn = setup.recipe, setup.learn
    several = max(1, TOKENS_A_STEP // learn.ids.shape[1])
    tried = learn.some(slice(0, min(several, len(learn))))
    # Only spread weights need all workers for a step; but all are equally busy then, so all measure.
    with team.collective():
        step_s = timed_step(trunk, head, tried, setup.kind)
    seconds = step_s / len(tried) * several / team.size
    seconds, left = team.broadcast([seconds, left_s()])
    several = int(several * min(1.0, left / seconds / MIN_STEPS))
    several = max(1, several // team.size) * team.size
    rate = recipe.learning_rate
    wished = BATCH if recipe.batch_size is None else recipe.batch_size
    return TrainingConfig(
        epochs=EPOCHS if recipe.epochs is None else recipe.epochs,
        batch=min(wished, max(1, min(several, len(learn) // 8))),
        learning_rate=tuning.learning_rate if rate is None else rate,
        seconds=max(left, 1.0),
        seed=recipe.seed,
        autocast=setup.kind,
    )


def _config_line(
    tuning: Tuning, head: Head, learn: Blocks, config: TrainingConfig, team: SingleProcess
) -> str:
    words = f"{head.size:,} of {len(head.layer.weight):,} words" if head.cut else "all words"
    kind = "bfloat16" if config.autocast is not None else "float32"
    above = f" from block {tuning.cut} on" if tuning.cut else ""
    by = f", each step by {team.size} workers" if team.size > 1 else ""
    return (
        f"Plan: {tuning.kind}{above}, at most {config.epochs} epochs over {learn.ids.size:,} "
        f"tokens within {config.seconds:.0f} s, {words} in the softmax, "
        f"{kind}{by}{', weights sharded' * team.sharded}."
    )
