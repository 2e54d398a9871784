"""Steps of gradient training that several workers take together are those of one."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from preseason.distributed.data_parallel import ProcessGroup, SingleProcess, open_store
from preseason.heads.trainer import NoTimeError, Trainer, TrainingConfig
from preseason.runtime.progress import Silent
from tiny_workers import helpers

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


def helped(team: ProcessGroup, epochs: int, checkpoint: str, seconds: float | None) -> str:
    """What another worker does."""
    try:
        outcome = trainer(team, epochs, seconds).run(Path(checkpoint) if checkpoint else None, Silent())
    except NoTimeError:
        return "no time"
    return f"{outcome.epochs} {outcome.best_epoch}"


def alike(one: Trainer, other: Trainer) -> bool:
    mine, theirs = one.module.state_dict(), other.module.state_dict()
    return all(torch.allclose(mine[name], theirs[name], atol=1e-5) for name in mine)


@pytest.mark.parametrize("workers", [2, 3])
def test_several_workers_train_what_one_does(workers: int, tmp_path: Path) -> None:
    alone = trainer(SingleProcess(), 12)
    expected = alone.run(None, Silent())
    store, port = open_store("127.0.0.1")
    call = (port, False, (12, str(tmp_path / "run.pt"), None))
    with helpers("test_shared_steps", call, count=workers - 1) as started:
        team = ProcessGroup(0, workers, store, "cpu")
        together = trainer(team, 12)
        outcome = together.run(tmp_path / "run.pt", Silent())
        team.close()
        said = [helper.communicate()[0].split() for helper in started]
    assert outcome.loss == pytest.approx(expected.loss, abs=1e-5)
    assert (outcome.epochs, outcome.best_epoch) == (expected.epochs, expected.best_epoch)
    assert said == [[str(outcome.epochs), str(outcome.best_epoch)]] * (workers - 1)
    assert alike(alone, together)
    again = trainer(SingleProcess(), 12)
    again.run(tmp_path / "run.pt", Silent())
    assert alike(alone, again), "what was kept is no checkpoint of one worker"


def test_a_helper_that_is_killed_is_done_without() -> None:
    said: list[str] = []

    class Killing(Silent):
        def advance(self, steps: int = 1) -> None:
            if together.epoch == 3:
                helper.send_signal(signal.SIGKILL)

        def say(self, line: str) -> None:
            said.append(line)

    alone = trainer(SingleProcess(), 9)
    alone.run(None, Silent())
    store, port = open_store("127.0.0.1")
    with helpers("test_shared_steps", (port, False, (9, "", None))) as (helper,):
        team = ProcessGroup(0, 2, store, "cpu")
        together = trainer(team, 9)
        assert together.run(None, Killing()).epochs == 9
        team.close()
    assert said == ["Other workers are gone: going on alone."]
    assert alike(alone, together)


def test_the_leader_tells_how_many_epochs_there_is_time_for() -> None:
    stores = [open_store("127.0.0.1") for _ in range(2)]
    times = (1.0, 1e-9)
    calls = [(port, False, (10**6, "", seconds)) for (_, port), seconds in zip(stores, times, strict=True)]
    with helpers("test_shared_steps", *calls) as (helper,):
        team = ProcessGroup(0, 2, stores[0][0], "cpu")
        epochs = trainer(team, 10**6, times[0]).run(None, Silent()).epochs
        team.close()
        team = ProcessGroup(0, 2, stores[1][0], "cpu")
        with pytest.raises(NoTimeError):
            trainer(team, 10**6, times[1])
        team.close()
        first, second = helper.communicate()[0].splitlines()
    assert int(first.split()[0]) == epochs
    assert second == "no time"
