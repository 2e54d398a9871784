"""One label for each example: a table of the classes, and answers with their runner-up."""

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from preseason.cli.problems.base import Terminal, terminals
from preseason.cli.words import percent, short, table
from preseason.data.safe_names import cell

if TYPE_CHECKING:
    from preseason.results import Evaluation, Prediction, Predictions


class LabelTerminal(Terminal):
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

    def evaluation_lines(self, evaluation: "Evaluation", fields: dict[str, Any]) -> list[str]:
        """The classes, the weakest first."""
        scores = fields["classes"].items()
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

    def table(self, predictions: "Predictions") -> str:
        """One row for each input: what it is, how sure, and the runner-up."""
        rows = [
            [short(item.input), _answer(item), percent(item.probability), _second(item)]
            for item in predictions.predictions
        ]
        return table(["input", "label", "confidence", "runner-up"], rows) if rows else ""

    def csv(self, predictions: "Predictions") -> str:
        """Input, label, probability, unknown, then one column `p(label)` for each label."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        rows = predictions.rows()
        writer.writerow(rows[0] if rows else ["input", "label", "probability", "unknown"])
        for row in rows:
            named = {
                "input": cell(row["input"]),
                "label": cell(row["label"]),
                "unknown": str(row["unknown"]).lower(),
            }
            writer.writerow((row | named).values())
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
