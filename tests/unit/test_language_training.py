"""Training: it learns, the same each time, goes on where it was stopped, stops early and in time."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny_language as tiny
from preseason.errors import UsageError
from preseason.language.speed import fastest_type
from preseason.language.steps import timed_step
from preseason.language.training import TrainingConfig
from preseason.language.tuning import tune
from preseason.runtime.progress import Silent
from tiny_training import PLAN, Interrupting, prepared


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
@pytest.mark.parametrize("unfreeze", ["auto", "1", "all"])
def test_it_learns(family: str, unfreeze: str) -> None:
    run = prepared(family, unfreeze)
    trained = run.run(None, Silent())
    assert trained.steps == run.total
    assert min(loss for _, loss in trained.curve) < trained.curve[0][1] - 0.05
    assert run.tuning.kind == {"auto": "lora", "1": "last 1 blocks", "all": "all weights"}[unfreeze]


def test_adapters_leave_the_pretrained_weights_as_they_are() -> None:
    run = prepared()
    frozen = {name: w.clone() for name, w in run.tuning.network.named_parameters() if not w.requires_grad}
    assert frozen
    run.run(None, Silent())
    after = dict(run.tuning.network.named_parameters())
    assert all(torch.equal(weight, after[name]) for name, weight in frozen.items())


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, other = prepared(), prepared()
    one.run(None, Silent())
    other.run(None, Silent())
    states = one.tuning.state(), other.tuning.state()
    assert all(torch.equal(weight, states[1][name]) for name, weight in states[0].items())


def test_a_stopped_run_goes_on_and_ends_alike(tmp_path: Path) -> None:
    whole, broken = prepared(), prepared()
    whole.run(None, Silent())
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        broken.run(checkpoint, Interrupting(7))
    # The clock would plan otherwise now: less time is left, and a step was measured under other load.
    resumed = prepared(config=replace(PLAN, batch=3, seconds=5.0))
    trained = resumed.run(checkpoint, Silent())
    assert resumed.config == whole.config
    assert 0 < broken.step < trained.steps == whole.step
    states = whole.tuning.state(), resumed.tuning.state()
    assert all(torch.equal(weight, states[1][name]) for name, weight in states[0].items())


def test_a_damaged_checkpoint_is_thrown_away(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.pt"
    checkpoint.write_bytes(b"half a file")
    whole, other = prepared(), prepared()
    whole.run(None, Silent())
    other.run(checkpoint, Silent())
    states = whole.tuning.state(), other.tuning.state()
    assert all(torch.equal(weight, states[1][name]) for name, weight in states[0].items())


def test_it_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    run = prepared(
        config=TrainingConfig(epochs=40, batch=2, learning_rate=0.02, seconds=600, seed=0), flipped=True
    )
    before = run.tuning.state()
    trained = run.run(None, Silent())
    assert trained.stopped == "the held-out loss rose"
    assert trained.steps < run.total
    best = min(trained.curve, key=lambda point: point[1])
    assert trained.best_step == best[0] < trained.steps
    if trained.best_step == 0:
        assert all(torch.equal(weight, before[name]) for name, weight in run.tuning.state().items())


def test_the_time_is_kept() -> None:
    begin = time.monotonic()
    trained = prepared(config=TrainingConfig(100_000, 2, 0.01, seconds=1.5, seed=0, patience=100)).run(
        None, Silent()
    )
    assert trained.stopped == "the time was used up"
    assert 0.7 < time.monotonic() - begin < 3.5
    assert trained.steps >= 2


def test_half_precision_only_where_it_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(whole: float, half: float, product: float) -> Any:
        products = {torch.bfloat16: product, torch.float32: 1.0}
        monkeypatch.setattr("preseason.language.speed.seconds_of_product", products.__getitem__)
        return fastest_type(lambda kind: whole if kind is None else half, "cpu")

    assert measured(1.0, 0.5, 0.5) == torch.bfloat16
    assert measured(1.0, 0.95, 0.5) is None
    assert measured(1.0, 0.5, 2.0) is None
    run = prepared()
    before = run.tuning.state()
    assert timed_step(run.trunk, run.head, run.learn.some(slice(0, 2)), torch.bfloat16) > 0
    assert all(torch.equal(weight, before[name]) for name, weight in run.tuning.state().items())
    assert all(weight.grad is None for weight in run.tuning.trained().values())


def test_more_blocks_than_there_are() -> None:
    with pytest.raises(UsageError, match="the model has 3 blocks"):
        tune(tiny.gpt2(500), "4", seed=0)


def test_a_state_that_cannot_be_kept_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told: list[str] = []

    class Told(Silent):
        def say(self, line: str) -> None:
            told.append(line)

    assert prepared().run(tmp_path / "file" / "run.pt", Told()).steps > 0
    assert [line.startswith("The training state cannot be saved in") for line in told] == [True]
