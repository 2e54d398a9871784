"""Gradient training: it learns, stops in time, and goes on where it was broken off, to the same bytes."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from preseason.heads.trainer import MIN_EPOCHS, NoTimeError, Trainer, TrainingConfig, train_mode
from preseason.runtime.progress import Silent

N = 60
ROWS = np.random.default_rng(0).normal(size=(N, 8)).astype(np.float32)
TARGETS = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(np.int64)


class Told(Silent):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.epochs = 0
        self.lines: list[str] = []

    def advance(self, steps: int = 1) -> None:
        self.epochs += steps

    def say(self, line: str) -> None:
        self.lines.append(line)


class Stopping(Told):
    """Stops the program, as Ctrl-C does, after some epochs."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def advance(self, steps: int = 1) -> None:
        super().advance(steps)
        if self.epochs > self.after:
            raise KeyboardInterrupt


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))


def batch(chosen: np.ndarray, rng: np.random.Generator) -> Tensor:
    noise = rng.normal(scale=0.01, size=(len(chosen), 8)).astype(np.float32)
    return torch.from_numpy(ROWS[chosen] + noise)


def trainer(
    module: nn.Module, epochs: int = 8, validation: np.ndarray | None = None, seconds: float | None = None
) -> Trainer:
    config = TrainingConfig(
        [{"params": list(module.parameters()), "lr": 0.02}], epochs, 16, 0, seconds=seconds
    )
    return Trainer(module, TARGETS, batch, config, validation)


def bytes_of(module: nn.Module) -> bytes:
    return b"".join(value.numpy().tobytes() for value in module.state_dict().values())


def test_it_learns_what_can_be_learnt() -> None:
    module = network()
    outcome = trainer(module, 30).run(None, Silent())
    module.eval()
    with torch.inference_mode():
        right = module(torch.from_numpy(ROWS)).argmax(1).numpy() == TARGETS
    assert right.mean() > 0.95
    assert (outcome.epochs, outcome.best_epoch) == (30, 30)
    assert np.isnan(outcome.loss)


def test_one_seed_gives_the_same_bytes() -> None:
    modules = [network(), network()]
    for module in modules:
        torch.rand(3)
        trainer(module).run(None, Silent())
    assert bytes_of(modules[0]) == bytes_of(modules[1])


@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_run_broken_off_goes_on_to_the_same_bytes(tmp_path: Path, after: int) -> None:
    whole, resumed = network(), network()
    trainer(whole).run(None, Silent())
    with pytest.raises(KeyboardInterrupt):
        trainer(network()).run(tmp_path / "deep" / "a.pt", Stopping(after))
    told = Told()
    again = trainer(resumed)
    again.run(tmp_path / "deep" / "a.pt", told)
    assert bytes_of(resumed) == bytes_of(whole)
    assert told.epochs == 8
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.pt"]


def test_a_finished_run_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = network(), network()
    trainer(first).run(tmp_path / "a.pt", Silent())
    monkeypatch.setattr(Trainer, "train_epoch", None)
    assert trainer(second).run(tmp_path / "a.pt", Silent()).epochs == 8
    assert bytes_of(first) == bytes_of(second)


@pytest.mark.parametrize("kind", ["empty", "cut", "text", "other network"])
def test_a_checkpoint_that_does_not_fit_is_thrown_away(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.pt"
    expected, module = network(), network()
    trainer(expected).run(None, Silent())
    other = nn.Sequential(nn.Linear(8, 2)) if kind == "other network" else network()
    trainer(other).run(path, Silent())
    if kind == "text":
        path.write_text("no checkpoint", "utf-8")
    elif kind != "other network":
        os.truncate(path, 0 if kind == "empty" else 700)
    trainer(module).run(path, Silent())
    assert bytes_of(module) == bytes_of(expected)


def test_a_checkpoint_with_other_parameter_groups_is_thrown_away(tmp_path: Path) -> None:
    expected, module = network(), network()
    trainer(expected).run(None, Silent())
    earlier = network()
    groups = [{"params": list(earlier[part].parameters()), "lr": 1.0} for part in (0, 3)]
    Trainer(earlier, TARGETS, batch, TrainingConfig(groups, 8, 16, 0)).run(tmp_path / "a.pt", Silent())
    trainer(module).run(tmp_path / "a.pt", Silent())
    assert bytes_of(module) == bytes_of(expected)


def test_epochs_that_cannot_be_kept_are_said_once_and_training_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    told, module, expected = Told(), network(), network()
    trainer(module).run(tmp_path / "file" / "a.pt", told)
    trainer(expected).run(None, Silent())
    assert told.lines == [f"Finished epochs cannot be kept in {tmp_path / 'file'}; training goes on."]
    assert bytes_of(module) == bytes_of(expected)


def test_it_stops_when_validation_gets_no_better_and_keeps_the_best() -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 2, N)
    module = network()
    config = TrainingConfig([{"params": list(module.parameters()), "lr": 0.05}], 40, 16, 0, patience=3)
    run = Trainer(module, noise, batch, config, np.arange(0, N, 3))
    outcome = run.run(None, Silent())
    assert outcome.epochs == outcome.best_epoch + 3 < 40
    module.eval()
    assert run._validation_loss() == pytest.approx(outcome.loss)


def test_validation_examples_are_never_trained_on() -> None:
    seen: set[int] = set()
    held = np.arange(0, N, 2)

    def noted(chosen: np.ndarray, rng: np.random.Generator) -> Tensor:
        if torch.is_grad_enabled():
            seen.update(chosen.tolist())
        return batch(chosen, rng)

    module = network()
    config = TrainingConfig([{"params": list(module.parameters()), "lr": 0.01}], 2, 16, 0)
    Trainer(module, TARGETS, noted, config, held).run(None, Silent())
    assert seen == set(range(N)) - set(held.tolist())


def test_a_loss_that_is_no_number_ends_without_a_crash() -> None:
    module = network()
    with torch.no_grad():
        module[0].weight.fill_(float("nan"))
    outcome = trainer(module, 6, np.arange(10)).run(None, Silent())
    assert np.isnan(outcome.loss)


@pytest.mark.parametrize("epochs", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [7, 15, 60])
def test_short_runs_have_a_schedule_too(epochs: int, batch_size: int) -> None:
    module = network()
    config = TrainingConfig([{"params": list(module.parameters()), "lr": 0.01}], epochs, batch_size, 0)
    assert Trainer(module, TARGETS, batch, config).run(None, Silent()).epochs == epochs


def test_after_a_loss_that_is_no_number_a_finite_one_is_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([float("nan"), 3.0, 2.0, 2.5])
    monkeypatch.setattr(Trainer, "_validation_loss", lambda self: next(losses))
    outcome = trainer(network(), 4, np.arange(10)).run(None, Silent())
    assert (outcome.best_epoch, outcome.loss) == (3, 2.0)


def test_too_little_time_is_said_with_the_time_it_would_take() -> None:
    with pytest.raises(NoTimeError, match=rf"{MIN_EPOCHS} epochs would take \d+ s"):
        trainer(network(), seconds=1e-9)
    with pytest.raises(NoTimeError, match="2 epochs would take"):
        trainer(network(), 2, seconds=1e-9)


def test_time_to_spare_runs_all_epochs_and_the_measuring_changes_nothing() -> None:
    timed, free = network(), network()
    assert trainer(timed, seconds=1e6).run(None, Silent()).epochs == 8
    trainer(free).run(None, Silent())
    assert bytes_of(timed) == bytes_of(free)


def test_frozen_batch_normalisation_keeps_its_statistics() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    train_mode(module)
    assert [part.training for part in module] == [True, False, True]
    before = module[1].running_mean.clone()
    module(torch.randn(4, 3, 8, 8) + 5)
    torch.testing.assert_close(module[1].running_mean, before)


def test_an_epoch_of_several_rounds_goes_through_all_examples_as_often() -> None:
    module = network()
    config = TrainingConfig([{"params": list(module.parameters()), "lr": 0.02}], 2, 16, 0, repeats=3)
    shown: list[int] = []

    def noted(chosen: np.ndarray, rng: np.random.Generator) -> Tensor:
        shown.extend(chosen.tolist())
        return batch(chosen, rng)

    outcome = Trainer(module, TARGETS, noted, config).run(None, Silent())
    assert outcome.epochs == 2
    assert np.bincount(shown).tolist() == [6] * len(TARGETS)
