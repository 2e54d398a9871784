"""A language model trained by several workers is the one that a single worker trains."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from preseason.distributed.data_parallel import ProcessGroup, SingleProcess
from preseason.distributed.workers import Workers
from preseason.language.steps import share_of
from preseason.language.training import Run, TrainingConfig
from preseason.language.trunk import Trunk
from preseason.language.tuning import spread
from preseason.language.vocabulary import Head
from preseason.runtime.progress import Silent
from tiny_training import PLAN, Interrupting, prepared
from tiny_workers import said_by, workers_at

pytestmark = pytest.mark.slow

TOLERANCE = 2e-4
"""Of weights after 18 steps of up to 0.01: parts are added up in another order."""

PLANS = {
    "short": PLAN,
    "wide": TrainingConfig(epochs=1, batch=7, learning_rate=0.01, seconds=1e6, seed=0),
    "long": TrainingConfig(epochs=1000, batch=2, learning_rate=1e-4, seconds=1e6, seed=0, patience=10**6),
    "killed": TrainingConfig(epochs=10, batch=2, learning_rate=3e-3, seconds=1e6, seed=0, patience=10**6),
    "timed": TrainingConfig(epochs=100_000, batch=2, learning_rate=1e-4, seconds=3.0, seed=0, patience=10**6),
}


def joined(team: SingleProcess, family: str, unfreeze: str, config: TrainingConfig) -> Run:
    """A run of `team`, as each worker makes it; without dropout, which workers draw for themselves."""
    run = prepared(family, unfreeze, config)
    tuning, trunk = run.tuning, run.trunk
    for part in tuning.network.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    if isinstance(team, ProcessGroup) and team.sharded:
        spread(tuning, team, None)
        trunk = Trunk(tuning.network, 0, None, torch.float32, 64, Silent())
    return Run(tuning, Head(tuning.network, run.learn), run.learn, run.held, config, trunk, team)


def alike(one: Run, other: Run) -> bool:
    return all(torch.allclose(one.best[name], other.best[name], atol=TOLERANCE) for name in one.best)


SHARED = [
    ("gpt2", "auto", False, "short"),
    ("gemma3", "all", False, "short"),
    ("gpt2", "1", True, "short"),
    ("gpt2", "all", True, "short"),
    ("gemma3", "auto", True, "short"),
]


def together(workers: Workers, runs: Sequence[tuple[str, str, bool, str]], checkpoint: str = "") -> None:
    """What each process does: prints how each run went, and whether one process gets the same."""
    kept = Path(checkpoint) if checkpoint else None
    for family, unfreeze, sharded, config in runs:
        team = ProcessGroup(workers.rank, workers.size, "cpu", sharded)
        found = joined(team, family, unfreeze, PLANS[config])
        trained = found.run(kept, Silent())
        print(trained.steps, trained.best_step, len(trained.curve), trained.stopped, flush=True)
        if workers.rank == 0 and config not in ("timed", "long"):
            alone = joined(SingleProcess(), family, unfreeze, PLANS[config])
            expected = alone.run(None, Silent())
            assert (trained.steps, trained.workers) == (expected.steps, workers.size)
            assert trained.best_step == expected.best_step or kept, (family, unfreeze, sharded)
            assert alike(alone, found), (family, unfreeze, sharded)
            print("alike", flush=True)


def test_two_workers_train_what_one_does() -> None:
    with workers_at("test_shared_training", "together", SHARED) as started:
        leader, helper = said_by(started)
    assert leader.count("alike") == len(SHARED)
    assert [line.split()[0] for line in helper.splitlines()] == ["18"] * len(SHARED)


def test_a_worker_without_a_block_takes_part() -> None:
    """Steps of 7 blocks for three workers; the last step of an epoch may have fewer than three."""
    alone = joined(SingleProcess(), "gpt2", "auto", PLANS["wide"])
    parts = [share_of(alone.learn, alone._chosen()[:2], team) for team in _ranks(3)]
    assert [len(blocks) for blocks, _ in parts] == [1, 1, 1]
    assert [weight > 0 for _, weight in parts] == [True, True, False]
    assert sum(weight for _, weight in parts) == pytest.approx(3)
    with workers_at("test_shared_training", "together", [("gpt2", "auto", False, "wide")], size=3) as started:
        leader, *_ = said_by(started)
    assert "alike" in leader


def _ranks(size: int) -> list[SingleProcess]:
    found = []
    for rank in range(size):
        team = SingleProcess()
        team.rank, team.size = rank, size
        found.append(team)
    return found


@pytest.mark.parametrize("sharded", [False, True])
def test_a_stopped_run_goes_on_with_more_workers(sharded: bool, tmp_path: Path) -> None:
    broken = joined(SingleProcess(), "gpt2", "auto", PLAN)
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        broken.run(checkpoint, Interrupting(7))
    run = ("gpt2", "auto", sharded, "short")
    with workers_at("test_shared_training", "together", [run], str(checkpoint)) as started:
        leader, _ = said_by(started)
    assert "alike" in leader
    assert 0 < broken.step < 18 == int(leader.split()[0])
    alone, whole = (joined(SingleProcess(), "gpt2", "auto", PLAN) for _ in range(2))
    whole.run(None, Silent())
    assert alone.run(checkpoint, Silent()).steps == whole.step, "what was kept is no checkpoint of one worker"
    assert alike(whole, alone)


class Dying(Silent):
    """A process that is killed in the middle of the training."""

    left = 20

    def advance(self, steps: int = 1) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def left_alone(workers: Workers, sharded: bool) -> None:
    team = ProcessGroup(workers.rank, workers.size, "cpu", sharded)
    joined(team, "gpt2", "auto", PLANS["long"]).run(None, Dying() if workers.rank else Silent())


@pytest.mark.parametrize("sharded", [False, True])
def test_a_worker_that_is_killed_ends_the_run(sharded: bool) -> None:
    with workers_at("test_shared_training", "left_alone", sharded) as started:
        leader, _ = said_by(started)
    assert "lost Other workers cannot be reached" in leader


def at_another_step(workers: Workers, checkpoint: str) -> None:
    """One cannot read the checkpoint, e.g. since it has another cache."""
    team = ProcessGroup(workers.rank, workers.size, "cpu")
    joined(team, "gpt2", "auto", PLAN).run(Path(checkpoint) if workers.rank else None, Silent())


def test_a_worker_at_another_step_is_named(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        joined(SingleProcess(), "gpt2", "auto", PLAN).run(checkpoint, Interrupting(7))
    with workers_at("test_shared_training", "at_another_step", str(checkpoint)) as started:
        _, helper = said_by(started)
    assert "lost This worker goes on after 7 steps, the first after 0" in helper


def test_the_leader_keeps_the_time_of_all() -> None:
    begin = time.monotonic()
    with workers_at("test_shared_training", "together", [("gpt2", "auto", False, "timed")]) as started:
        leader, helper = said_by(started)
    assert leader.endswith("the time was used up")
    assert leader == helper
    assert time.monotonic() - begin < 90
