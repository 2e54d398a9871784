"""What the sections on labelled answers show, as plain values for their templates."""

from typing import Any

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.evaluation.metrics import confusion, per_class, reliability, risk_coverage
from preseason.report import charts
from preseason.report.pictures import Album, moment_of, place_of
from preseason.report.problems import label_words
from preseason.report.problems.base import View
from preseason.results import FitRecord
from preseason.tasks.base import tasks

MAX_MISTAKES = 12
MAX_FOCUS_RIGHT = 8
MAX_FOCUS_WRONG = 4
MAX_MIXUPS = 8
MAX_BESIDE = 12
MAX_QUOTE = 400
MOMENTS = {
    "title": "Which moments counted",
    "lead": "Time runs to the right. Bright moments counted; the framed one counted most.",
}
"""Heading of what attention says of examples whose parts are moments."""


def classes(record: FitRecord, album: Album) -> View:
    """Every class's figures, the weakest first when there are many."""
    scores = per_class(record.answers.probabilities, record.answers.targets)
    rows = list(zip(record.labels, scores, strict=True))
    if len(rows) > 12:
        rows.sort(key=lambda row: (row[1].n == 0, row[1].recall))
    shown = [(label, score, round(score.recall * score.n)) for label, score in rows]
    return {"rows": shown, "dense": len(rows) > 12}


def mixups(record: FitRecord, album: Album) -> View:
    """The confusion matrix and its largest entries in words."""
    if not record.score.n:
        return None
    table = confusion(record.answers.probabilities, record.answers.targets)
    off = table.copy()
    np.fill_diagonal(off, 0)
    worst = np.argsort(-off, axis=None, kind="stable")[:MAX_MIXUPS]
    pairs = [divmod(int(place), len(record.labels)) for place in worst]
    return {
        "broad": len(record.labels) > MAX_BESIDE,
        "matrix": charts.confusion_matrix(table, record.labels),
        "pairs": [
            (record.labels[row], record.labels[column], int(off[row, column]), int(table[row].sum()))
            for row, column in pairs
            if off[row, column]
        ],
    }


def calibration(record: FitRecord, album: Album) -> View:
    """What a probability is worth, and what answering less often would gain."""
    if not record.score.n:
        return None
    bins = reliability(record.answers.probabilities, record.answers.targets)
    return {
        "words": label_words.calibration(bins, record.metrics["ece"].value),
        "selective": label_words.selective(record),
        "curve": charts.calibration_curve(bins),
        "coverage": charts.coverage_curve(
            risk_coverage(record.answers.probabilities, record.answers.targets)
        ),
    }


def mistakes(record: FitRecord, album: Album) -> View:
    """The wrong answers it was surest of."""
    answers = record.answers
    wrong = _wrong(record)
    return {
        "cards": [_card(record, int(index), album) for index in wrong[:MAX_MISTAKES]],
        "total": len(wrong),
        "n": len(answers.targets),
    }


def attention(record: FitRecord, album: Album) -> View:
    """Where it looked, or which moments counted, for right and wrong answers; None without parts."""
    answers = record.answers
    if answers.attention is None or record.boxes is None or not len(answers.targets):
        return None
    right = [_cropped(record, index, album) for index in _right_of_each(record)[:MAX_FOCUS_RIGHT]]
    wrong = [_cropped(record, int(index), album) for index in _wrong(record)[:MAX_FOCUS_WRONG]]
    groups = [("Right answers", [c for c in right if c]), ("Wrong answers", [c for c in wrong if c])]
    shown = [group for group in groups if group[1]]
    timed = tasks.get(record.task).modality.timed
    return {"groups": shown, **(MOMENTS if timed else {})} if shown else None


def vocabulary(record: FitRecord, album: Album) -> View:
    """The words that speak for each label; None where no words were counted."""
    return {"rows": list(record.words.items())} if record.words else None


def unknown(record: FitRecord, album: Album) -> View:
    """How strangers are met."""
    return {"words": label_words.unknown(record), "threshold": f"{record.unknown_threshold:.4g}"}


def _wrong(record: FitRecord) -> Ints:
    said = record.answers.probabilities.argmax(axis=1)
    wrong = np.flatnonzero(said != record.answers.targets)
    sure = record.answers.probabilities[wrong].max(axis=1) if len(wrong) else np.zeros(0)
    return np.asarray(wrong[np.argsort(-sure, kind="stable")], np.int64)


def _right_of_each(record: FitRecord) -> list[int]:
    said = record.answers.probabilities.argmax(axis=1)
    sure = record.answers.probabilities.max(axis=1)
    right = np.flatnonzero(said == record.answers.targets)
    ranked: list[tuple[int, int, int]] = []
    for label in np.unique(said[right]):
        mine = right[said[right] == label]
        order = mine[np.argsort(-sure[mine], kind="stable")]
        ranked += [(turn, int(label), int(index)) for turn, index in enumerate(order)]
    return [index for _, _, index in sorted(ranked)]


def _card(record: FitRecord, index: int, album: Album) -> dict[str, Any]:
    answers = record.answers
    row, sample = answers.probabilities[index], answers.samples[index]
    target = int(answers.targets[index])
    return {
        "picture": album.thumbnail(sample),
        "name": sample.source.short(MAX_QUOTE),
        "said": answers.labels[int(row.argmax())],
        "sure": float(row.max()),
        "truth": sample.label or (answers.labels[target] if target >= 0 else "not labelled"),
        "due": float(row[target]) if target >= 0 else 0.0,
        "refused": bool(answers.distance[index] > record.unknown_threshold),
    }


def _counted(record: FitRecord, box: Floats) -> str:
    """What counted most, in words for who cannot see the picture."""
    if tasks.get(record.task).modality.timed:
        return f"{moment_of(box)} counted most"
    return f"looked mostly at {place_of(box)}"


def _cropped(record: FitRecord, index: int, album: Album) -> dict[str, Any] | None:
    answers, boxes = record.answers, record.boxes
    if answers.attention is None or boxes is None:
        return None
    weights, row = answers.attention[index], answers.probabilities[index]
    picture = album.attention_spec(answers.samples[index], boxes, weights)
    if picture is None:
        return None
    said, target = int(row.argmax()), int(answers.targets[index])
    return {
        "picture": picture,
        "name": answers.samples[index].source.short(MAX_QUOTE),
        "said": answers.labels[said],
        "sure": float(row.max()),
        "truth": answers.samples[index].label if said != target else None,
        "counted": _counted(record, boxes[int(weights.argmax())]),
    }
