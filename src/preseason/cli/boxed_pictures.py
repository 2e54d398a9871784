"""What else `predict` does with things found on pictures: data sets, crops, and who is in each box."""

import csv
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preseason.cli import words
from preseason.cli.verbs import Outcome
from preseason.data.safe_names import cell
from preseason.errors import DataError, UsageError

if TYPE_CHECKING:
    from preseason.models.classifier import Model
    from preseason.models.detector import Detector
    from preseason.results import Predictions
    from preseason.runtime.progress import Progress

DATA_SETS = ("coco", "voc", "yolo")
HEADER = ("input", "found", "score", "label", "probability", "unknown", "x0", "y0", "x1", "y1")


def write_found(
    form: str,
    predictions: "Predictions",
    labels: tuple[str, ...],
    output: str | None,
    crops: str | None,
    draw: str | None,
) -> dict[str, Any]:
    """Write what was asked for; what the JSON object says of it.

    Raises:
        UsageError: a folder is missing, holds something or cannot be written.
    """
    from preseason.report.box_files import write_crops, write_data_set
    from preseason.report.drawn import write_drawn

    if output is not None and form not in DATA_SETS:
        raise UsageError(f"-o is the folder of a data set: add --format {', '.join(DATA_SETS[:-1])} or yolo.")
    fields: dict[str, Any] = {}
    if form in DATA_SETS:
        if output is None:
            raise UsageError(f"--format {form} writes a data set: name a new folder for it with -o.")
        fields["written"] = write_data_set(form, predictions.predictions, labels, Path(output))
    if crops is not None:
        fields["crops"] = list(write_crops(predictions.predictions, Path(crops)))
    if draw is not None:
        fields["drawn"] = write_drawn(predictions.predictions, labels, Path(draw))
    return fields


def who_is_where(
    name: str, model: "Model", finder: "Detector", paths: tuple[str, ...], form: str, report: "Progress"
) -> Outcome:
    """The answers of a model of photos to each thing that a finder finds on pictures."""
    from preseason.report.box_files import write_crops

    found = finder.predict(*paths, progress=report)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="preseason-") as place:
        cut = write_crops(found.predictions, Path(place))
        answers = model.predict(*cut, progress=report) if cut else None
        answered = {} if answers is None else {item.input: item for item in answers.predictions}
        for path, (number, box) in cut.items():
            picture, answer = found.predictions[number], answered.get(str(path))
            if answer is None:
                continue
            wide, high = picture.width, picture.height
            rows.append(
                {"input": picture.input, "found": box.label, "score": box.score, "label": answer.label,
                 "probability": answer.probability, "unknown": answer.unknown,
                 "x0": round(box.x0 * wide, 2), "y0": round(box.y0 * high, 2),
                 "x1": round(box.x1 * wide, 2), "y1": round(box.y1 * high, 2)}
            )  # fmt: skip
    fields = {"model": name, "predictions": rows, "skipped": found.skipped, "drift": None}
    code = DataError.exit_code if found.skipped and not found.predictions else 0
    return Outcome(fields, _text(rows, form, found), code)


def _text(rows: list[dict[str, Any]], form: str, found: "Predictions") -> str:
    if form == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEADER)
        for row in rows:
            named = row | {key: cell(row[key]) for key in ("input", "found", "label")}
            writer.writerow(str(each).lower() if isinstance(each, bool) else each for each in named.values())
        return text.getvalue().removesuffix("\n")
    shown = [
        [words.short(row["input"]), row["found"], _named(row), words.percent(row["probability"]),
         f"{row['x0']:.0f}, {row['y0']:.0f}"]
        for row in rows
    ]  # fmt: skip
    lines = [words.table(["input", "found", "label", "confidence", "at x, y"], shown)] if shown else []
    return "\n".join([*(lines or ["Nothing was found."]), *words.of_skipped(found.skipped)])


def _named(row: dict[str, Any]) -> str:
    return f"unknown (nearest {row['label']})" if row["unknown"] else str(row["label"])
