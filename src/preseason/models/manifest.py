"""Ways and records as JSON values and back; the held-out answers stay in the report, not here."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from preseason.data.dataset import File, Skipped, source_from
from preseason.engine.passes import feature_spec_from
from preseason.inference.answers import BatchPredictions
from preseason.inference.candidates import Candidate
from preseason.problems.base import Problem, problems
from preseason.results import CandidateResult, FitRecord

FIRST_NAMES = {
    "ways": "candidates",
    "way": "candidate",
    "members": "fold_models",
    "plan": "spec",
    "looks": "crops",
    "own_looks": "dynamic_crops",
    "looks_from": "crops_from",
}
"""Keys of a predictor in format 1, and what they are called now."""


def upgraded(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest of a classifier in the present format, whichever it was written in."""
    if manifest["format"] > 1 or "predictor" not in manifest:
        return manifest
    return {**manifest, "predictor": _renamed(manifest["predictor"])}


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {FIRST_NAMES.get(key, key): _renamed(item) for key, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value


def candidate_values(candidate: Candidate) -> dict[str, Any]:
    """A candidate as JSON values, without what only fitting it takes."""
    return {name: value for name, value in asdict(candidate).items() if name != "config"}


def candidate_from(values: dict[str, Any]) -> Candidate:
    """The candidate of `candidate_values`.

    Raises:
        KeyError, TypeError, ValueError: values that no candidate has.
    """
    # Earlier models have the head's settings as well, which nobody reads once it is fitted.
    kept = {name: value for name, value in values.items() if name != "settings"}
    return Candidate(**{**kept, "spec": feature_spec_from(values["spec"])})


def record_values(record: FitRecord) -> dict[str, Any]:
    """A record as JSON values, without the held-out answers and without the user's paths and texts."""
    left_out = {"answers", "boxes", "duplicates", "skipped", "problem"}
    values = {item.name: getattr(record, item.name) for item in fields(record) if item.name not in left_out}
    values["metrics"] = problems.get(record.problem).values(record.metrics)
    values["candidates"] = [asdict(candidate) for candidate in record.candidates]
    values["skipped"] = [{"path": Path(s.path).name, "reason": s.reason} for s in record.skipped]
    values["duplicates"] = [[each.public for each in cluster] for cluster in record.duplicates]
    values["trust"] = _without_paths(record.trust)
    values["boxes"] = None if record.boxes is None else record.boxes.tolist()
    return values


def _without_paths(value: Any) -> Any:
    """Plain values in which every path is the file's name alone, and no text is left."""
    if isinstance(value, dict):
        public = {"path": source_from(value).public} if "path" in value else {}
        private = ("path", "text") if public else ()
        return {key: _without_paths(item) for key, item in value.items() if key not in private} | public
    return [_without_paths(item) for item in value] if isinstance(value, list | tuple) else value


def record_from(values: dict[str, Any], problem: Problem[Any]) -> FitRecord:
    """The record of `record_values`, with no answers; `problem` is that of its task."""
    labels = tuple(values["labels"])
    nothing = np.zeros((0, len(labels)), np.float32)
    answers = BatchPredictions((), labels, np.zeros(0, np.int64), nothing, np.zeros(0, np.float32))
    changed = {
        "labels": labels,
        "answers": answers,
        "metrics": problem.figures(values["metrics"]),
        "problem": problem.name,
        "candidates": tuple(CandidateResult(**candidate) for candidate in values["candidates"]),
        "skipped": tuple(Skipped(**skipped) for skipped in values["skipped"]),
        "duplicates": tuple(tuple(File(Path(name)) for name in cluster) for cluster in values["duplicates"]),
        "warnings": tuple(values["warnings"]),
        "words": {label: tuple(words) for label, words in values.get("words", {}).items()},
        "boxes": None if values["boxes"] is None else np.array(values["boxes"], np.float32),
    }
    return FitRecord(**{**values, **changed})
