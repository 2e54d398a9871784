"""What the clock decided is written down and replayed: a fit that is stopped gives the same model."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from preseason.engine.passes import FeatureSpec
from preseason.errors import UsageError
from preseason.heads.base import TrainingSet
from preseason.heads.decisions import SUFFIX, all_decided, decide, decided, replay, spent_s
from preseason.heads.trainer import NoTimeError, Trainer, TrainingConfig
from preseason.inference.candidates import Candidate
from preseason.inference.features import Features
from preseason.recipe import recipe_from
from preseason.runtime.progress import Silent, Stopwatch
from preseason.training import rounds
from preseason.training.rounds import Clock, Rounds

N = 40
ROWS = np.random.default_rng(0).normal(size=(N, 8)).astype(np.float32)
TARGETS = (ROWS[:, 0] > 0).astype(np.int64)


def test_a_decision_is_kept_and_the_time_until_then(tmp_path: Path) -> None:
    decide(tmp_path / "run", "way crops", "left out: no time", 12.5)
    decide(tmp_path / "run", "epochs a.pt", 7)
    assert decided(tmp_path / "run", "way crops") == "left out: no time"
    assert all_decided(tmp_path / "run") == {"epochs a.pt": 7, "way crops": "left out: no time"}
    assert spent_s(tmp_path / "run") == 12.5
    assert decided(tmp_path / "run", "way other") is None
    assert (spent_s(tmp_path / "none"), all_decided(tmp_path / "none"), decided(None, "x")) == (0.0, {}, None)


def test_a_damaged_note_counts_for_nothing(tmp_path: Path) -> None:
    decide(tmp_path, "way crops", "")
    (note,) = tmp_path.glob(f"*{SUFFIX}")
    note.write_text('{"name": "way cr')
    assert decided(tmp_path, "way crops") is None
    assert all_decided(tmp_path) == {}


def test_what_a_fit_has_decided_itself_stays(tmp_path: Path) -> None:
    decide(tmp_path, "epochs a.pt", 3, 9.0)
    replay(tmp_path, {"epochs a.pt": 8, "epochs b.pt": 5})
    assert all_decided(tmp_path) == {"epochs a.pt": 3, "epochs b.pt": 5}
    assert spent_s(tmp_path) == 9.0


def trainer(run: Path | None, seconds: float | None, affordable: int = 30) -> Trainer:
    """A run of 30 epochs at most, of which the clock finds so many to fit into the time (0: too few)."""

    class Clocked(Trainer):
        def _affordable(self, seconds: float) -> int:
            if affordable == 0:
                raise NoTimeError("4 epochs would take 9 s")
            return affordable

    torch.manual_seed(0)
    network = nn.Linear(8, 2)
    groups = [{"params": list(network.parameters()), "lr": 0.01}]
    config = TrainingConfig(groups, 30, 8, seed=0, patience=99, seconds=seconds, run=run)
    return Clocked(network, TARGETS, lambda chosen, _: torch.from_numpy(ROWS[chosen]), config)


def test_epochs_that_were_found_to_fit_are_run_on_a_busier_machine_too(tmp_path: Path) -> None:
    run = tmp_path / "fits" / "a.pt"
    assert trainer(run, 9, affordable=21).epochs == 21
    assert trainer(run, 9, affordable=0).epochs == 21
    with pytest.raises(NoTimeError):
        trainer(tmp_path / "fits" / "b.pt", 9, affordable=0)


def test_few_epochs_stay_few_when_there_is_more_time_later(tmp_path: Path) -> None:
    run = tmp_path / "a.pt"
    assert trainer(run, 9, affordable=5).epochs == 5
    assert trainer(run, seconds=None).epochs == 30  # without a budget nothing is decided by the clock
    assert trainer(run, 9, affordable=30).epochs == 5


def test_a_run_that_was_stopped_before_its_first_checkpoint_gives_the_same_weights(tmp_path: Path) -> None:
    whole = trainer(None, 9, affordable=5)
    whole.run(None, Silent())
    trainer(tmp_path / "a.pt", 9, affordable=5)  # killed here
    again = trainer(tmp_path / "a.pt", 9, affordable=28)
    again.run(tmp_path / "a.pt", Silent())
    for one, other in zip(whole.module.parameters(), again.module.parameters(), strict=True):
        assert torch.equal(one, other)


def test_without_a_run_nothing_is_written(tmp_path: Path) -> None:
    trainer(None, seconds=1e6)
    assert not list(tmp_path.iterdir())


class Extractors:
    """Rows in memory, and a pass that takes as long as it is said to."""

    workers = None

    def of(self, candidate: Candidate) -> "Extractors":
        """Itself: there is one network."""
        return self

    def trained(self) -> None:
        """No network: heads of these tests read rows alone."""


class Timed(Rounds):
    """Rounds whose passes take `reading_s` seconds by a clock of the test."""

    def __init__(self, folder: Path, left_s: float, reading_s: float) -> None:
        watch = Stopwatch()
        training_set = TrainingSet(Features((), np.arange(N)), TARGETS, 2, folds(), 0)
        super().__init__(Extractors(), (), training_set, Clock(1e9, True, watch), folder)  # type: ignore[arg-type]
        self.clock.left = lambda: left_s  # type: ignore[method-assign]
        self.reading_s = reading_s

    def _estimate(self, candidate: Candidate) -> float:
        return self.reading_s

    def _read_all(self, candidate: Candidate) -> None:
        self.trials.features[candidate.name] = Features.of([ROWS[:, None]])


def folds() -> list[tuple[np.ndarray, np.ndarray]]:
    every = np.arange(N)
    return [(every[every % 2 != number], every[every % 2 == number]) for number in range(2)]


FIRST = Candidate("linear", "linear", FeatureSpec(32))
SECOND = replace(FIRST, name="prototype", head="prototype")


def tried(found: rounds.Trials) -> list[str]:
    return [fit.fitted.candidate.name for fit in found.fits]


def test_a_way_that_was_left_out_stays_out_when_the_rest_is_in_the_bank(tmp_path: Path) -> None:
    slow = Timed(tmp_path, left_s=5, reading_s=50).run([FIRST, SECOND])
    assert tried(slow) == ["linear"]
    again = Timed(tmp_path, left_s=500, reading_s=0).run([FIRST, SECOND])
    assert tried(again) == ["linear"]
    assert again.candidates[1].note == slow.candidates[1].note
    assert "would take about 50 s" in again.candidates[1].note


def test_a_way_that_was_tried_is_tried_again_with_no_time_left(tmp_path: Path) -> None:
    quick = Timed(tmp_path, left_s=500, reading_s=1).run([FIRST, SECOND])
    again = Timed(tmp_path, left_s=0, reading_s=99).run([FIRST, SECOND])
    assert tried(quick) == tried(again) == ["linear", "prototype"]
    for one, other in zip(quick.fits, again.fits, strict=True):
        np.testing.assert_array_equal(one.oof_proba, other.oof_proba)


def model_folder(place: Path, **record: object) -> Path:
    place.mkdir()
    (place / "preseason.json").write_text(json.dumps({"format": 2, "record": record}))
    return place


def test_a_model_is_a_config_with_its_decisions(tmp_path: Path) -> None:
    stored = {"budget_s": 90.0, "seed": 3, "head": "auto", "cache": None}
    decisions = {"way crops": "left out: no time"}
    folder = model_folder(tmp_path / "m", recipe=stored, fingerprint="abc", decisions=decisions)
    recipe = recipe_from(None, folder, {"seed": 4})
    assert (recipe.budget_s, recipe.seed, recipe.head) == (90.0, 4, "auto")
    assert recipe.given == {"budget_s", "seed"}
    assert recipe.repeats is not None
    assert (recipe.repeats.fingerprint, recipe.repeats.decisions) == ("abc", decisions)
    assert recipe.with_settings(folds=3).repeats == recipe.repeats


def test_a_model_of_before_decisions_were_kept_gives_its_settings(tmp_path: Path) -> None:
    recipe = recipe_from(None, model_folder(tmp_path / "m", recipe={"seed": 3}), {})
    assert (recipe.seed, recipe.repeats.decisions if recipe.repeats else None) == (3, {})


def test_a_folder_that_is_no_model_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model whose settings"):
        recipe_from(None, tmp_path, {})


def test_nothing_is_shown_of_it(tmp_path: Path) -> None:
    shown = Silent()
    trainer(tmp_path / "a.pt", seconds=1e6).run(tmp_path / "a.pt", shown)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".pt"]
