"""Steps of gradient training that several workers take together are those of one."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from preseason.distributed.data_parallel import ProcessGroup, SingleProcess
from preseason.distributed.workers import Workers
from preseason.heads.trainer import NoTimeError, Trainer, TrainingConfig
from preseason.runtime.progress import Silent
from tiny_workers import said_by, workers_at

pytestmark = pytest.mark.slow

N = 63
ROWS = np.random.default_rng(0).normal(size=(N, 8)).astype(np.float32)
TARGETS = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(np.int64)


class Network(nn.Module):
    """With a layer that nothing uses, as backbones have."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        self.old = nn.Linear(16, 5)

    def forward(self, rows: Tensor) -> Tensor:
        logits: Tensor = self.layers(rows)
        return logits


def batch(chosen: np.ndarray, rng: np.random.Generator) -> Tensor:
    noise = rng.normal(scale=0.3, size=(len(chosen), 8)).astype(np.float32)
    return torch.from_numpy(ROWS[chosen] + noise)


def trainer(team: SingleProcess, epochs: int, seconds: float | None = None) -> Trainer:
    """Batches of 8 of 49 examples: the last has one, so that some workers have none."""
    module = Network()
    if team.rank:  # what other workers begin at does not matter
        nn.init.zeros_(module.layers[0].weight)
    config = TrainingConfig(
        [{"params": list(module.parameters()), "lr": 0.02}],
        *(epochs, 8, 0),
        label_smoothing=0.1,
        patience=epochs,
        seconds=seconds,
    )
    return Trainer(module, TARGETS, batch, config, np.arange(14), team=team)


def alike(one: Trainer, other: Trainer) -> bool:
    mine, theirs = one.module.state_dict(), other.module.state_dict()
    return all(torch.allclose(mine[name], theirs[name], atol=1e-5) for name in mine)


def together(workers: Workers, checkpoint: str) -> None:
    """What each process does; the leader compares with what one process trains."""
    found = trainer(ProcessGroup(workers.rank, workers.size, "cpu"), 12)
    outcome = found.run(Path(checkpoint), Silent())
    print(outcome.epochs, outcome.best_epoch, flush=True)
    if workers.rank:
        return
    alone = trainer(SingleProcess(), 12)
    expected = alone.run(None, Silent())
    assert outcome.loss == pytest.approx(expected.loss, abs=1e-5)
    assert (outcome.epochs, outcome.best_epoch) == (expected.epochs, expected.best_epoch)
    assert alike(alone, found)
    again = trainer(SingleProcess(), 12)
    again.run(Path(checkpoint), Silent())
    assert alike(alone, again), "what was kept is no checkpoint of one worker"
    print("alike")


@pytest.mark.parametrize("size", [2, 3])
def test_several_workers_train_what_one_does(size: int, tmp_path: Path) -> None:
    with workers_at("test_shared_steps", "together", str(tmp_path / "run.pt"), size=size) as started:
        leader, *helpers = said_by(started)
    assert leader.endswith("alike")
    assert helpers == [leader.splitlines()[0]] * (size - 1)


class Dying(Silent):
    """A process that is killed after its third epoch."""

    epochs = 0

    def advance(self, steps: int = 1) -> None:
        self.epochs += steps
        if self.epochs == 3:
            os.kill(os.getpid(), signal.SIGKILL)


def left_alone(workers: Workers, checkpoint: str) -> None:
    team = ProcessGroup(workers.rank, workers.size, "cpu")
    trainer(team, 40).run(Path(checkpoint), Dying() if workers.rank else Silent())


def test_a_worker_that_is_killed_ends_the_run_whose_epochs_are_kept(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.pt"
    with workers_at("test_shared_steps", "left_alone", str(checkpoint)) as started:
        leader, _ = said_by(started)
    assert leader.startswith("lost Other workers cannot be reached")
    whole, broken = trainer(SingleProcess(), 40), trainer(SingleProcess(), 40)
    whole.run(None, Silent())
    assert torch.load(checkpoint, weights_only=True)["counts"][0] >= 3
    broken.run(checkpoint, Silent())
    assert alike(whole, broken)


def timed(workers: Workers) -> None:
    """The leader's time is all workers' time."""
    team = ProcessGroup(workers.rank, workers.size, "cpu")
    print(trainer(team, 10**6, 1.0).run(None, Silent()).epochs, flush=True)
    with pytest.raises(NoTimeError):
        trainer(team, 10**6, 1e-9)


def test_all_run_the_epochs_that_the_leader_has_time_for() -> None:
    with workers_at("test_shared_steps", "timed") as started:
        leader, helper = said_by(started)
    assert leader == helper
