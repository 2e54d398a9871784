"""Every registered problem: its figures, its folds, its JSON fields and what is refused."""

import html
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preseason.cli import shapes, words
from preseason.cli.problems.base import terminals
from preseason.data.boxes import FoundBox, LabelledBox
from preseason.data.dataset import Dataset, File, Sample
from preseason.data.split import group_numbers
from preseason.errors import DataError
from preseason.fitting.problems.base import fitters
from preseason.inference.answers import BatchPredictions, BoxPredictions
from preseason.models.manifest import record_from, record_values
from preseason.problems.base import Problem, problems
from preseason.report.card import write_card
from preseason.report.html import write_report
from preseason.report.problems.base import pages
from preseason.results import Evaluation, score_of
from preseason.tasks.base import tasks
from tiny_records import fit_record

LABELS = ("ant", "bee", "cat")


@pytest.fixture(params=list(problems))
def problem(request: pytest.FixtureRequest) -> Problem:
    return problems.get(request.param)


def samples(count: int) -> tuple[Sample, ...]:
    return tuple(
        Sample(File(Path(f"{i}.jpg")), LABELS[i % 3], group=f"match {i // 2}", fingerprint=f"{i:02}")
        for i in range(count)
    )


def boxed(problem: Problem[Any], count: int, wrong: int) -> BoxPredictions:
    """A box on each picture that is found, of the `wrong` first ones as another class."""
    given = tuple(
        replace(sample, label=None, boxes=(LabelledBox(str(sample.label), 0.2, 0.2, 0.6, 0.7),))
        for sample in samples(count)
    )
    said = [LABELS[(i + (i < wrong)) % 3] for i in range(count)]
    found = tuple((FoundBox(label, 0.8 - 0.001 * i, 0.2, 0.2, 0.6, 0.7),) for i, label in enumerate(said))
    return BoxPredictions(given, LABELS, found)


def answered(problem: Problem[Any], count: int = 24, wrong: int = 3) -> Any:
    if problem.name == "detection":
        return boxed(problem, count, wrong)
    given = samples(count)
    targets = problem.targets(given, LABELS)
    proba = np.full((count, 3), 0.1, np.float32)
    said = np.array(targets)
    said[:wrong] = (said[:wrong] + 1) % 3
    proba[np.arange(count), said] = 0.8
    return BatchPredictions(given, LABELS, targets, proba, np.zeros(count, np.float32))


def test_every_task_names_a_registered_problem() -> None:
    assert {tasks.get(name).problem for name in tasks} <= set(problems)


def test_the_first_figure_decides_and_has_an_interval(problem: Problem) -> None:
    figures = problem.measure(answered(problem))
    score = score_of(figures)
    assert score.low is not None
    assert score.high is not None
    assert 0 <= score.low <= score.value <= score.high <= 1
    assert score.n == 24
    assert score.value < score_of(problem.measure(answered(problem, wrong=0))).value == 1


def test_it_can_be_shown_everywhere_under_the_same_name(problem: Problem, tmp_path: Path) -> None:
    answers = answered(problem)
    record = fit_record(answers, problem=problem.name)
    score = score_of(record.metrics)
    write_report(record, tmp_path / "report.html")
    write_card(record, tmp_path / "README.md")
    page, card = ((tmp_path / name).read_text("utf-8") for name in ("report.html", "README.md"))
    summary = pages.get(problem.name).summary(record)
    assert summary in html.unescape(page)
    assert summary[1:] in card
    evaluation = Evaluation("photos", answers, record.metrics, (), (), {}, problem=problem.name)
    said = words.of_evaluation(evaluation)
    assert said.startswith(problem.sentence(record.metrics))
    assert f"{100 * score.value:.1f} %" in said
    fields = shapes.plain(shapes.of_evaluation("model", LABELS, evaluation))
    assert fields["metrics"] == problem.values(record.metrics)
    assert fields == json.loads(json.dumps(fields, allow_nan=False))


def test_rooms_of_the_same_names() -> None:
    assert list(problems) == list(fitters) == list(pages) == list(terminals)


def test_right_answers_are_as_many_as_the_score_says(problem: Problem) -> None:
    answers = answered(problem)
    assert problem.right(answers).sum() == 21
    assert problem.right(answers).shape == (24,)


def test_figures_pass_through_json_and_back(problem: Problem) -> None:
    figures = problem.measure(answered(problem))
    values = json.loads(json.dumps(problem.values(figures), allow_nan=False))
    assert problem.figures(values) == figures


def test_figures_of_nothing_are_finite(problem: Problem) -> None:
    nothing: Any = BatchPredictions(
        (), LABELS, np.zeros(0, np.int64), np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    )
    if problem.name == "detection":
        nothing = BoxPredictions((), LABELS, ())
    figures = problem.measure(nothing)
    assert score_of(figures).n == 0
    assert all(np.isfinite(figure.value) for figure in figures.values())
    json.dumps(problem.values(figures), allow_nan=False)


def test_folds_keep_groups_whole_and_answer_each_example_once(problem: Problem) -> None:
    given = samples(24)
    groups = group_numbers(given)
    folds = problem.folds(problem.targets(given, LABELS), groups, 3, 0)
    answered_once = np.concatenate([validation for _, validation in folds])
    assert sorted(answered_once) == list(range(24))
    for train, validation in folds:
        assert not set(groups[train]) & set(groups[validation])


def test_nothing_to_learn_from_is_refused_in_plain_words(problem: Problem) -> None:
    with pytest.raises(DataError, match="holds no usable photos"):
        problem.check(Dataset(Path("empty"), "folders", (), ()), "photos")
    whole = Dataset(Path("good"), "folders", samples(60), LABELS)
    assert problem.check(whole, "photos") == ()


def test_a_record_keeps_its_figures_in_the_fields_that_older_versions_read(problem: Problem) -> None:
    record = fit_record(answered(problem), problem=problem.name)
    values = json.loads(json.dumps(record_values(record)))
    assert "problem" not in values
    assert record_from(values, problem).metrics == record.metrics
    assert record_from(values, problem).problem == problem.name


@pytest.mark.parametrize("name", ["classification", "spotting"])
def test_documented_fields_of_labels_stay(name: str) -> None:
    values = problems.get(name).values(problems.get(name).measure(answered(problems.get(name))))
    assert list(values) == ["n", "accuracy", "low", "high", "balanced_accuracy", "macro_f1", "ece"]
    assert values["n"] == 24
    assert values["accuracy"] == 21 / 24


@pytest.mark.parametrize("name", ["classification", "spotting"])
def test_one_class_alone_is_refused_by_problems_of_labels(name: str) -> None:
    alone = tuple(s for s in samples(60) if s.label == "ant")
    with pytest.raises(DataError, match="only one class"):
        problems.get(name).check(Dataset(Path("ants"), "folders", alone, ("ant",)), "photos")
