"""A problem that is not about labels needs files of its own alone: nothing else asks for an accuracy."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from preseason.arrays.types import Ints
from preseason.cli import shapes, words
from preseason.cli.problems.base import terminals
from preseason.data.dataset import Dataset, File, Sample
from preseason.inference.answers import BatchPredictions
from preseason.models.manifest import record_from, record_values
from preseason.problems.base import Folds, problems
from preseason.report.card import write_card
from preseason.report.html import write_report
from preseason.report.problems.base import Usage, pages
from preseason.report.words import Verdict
from preseason.results import Evaluation, Figure, FitRecord, Predictions
from preseason.runtime.progress import Progress
from preseason.trained_model import TrainedModel
from tiny_records import fit_record

NAME = "boxes"
FIGURES = {"average_precision": Figure(0.61, 0.55, 0.68, 40), "recall": Figure(0.7, None, None, 40)}


class Boxes:
    """Several boxes in a picture; one class of them is enough."""

    name = NAME

    def check(self, dataset: Dataset, noun: str) -> tuple[str, ...]:
        return ()

    def targets(self, samples: Sequence[Sample], labels: Sequence[str]) -> Ints:
        return np.zeros(len(samples), np.int64)

    def folds(self, targets: Ints, groups: Ints, count: int, seed: int) -> Folds:
        return [
            (np.flatnonzero(groups % count != k), np.flatnonzero(groups % count == k)) for k in range(count)
        ]

    def measure(self, answers: BatchPredictions) -> dict[str, Figure]:
        return FIGURES

    def sentence(self, figures: dict[str, Figure]) -> str:
        return f"Average precision {figures['average_precision'].value:.2f}."

    def right(self, answers: BatchPredictions) -> NDArray[np.bool_]:
        return np.zeros(0, np.bool_)

    def values(self, figures: dict[str, Figure]) -> dict[str, Any]:
        return {name: [f.value, f.low, f.high, f.n] for name, f in figures.items()}

    def figures(self, values: dict[str, Any]) -> dict[str, Figure]:
        return {name: Figure(*value) for name, value in values.items()}


class BoxesPage:
    """No section of its own."""

    sections = ()
    measure = "Average precision"
    hub_metrics = ("mean_average_precision",)
    hub_task = "object-detection"

    def headline(self, record: FitRecord) -> dict[str, Any]:
        low, high = record.score.interval
        return {
            "title": "Finds players",
            "learnt": "Learnt from 40 pictures.",
            "measure": self.measure,
            "figure": "0.61",
            "right_of": self.summary(record),
            "dots": None,
            "low": 100 * low,
            "high": 100 * high,
            "middle": 61,
            "marks": [],
            "measured": True,
            "delivered": "",
        }

    def about(self, record: FitRecord) -> str:
        return "Finds players"

    def summary(self, record: FitRecord) -> str:
        return "average precision 0.61 on 40 pictures"

    def labelled(self, record: FitRecord) -> tuple[str, str]:
        return "12 boxes", "box"

    def usage(self, record: FitRecord, folder: str, example: str) -> Usage:
        return Usage(
            f"preseason predict {folder} {example}", ('model.predict("a.jpg")[0].boxes',), "In 0..1."
        )

    def verdicts(self, record: FitRecord) -> list[Verdict]:
        return []

    def hub_figures(self, record: FitRecord) -> dict[str, float]:
        return {"mean_average_precision": record.score.value}

    def card(self, record: FitRecord) -> str:
        return "| average precision | 0.61 |"

    def limits(self, record: FitRecord) -> list[str]:
        return ["It misses players who stand behind others."]


class BoxesTerminal:
    """A line for each picture."""

    timelines = False

    def evaluation_fields(self, evaluation: Evaluation) -> dict[str, Any]:
        return {"boxes": 3}

    def evaluation_lines(self, evaluation: Evaluation, fields: dict[str, Any]) -> list[str]:
        return ["3 boxes"]

    def search(
        self,
        model: TrainedModel,
        data: str,
        progress: Progress,
        timeline: str | None,
        rename: Sequence[str] = (),
    ) -> tuple[dict[str, Any], list[str]]:
        return {}, []

    def table(self, predictions: Predictions) -> str:
        return "no boxes"

    def csv(self, predictions: Predictions) -> str:
        return "input,x0,y0,x1,y1"


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> FitRecord:
    for registry, entry in ((problems, Boxes()), (pages, BoxesPage()), (terminals, BoxesTerminal())):
        assert list(registry)
        monkeypatch.setitem(registry._entries, NAME, entry)
    answers = BatchPredictions(
        (Sample(File(Path("1.jpg"))),), ("player",), np.zeros(1, np.int64), np.ones((1, 1), np.float32),
        np.zeros(1, np.float32),
    )  # fmt: skip
    return fit_record(answers, problem=NAME, metrics=FIGURES, baselines={"scratch": 0.2})


def test_report_and_card_show_what_the_problem_says(record: FitRecord, tmp_path: Path) -> None:
    write_report(record, tmp_path / "report.html")
    write_card(record, tmp_path / "README.md")
    page, card = ((tmp_path / name).read_text("utf-8") for name in ("report.html", "README.md"))
    assert "average precision 0.61 on 40 pictures" in page
    assert "Class by class" not in page
    assert "verage precision 0.61 on 40 pictures" in card
    assert "type: mean_average_precision" in card
    assert "It misses players" in card
    for text in (page, card):
        assert re.findall(r"[^\n]*accuracy[^\n]*", text, re.IGNORECASE) == []


def test_the_terminal_prints_what_the_problem_says(record: FitRecord) -> None:
    evaluation = Evaluation("players", record.answers, FIGURES, (), (), {}, problem=NAME)
    assert words.of_evaluation(evaluation) == "Average precision 0.61.\n3 boxes"
    fields = shapes.plain(shapes.of_evaluation("model", ("player",), evaluation))
    assert fields["metrics"] == {"average_precision": [0.61, 0.55, 0.68, 40], "recall": [0.7, None, None, 40]}
    assert fields["boxes"] == 3
    assert "Average precision 0.61." in words.of_fit("model", record, "preseason predict model 1.jpg")
    assert words.of_predictions(Predictions((), problem=NAME)) == "no boxes"


def test_the_model_folder_keeps_its_figures(record: FitRecord) -> None:
    values = json.loads(json.dumps(record_values(record)))
    assert record_from(values, problems.get(NAME)).metrics == FIGURES
