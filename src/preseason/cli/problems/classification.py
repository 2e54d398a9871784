"""One label for each example: a table of the classes, and answers with their runner-up."""

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from preseason.cli.problems.base import terminals
from preseason.cli.words import percent, short, table
from preseason.data.safe_names import cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preseason.results import Evaluation, Prediction, Predictions
    from preseason.runtime.progress import Progress
    from preseason.trained_model import TrainedModel


class LabelTerminal:
    """Labelled answers."""

    timelines = False

    def evaluation_fields(self, evaluation: "Evaluation") -> dict[str, Any]:
        """Figures of each class that the model knows: n, recall with its interval, precision, f1."""
        from preseason.evaluation.metrics import per_class

        answers = evaluation.answers
        scores = per_class(answers.probabilities, answers.targets)
        return {
            "classes": {label: asdict(score) for label, score in zip(answers.labels, scores, strict=True)}
        }

    def evaluation_lines(self, evaluation: "Evaluation") -> list[str]:
        """The classes, the weakest first."""
        scores = self.evaluation_fields(evaluation)["classes"].items()
        seen = sorted((item for item in scores if item[1]["n"]), key=lambda item: item[1]["recall"])
        rows = [
            [
                label,
                str(score["n"]),
                percent(score["recall"]),
                f"{100 * score['low']:.0f}-{100 * score['high']:.0f} %",
            ]
            for label, score in seen
        ]
        return ["", table(["label", "examples", "recall", "95 % CI"], rows)]

    def search(
        self,
        model: "TrainedModel",
        data: str,
        progress: "Progress",
        timeline: str | None,
        rename: "Sequence[str]" = (),
    ) -> tuple[dict[str, Any], list[str]]:
        """Nothing more."""
        return {}, []

    def table(self, predictions: "Predictions") -> str:
        """One row for each input: what it is, how sure, and the runner-up."""
        rows = [
            [short(item.input), _answer(item), percent(item.probability), _second(item)]
            for item in predictions.predictions
        ]
        return table(["input", "label", "confidence", "runner-up"], rows) if rows else ""

    def csv(self, predictions: "Predictions") -> str:
        """Input, label, probability, unknown, then one column `p(label)` for each label."""
        labels = list(predictions[0].probabilities) if len(predictions) else []
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["input", "label", "probability", "unknown", *[f"p({label})" for label in labels]])
        for item in predictions.predictions:
            chances = [item.probabilities[label] for label in labels]
            writer.writerow(
                [cell(item.input), cell(item.label), item.probability, str(item.unknown).lower(), *chances]
            )
        return text.getvalue().removesuffix("\n")


def _answer(item: "Prediction") -> str:
    return f"unknown (nearest {item.label})" if item.unknown else item.label


def _second(item: "Prediction") -> str:
    others = [(chance, label) for label, chance in item.probabilities.items() if label != item.label]
    if not others:
        return ""
    chance, label = max(others)
    return f"{label} {percent(chance)}"


terminals.add("classification", LabelTerminal())
