"""The record of a fit, made by hand: one builder for all tests of what is written about it."""

from dataclasses import replace
from typing import Any

from preseason.inference.answers import BatchPredictions, BoxPredictions
from preseason.problems.base import problems
from preseason.results import FitRecord


def fit_record(answers: BatchPredictions | BoxPredictions, **changes: Any) -> FitRecord:
    """A fit of photos, measured on `answers`; `changes` are fields that differ."""
    boxes = isinstance(answers, BoxPredictions)
    made = FitRecord(
        task="photos",
        backbone="efficientnet_lite0",
        head="linear",
        recipe={"head": "auto", "refit": True, "seed": 0},
        labels=answers.labels,
        counts=dict.fromkeys(answers.labels, 30),
        answers=answers,
        metrics=problems.get("detection" if boxes else "classification").measure(answers),
        baselines={"scratch": 0.3},
        candidates=(),
        boxes=None,
        skipped=(),
        duplicates=(),
        split={},
        warnings=(),
        temperature=1.0,
        unknown_threshold=1.0,
        unknown_auroc=None,
        seconds={},
        versions={"preseason": "0.1.0"},
        licence="Apache-2.0",
    )
    return replace(made, **changes)
