"""A language model trained by several workers is the one that a single worker trains."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from preseason.distributed.data_parallel import (
    ProcessGroup,
    SingleProcess,
    WorkersLostError,
    join_store,
    open_store,
)
from preseason.language.steps import share_of
from preseason.language.training import Run, Trained, TrainingConfig
from preseason.language.trunk import Trunk
from preseason.language.tuning import spread
from preseason.language.vocabulary import Head
from preseason.runtime.progress import Silent
from tiny_training import PLAN, Interrupting, prepared
from tiny_workers import helpers

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


def helped(team: ProcessGroup, family: str, unfreeze: str, config: str, checkpoint: str) -> str:
    """What another worker does."""
    run = joined(team, family, unfreeze, PLANS[config])
    trained = run.run(Path(checkpoint) if checkpoint else None, Silent())
    return f"{trained.steps} {run.best_step} {len(run.curve)}"


def helping(*runs: tuple[int, str, str, bool, str, str], count: int = 1) -> Any:
    calls = [(port, sharded, (*names, config, kept)) for port, *names, sharded, config, kept in runs]
    return helpers("test_shared_training", *calls, count=count)


def led(
    store: object, size: int, run: tuple[str, str, bool, str], checkpoint: Path | None = None
) -> tuple[Run, Trained]:
    """The leader's part."""
    family, unfreeze, sharded, config = run
    team = ProcessGroup(0, size, store, "cpu", sharded)
    try:
        found = joined(team, family, unfreeze, PLANS[config])
        return found, found.run(checkpoint, Silent())
    finally:
        found.team.close()
        team.close()


def alike(one: Run, other: Run) -> bool:
    return all(torch.allclose(one.best[name], other.best[name], atol=TOLERANCE) for name in one.best)


SHARED = [
    ("gpt2", "auto", False, "short"),
    ("gemma3", "all", False, "short"),
    ("gpt2", "1", True, "short"),
    ("gpt2", "all", True, "short"),
    ("gemma3", "auto", True, "short"),
]


def test_two_workers_train_what_one_does() -> None:
    stores = [open_store("127.0.0.1") for _ in SHARED]
    told = [(port, *run, "") for (_, port), run in zip(stores, SHARED, strict=True)]
    with helping(*told) as (helper,):
        for (store, _), run in zip(stores, SHARED, strict=True):
            alone = joined(SingleProcess(), *run[:2], PLANS[run[3]])
            expected = alone.run(None, Silent())
            found, trained = led(store, 2, run)
            assert trained.workers == 2
            assert (trained.steps, trained.best_step) == (expected.steps, expected.best_step), run
            assert [loss for _, loss in trained.curve] == pytest.approx(
                [x for _, x in expected.curve], abs=1e-4
            )
            assert alike(alone, found), run
        said = helper.communicate()[0].splitlines()
    assert len(said) == len(SHARED)
    assert all(line.split()[0] == "18" for line in said), "a helper counts other steps"


def test_a_worker_without_a_block_takes_part() -> None:
    """Steps of 7 blocks for three workers; the last step of an epoch may have fewer than three."""
    store, port = open_store("127.0.0.1")
    alone = joined(SingleProcess(), "gpt2", "auto", PLANS["wide"])
    alone.run(None, Silent())
    parts = [share_of(alone.learn, alone._chosen()[:2], team) for team in _ranks(3)]
    assert [len(blocks) for blocks, _ in parts] == [1, 1, 1]
    assert [weight > 0 for _, weight in parts] == [True, True, False]
    assert sum(weight for _, weight in parts) == pytest.approx(3)
    with helping((port, "gpt2", "auto", False, "wide", ""), count=2):
        found, trained = led(store, 3, ("gpt2", "auto", False, "wide"))
    assert trained.workers == 3
    assert alike(alone, found)


def _ranks(size: int) -> list[SingleProcess]:
    found = []
    for rank in range(size):
        team = SingleProcess()
        team.rank, team.size = rank, size
        found.append(team)
    return found


@pytest.mark.parametrize("sharded", [False, True])
def test_a_stopped_run_goes_on_with_more_workers(sharded: bool, tmp_path: Path) -> None:
    whole, broken = (joined(SingleProcess(), "gpt2", "auto", PLAN) for _ in range(2))
    whole.run(None, Silent())
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        broken.run(checkpoint, Interrupting(7))
    store, port = open_store("127.0.0.1")
    with helping((port, "gpt2", "auto", sharded, "short", str(checkpoint))):
        found, trained = led(store, 2, ("gpt2", "auto", sharded, "short"), checkpoint)
    assert 0 < broken.step < trained.steps == whole.step
    assert alike(whole, found)
    alone = joined(SingleProcess(), "gpt2", "auto", PLAN)
    assert alone.run(checkpoint, Silent()).steps == whole.step, "what was kept is no checkpoint of one worker"
    assert alike(whole, alone)


def test_a_helper_that_is_killed_is_done_without(tmp_path: Path) -> None:
    said: list[str] = []

    class Killing(Silent):
        def advance(self, steps: int = 1) -> None:
            if run.step == 40:
                helper.send_signal(signal.SIGKILL)

        def say(self, line: str) -> None:
            said.append(line)

    store, port = open_store("127.0.0.1")
    with helping((port, "gpt2", "auto", False, "killed", "")) as (helper,):
        team = ProcessGroup(0, 2, store, "cpu")
        run = joined(team, "gpt2", "auto", PLANS["killed"])
        trained = run.run(tmp_path / "run.pt", Killing())
        team.close()
    assert trained.steps == run.total
    assert trained.workers == 1
    assert [line.startswith("Other workers are gone after") for line in said] == [True]
    alone = joined(SingleProcess(), "gpt2", "auto", PLANS["killed"])
    alone.run(None, Silent())
    assert alike(alone, run)


def test_spread_weights_are_lost_with_a_worker(tmp_path: Path) -> None:
    class Killing(Silent):
        def advance(self, steps: int = 1) -> None:
            if run.step == 20:
                helper.send_signal(signal.SIGKILL)

    store, port = open_store("127.0.0.1")
    with helping((port, "gpt2", "auto", True, "long", "")) as (helper,):
        team = ProcessGroup(0, 2, store, "cpu", sharded=True)
        run = joined(team, "gpt2", "auto", PLANS["long"])
        with pytest.raises(WorkersLostError):
            run.run(None, Killing())
        team.close()


def test_a_worker_at_another_step_leaves(tmp_path: Path) -> None:
    """One cannot read the checkpoint, e.g. since it has another cache."""
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        joined(SingleProcess(), "gpt2", "auto", PLAN).run(checkpoint, Interrupting(7))
    store, port = open_store("127.0.0.1")
    with helping((port, "gpt2", "auto", False, "short", str(checkpoint))) as (helper,):
        _, trained = led(store, 2, ("gpt2", "auto", False, "short"))
        assert "lost this worker goes on after 7 steps, the first after 0" in helper.communicate()[0]
    assert trained.workers == 1


def test_the_leader_keeps_the_time_of_all() -> None:
    store, port = open_store("127.0.0.1")
    with helping((port, "gpt2", "auto", False, "timed", "")) as (helper,):
        begin = time.monotonic()
        _, trained = led(store, 2, ("gpt2", "auto", False, "timed"))
        said = helper.communicate()[0].split()
    assert trained.stopped == "the time was used"
    assert said[:2] == [str(trained.steps), str(trained.best_step)]
    assert time.monotonic() - begin < 60


def test_a_leader_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preseason.distributed.data_parallel.WAIT_S", 1)
    with pytest.raises(WorkersLostError):
        join_store("127.0.0.1", 1)
