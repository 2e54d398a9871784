"""What the verbs print: JSON shapes, tables, CSV and sentences, from records made by hand."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from preseason.cli import shapes, words
from preseason.cli.bars import Bars, Lines, Stage, progress
from preseason.cli.problems.base import terminals
from preseason.data.dataset import File, Sample, Skipped
from preseason.evaluation.metrics import measure
from preseason.formatting import duration
from preseason.inference.answers import BatchPredictions
from preseason.results import Evaluation, FitRecord, Prediction, Predictions, Update
from preseason.runtime.progress import Silent
from tiny_records import fit_record

LABELS = ("messi", "salah", "son")


@pytest.fixture
def answers() -> BatchPredictions:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]], np.float32)
    targets = np.array([0, 1, 1, 2])
    samples = tuple(
        Sample(File(Path(f"photos/{LABELS[t]}/{i} a.jpg")), LABELS[t]) for i, t in enumerate(targets)
    )
    return BatchPredictions(samples, LABELS, targets, probabilities, np.zeros(4, np.float32))


@pytest.fixture
def evaluation(answers: BatchPredictions) -> Evaluation:
    metrics = measure(answers.probabilities, answers.targets)
    return Evaluation(
        "photos", answers, metrics, (Skipped("a.txt", "no image"),), ("few photos",), {"decode": 1.0}
    )


@pytest.fixture
def record(answers: BatchPredictions) -> FitRecord:
    return fit_record(
        answers,
        counts={"messi": 10, "salah": 10, "son": 10},
        baselines={"linear": 0.7, "scratch": 0.4},
        skipped=tuple(Skipped(f"{i}.txt", "no image") for i in range(7)),
        duplicates=((File(Path("a.jpg")), File(Path("b.jpg"))),),
        split={"train": 26, "test": 4, "by": "held-out part"},
        warnings=("son has few photos",),
        unknown_threshold=float("inf"),
        seconds={"decode": 60.0, "head": 74.0},
    )


@pytest.fixture
def predictions() -> Predictions:
    sure = Prediction("a.jpg", "messi", 0.9, False, {"messi": 0.9, "salah": 0.06, "son": 0.04})
    strange = Prediction("x, y.jpg", "son", 0.5, True, {"messi": 0.3, "salah": 0.2, "son": 0.5})
    return Predictions((sure, strange), (Skipped("b.txt", "no image"),))


def test_fit_gives_the_promised_object(record: FitRecord) -> None:
    shape = shapes.plain(shapes.of_fit("players", record))
    promised = {
        "model",
        "task",
        "labels",
        "metrics",
        "skipped",
        "seconds",
        "baselines",
        "duplicates",
        "split",
    }
    assert promised | {"warnings"} <= set(shape)
    assert set(shape["metrics"]) == {"n", "accuracy", "low", "high", "balanced_accuracy", "macro_f1", "ece"}
    assert shape["skipped"][0] == {"path": "0.txt", "reason": "no image"}
    assert shape["labels"] == list(LABELS)
    assert shape["unknown"] == {"threshold": None, "auroc": None}


def test_evaluate_gives_the_promised_object(evaluation: Evaluation) -> None:
    shape = shapes.plain(shapes.of_evaluation("players", LABELS, evaluation))
    assert {"model", "task", "labels", "metrics", "skipped", "seconds"} <= set(shape)
    assert shape["metrics"]["accuracy"] == 0.75
    assert shape["classes"]["salah"]["n"] == 2
    assert shape["classes"]["salah"]["recall"] == 0.5


def test_predict_gives_the_promised_object(predictions: Predictions) -> None:
    shape = shapes.plain(shapes.of_predictions("players", predictions))
    assert list(shape["predictions"][0]) == ["input", "label", "probability", "unknown", "probabilities"]
    assert [item["input"] for item in shape["predictions"]] == ["a.jpg", "x, y.jpg"]
    assert shape["skipped"] == [{"path": "b.txt", "reason": "no image"}]


def test_plain_values_hold_no_numpy_and_no_infinity() -> None:
    mixed = {1: np.float32(0.5), "a": np.arange(2), "b": (np.bool_(True), Path("x"), float("nan"))}
    plain = shapes.plain(mixed)
    assert plain == {"1": 0.5, "a": [0, 1], "b": [True, "x", None]}
    assert type(plain["1"]) is float
    assert type(plain["b"][0]) is bool


def test_fit_ends_with_accuracy_comparison_place_and_next_step(record: FitRecord) -> None:
    text = words.of_fit("players", record, "preseason predict players a.jpg")
    assert text.startswith("Accuracy 75.0 % (3 of 4, 95 % CI 30-95 %).")
    assert "linear head alone 70.0 %, same network with random weights 40.0 %." in text
    assert "4 of the 30 photos were held out as a test set." in text
    assert "The model you get was then fitted on all 30 photos." in text
    assert "Left out: 7 files or rows, such as 0.txt: no image" in text
    assert "Warning: son has few photos" in text
    every = words.of_fit("players", record, "", verbose=True).splitlines()
    assert sum(line.startswith("Left out: ") for line in every) == 7
    assert "Model:  players  (fitted in 2 min 14 s)" in text
    assert text.endswith("Next:   preseason predict players a.jpg")


def test_a_model_that_was_not_refitted_says_so(record: FitRecord) -> None:
    kept = replace(record, recipe={"refit": False})
    assert "has not seen the test set either (--no-refit)" in words.of_fit("players", kept, "")


def test_a_crossfitted_model_says_who_judged_and_what_it_learnt_from(record: FitRecord) -> None:
    by = {"by": "4-fold cross-validation"}
    counts = {"messi": 1, "salah": 2, "son": 1}
    text = words.of_fit("players", replace(record, split=by, counts=counts), "")
    assert "Each of the 4 photos was predicted by a model not trained on it (cross-validation)." in text
    assert "the average of these models; together they were trained on all 4 photos." in text
    part = words.of_fit("players", replace(record, split=by), "")
    assert "Each of 4 of the 30 photos was predicted" in part
    assert "The model you get is the average of these models." in part
    assert "fitted on all" not in text + part


def test_evaluation_lists_the_weakest_class_first(evaluation: Evaluation) -> None:
    lines = words.of_evaluation(evaluation).splitlines()
    assert lines[0].startswith("Accuracy 75.0 % (3 of 4, ")
    assert lines[2].split() == ["label", "examples", "recall", "95", "%", "CI"]
    assert lines[3].startswith("salah  2         50.0 %")


def test_the_table_of_answers_aligns_and_names_strangers(predictions: Predictions) -> None:
    lines = words.of_predictions(predictions).splitlines()
    assert lines[0] == "input     label                  confidence  runner-up"
    assert lines[1] == "a.jpg     messi                  90.0 %      salah 6.0 %"
    assert lines[2] == "x, y.jpg  unknown (nearest son)  50.0 %      messi 30.0 %"
    assert lines[3] == "Left out: b.txt: no image"


def test_wide_characters_keep_the_columns_aligned() -> None:
    lines = words.table(["name", "n"], [["손흥민", "1"], ["son", "2"]]).splitlines()
    assert lines == ["name    n", "손흥민  1", "son     2"]


def test_csv_has_a_column_for_each_label(predictions: Predictions) -> None:
    rows = list(csv.DictReader(io.StringIO(terminals.get("classification").csv(predictions))))
    assert list(rows[0]) == ["input", "label", "probability", "unknown", "p(messi)", "p(salah)", "p(son)"]
    assert (rows[1]["input"], rows[1]["unknown"], rows[1]["p(son)"]) == ("x, y.jpg", "true", "0.5")
    assert terminals.get("classification").csv(Predictions(())) == "input,label,probability,unknown"


def test_add_and_remove_show_every_score_before_and_after() -> None:
    update = Update("kane", 5, {"messi": 0.9}, {"messi": 0.85, "kane": 1.0}, (), ("few photos",))
    lines = words.of_update("add", "players", update).splitlines()
    assert lines[0] == "kane added from 5 examples."
    assert lines[3].split() == ["kane", "-", "100.0", "%"]
    assert lines[4].split() == ["messi", "90.0", "%", "85.0", "%"]
    assert "Warning: few photos" in lines
    shape = shapes.plain(shapes.of_update("players", ("kane", "messi"), update))
    assert {"model", "labels", "name", "examples", "before", "after", "skipped", "warnings"} == set(shape)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.96, "10 s"), (59.7, "1 min 0 s"), (3601, "1 h 0 min")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_say_what_runs_how_far_it_is_and_how_long_it_took() -> None:
    stream = io.StringIO()
    lines = Lines(stream, every_s=0.0)
    lines.start("decode", 4)
    lines.advance(1)
    lines.advance(2)
    lines.finish()
    lines.finish()
    lines.advance()
    shown = stream.getvalue().splitlines()
    assert shown[0] == "  decode: 1 of 4"
    assert re.fullmatch(r"  decode: 3 of 4, 0\.0 s left", shown[1])
    assert shown[2].startswith("  decode: 3 in ")
    assert len(shown) == 3


def test_a_stage_within_a_stage_leaves_the_outer_one_its_count() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines.start("all", 4)
    lines.advance()
    lines.start("one", 2)
    lines.advance(2)
    lines.finish()
    lines.advance()
    lines.finish()
    shown = stream.getvalue().splitlines()
    assert [line.rsplit(" in ", 1)[0] for line in shown] == ["  one: 2", "  all: 2"]


def test_brief_stages_leave_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    bars = Bars(brief_s=60.0)
    for shown in (Lines(stream, brief_s=60.0), bars):
        shown.start("decode", 1)
        shown.advance()
        shown.finish()
    assert stream.getvalue() == ""
    assert "decode: 1 in" not in capsys.readouterr().err


def test_the_time_left_is_told_by_the_speed_after_the_first_steps() -> None:
    stage = Stage("reading", 500, begin=0.0)
    stage.advance(0, 1.0)
    assert stage.left(1.0) is None
    stage.advance(36, 20.0)
    assert stage.left(20.0) is None, "the first steps compile and warm up"
    stage.advance(100, 25.0)
    assert stage.left(25.0) == pytest.approx(364 * 5 / 100)
    stage.advance(364, 43.0)
    assert stage.left(43.0) == 0


def test_bars_leave_one_line_for_each_stage(capsys: pytest.CaptureFixture[str]) -> None:
    bars = Bars()
    bars.say("5 players [in 3 folders]")
    bars.advance()
    bars.start("decode", 3)
    bars.advance(1)
    bars.start("head", 0)
    bars.finish()
    bars.advance(2)
    bars.finish()
    bars.finish()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "5 players [in 3 folders]\n" in shown.err
    assert "decode: 3 in" in shown.err
    assert "head: 0 in" in shown.err


def test_progress_is_silent_when_asked_and_plain_off_a_terminal() -> None:
    assert isinstance(progress(quiet=True), Silent)
    assert isinstance(progress(quiet=False), Lines)
