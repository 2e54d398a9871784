"""Boxes: a line for each thing found, and how well each class is found."""

import csv
import io
from typing import TYPE_CHECKING, Any

from preseason.cli.problems.base import Terminal, terminals
from preseason.cli.words import percent, short, table
from preseason.data.safe_names import cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preseason.results import Evaluation, Predictions

MOST = 60
"""Lines of a table; --format csv and json have all."""
DOUBTED = 5
AREA_NAMES = {
    "ap_small": "small, below 32 x 32 pixels",
    "ap_medium": "medium",
    "ap_large": "large, above 96 x 96",
}


class BoxTerminal(Terminal):
    """Boxes found on pictures."""

    timelines = False

    def evaluation_fields(self, evaluation: "Evaluation") -> dict[str, Any]:
        """The score from which on a box of a class counts, and labels that are probably wrong."""
        from preseason.diagnostics.box_errors import check

        answers = evaluation.answers
        thresholds = {label: answers.threshold(label) for label in answers.labels}
        return {"thresholds": thresholds, "label_errors": check(answers, "pictures")}

    def evaluation_lines(self, evaluation: "Evaluation", fields: dict[str, Any]) -> list[str]:
        """The classes, the weakest first."""
        from preseason.problems.base import problems

        values = problems.get(evaluation.problem).values(evaluation.metrics)
        classes = values.get("per_class", {})
        rows = [
            [label, *(_shown(scores.get(name)) for name in ("ap", "ap50", "ap75"))]
            for label, scores in sorted(classes.items(), key=lambda item: item[1].get("ap") or 0)
        ]
        sizes = [[AREA_NAMES[name], _shown(values[name])] for name in AREA_NAMES if name in values]
        return [
            *(["", table(["label", "AP", "AP50", "AP75"], rows)] if rows else []),
            *(["", table(["size", "AP"], sizes)] if sizes else []),
            *_doubted(fields["label_errors"]["suspects"]),
        ]

    def table(self, predictions: "Predictions") -> str:
        """A row for each box, in pixels; pictures where nothing was found have one as well."""
        rows = []
        for item in predictions.predictions:
            boxes = [
                [short(item.input), box.label, percent(box.score), *map(str, _pixels(item, box))]
                for box in item.boxes
            ]
            rows += boxes or [[short(item.input), "nothing", "", "", "", "", ""]]
        rest = len(rows) - MOST
        more = f"\n... and {rest} more lines; --format csv and --json have all." if rest > 0 else ""
        header = ["input", "found", "score", "x", "y", "width", "height"]
        return table(header, rows[:MOST]) + more if rows else ""

    def csv(self, predictions: "Predictions") -> str:
        """Input, label, score, then the box in pixels: left, top, right, bottom."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["input", "label", "score", "x0", "y0", "x1", "y1"])
        for item in predictions.predictions:
            for box in item.boxes:
                x, y, width, height = (round(v, 2) for v in _exact(item, box))
                edges = [x, y, round(x + width, 2), round(y + height, 2)]
                writer.writerow([cell(item.input), cell(box.label), round(box.score, 4), *edges])
        return text.getvalue().removesuffix("\n")


def _doubted(found: "Sequence[dict[str, Any]]") -> list[str]:
    """The labels that are probably wrong, the likeliest error first."""
    if not found:
        return []
    lines = [f"  {short(each['path'])}: {each['told']}" for each in found[:DOUBTED]]
    rest = len(found) - len(lines)
    more = [f"  ... and {rest} more; --json has all."] if rest > 0 else []
    return ["", "Labels that are probably wrong (or errors of the model):", *lines, *more]


def _exact(item: Any, box: Any) -> tuple[float, float, float, float]:
    """Left, top, width and height in pixels."""
    x, y = box.x0 * item.width, box.y0 * item.height
    return x, y, box.x1 * item.width - x, box.y1 * item.height - y


def _pixels(item: Any, box: Any) -> list[int]:
    return [round(value) for value in _exact(item, box)]


def _shown(value: float | None) -> str:
    return "none" if value is None else percent(value)


terminals.add("detection", BoxTerminal())
