"""Labels of boxes that are wrong are named, and right ones are not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny_pitches
from preseason.cli import shapes, words
from preseason.data.boxes import FoundBox, LabelledBox
from preseason.data.dataset import File, Sample
from preseason.diagnostics import box_errors
from preseason.diagnostics.box_errors import check, suspects
from preseason.inference.answers import BoxPredictions
from preseason.problems.base import problems
from preseason.report.html import write_report
from preseason.results import Evaluation
from tiny_records import fit_record

CLASSES = ("ball", "player")
COUNT = 16


def thing(label: str, place: int, wide: float = 0.1) -> LabelledBox:
    x = 0.05 + 0.2 * place
    return LabelledBox(label, x, 0.3, x + wide, 0.5)


def found_on(boxes: list[LabelledBox], rng: np.random.Generator) -> tuple[FoundBox, ...]:
    """What a good model finds: each box, its edges a little off, and something it is not sure of."""
    moved = [np.array([b.x0, b.y0, b.x1, b.y1]) + rng.normal(0, 0.002, 4) for b in boxes]
    sure = [FoundBox(b.label, 0.9, *map(float, m)) for b, m in zip(boxes, moved, strict=True)]
    return (*sure, FoundBox("ball", 0.3, 0.9, 0.9, 0.95, 0.95))


def answers_with(faults: dict[int, list[LabelledBox]], folder: Path = Path("nowhere")) -> BoxPredictions:
    """Pictures of a ball and two players each, labelled rightly but for `faults`, by picture."""
    rng = np.random.default_rng(0)
    truth = [thing("ball", 0), thing("player", 1), thing("player", 2)]
    samples = tuple(
        Sample(File(folder / f"pitch-{n:03}.png"), fingerprint=str(n), boxes=tuple(faults.get(n, truth)))
        for n in range(COUNT)
    )
    return BoxPredictions(samples, CLASSES, tuple(found_on(truth, rng) for _ in samples))


def test_right_labels_are_left_alone() -> None:
    assert suspects(answers_with({})) == ()
    assert "looks wrong" in check(answers_with({}), "pictures")["said"]


def test_each_kind_of_fault_is_named_with_the_box_that_should_be_there() -> None:
    ball, one, two = thing("ball", 0), thing("player", 1), thing("player", 2)
    double = LabelledBox("player", one.x0 + 0.005, 0.3, one.x1 + 0.005, 0.52)
    answers = answers_with(
        {
            2: [one, two],
            3: [ball, thing("ball", 1), two],
            4: [ball, one, double, two],
            5: [ball, one, thing("player", 2, wide=0.16)],
        }
    )
    found = {each.place: each for each in suspects(answers)}
    assert {place: each.kind for place, each in found.items()} == {
        2: "missing",
        3: "class",
        4: "double",
        5: "loose",
    }
    assert (found[2].given, found[2].proposed.label) == (None, "ball")
    assert (found[3].given, found[3].proposed.label) == (thing("ball", 1), "player")
    assert (found[4].given, found[4].proposed) == (double, one)
    assert abs(found[5].proposed.x1 - two.x1) < 0.01
    doubts = [each.doubt for each in suspects(answers)]
    assert doubts == sorted(doubts, reverse=True)


def test_a_part_of_a_labelled_thing_is_no_missing_box() -> None:
    large = LabelledBox("player", 0.2, 0.1, 0.7, 0.9)
    answers = answers_with({2: [thing("ball", 0), large]})
    assert all(each.kind != "missing" for each in suspects(answers))


def test_the_report_shows_them_cut_out(tmp_path: Path) -> None:
    tiny_pitches.write(tmp_path, 3)
    answers = answers_with({2: [thing("player", 1), thing("player", 2)]}, tmp_path)
    values = check(answers, "pictures")
    assert "1 box is probably labelled wrongly or missing (in 16 pictures)" in values["warning"]
    record = fit_record(
        answers, task="detection", problem="detection", trust={"label_errors": values}, labels=CLASSES
    )
    write_report(record, tmp_path / "report.html", lambda sample: None)
    page = (tmp_path / "report.html").read_text("utf-8")
    part = page.split('id="suspects"')[1].split("</section>")[0]
    assert "what looks like ball (90 %) has no box" in part
    assert part.count("data:image/jpeg") == 1


def test_an_evaluation_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []

    def counted(answers: BoxPredictions, noun: str) -> dict[str, Any]:
        looked.append(answers)
        return check(answers, noun)

    monkeypatch.setattr(box_errors, "check", counted)
    answers = answers_with({3: [thing("ball", 0)]})
    metrics = problems.get("detection").measure(answers)
    evaluation = Evaluation("detection", answers, metrics, (), (), {}, problem="detection")
    fields = shapes.of_evaluation("finder", CLASSES, evaluation)
    assert fields["label_errors"]["suspects"]
    assert "Labels that are probably wrong" in words.of_evaluation(evaluation, fields)
    assert looked == [evaluation.answers]
