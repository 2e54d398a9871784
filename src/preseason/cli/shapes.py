"""The JSON objects of the verbs; fields are added in later versions, never renamed."""

import math
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preseason.runtime.addresses import is_address

if TYPE_CHECKING:
    from preseason.data.account import Account
    from preseason.results import Evaluation, Figure, FitRecord, Predictions, Update


def plain(value: Any) -> Any:
    """`value` made of dict, list, str, int, float, bool and None alone; what is no finite number is None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def report_of(model: str) -> str:
    """Where the report of a model lies."""
    return f"{model}/report.html" if is_address(model) else str(Path(model) / "report.html")


def of_fit(model: str, record: "FitRecord") -> dict[str, Any]:
    """What `fit --json` prints."""
    return {
        "model": model,
        "report": report_of(model),
        "task": record.task,
        "backbone": record.backbone,
        "head": record.head,
        "labels": record.labels,
        "counts": record.counts,
        "data": record.data,
        "metrics": metrics_of(record.problem, record.metrics),
        "baselines": record.baselines,
        "candidates": record.candidates,
        "networks": record.networks,
        "split": record.split,
        "duplicates": [[each.shown() for each in cluster] for cluster in record.duplicates],
        "skipped": record.skipped,
        "warnings": record.warnings,
        "unknown": {"threshold": record.unknown_threshold, "auroc": record.unknown_auroc},
        "trust": record.trust,
        "seconds": record.seconds,
        "recipe": record.recipe,
        "licence": record.licence,
        "fingerprint": record.fingerprint,
        "versions": record.versions,
    }


def of_reading(account: "Account", refusal: str) -> dict[str, Any]:
    """What `fit --dry-run --json` prints."""
    return {
        "task": account.task,
        "layout": account.layout,
        "sentence": account.sentence,
        "examples": account.examples,
        "labels": account.labels,
        "splits": account.splits,
        "groups": account.groups,
        "notes": account.notes,
        "ignored": account.ignored,
        "skipped": account.skipped,
        "refusal": refusal or None,
    }


def of_evaluation(model: str, labels: tuple[str, ...], evaluation: "Evaluation") -> dict[str, Any]:
    """What `evaluate --json` prints."""
    from preseason.cli.problems.base import terminals

    return {
        "model": model,
        "task": evaluation.task,
        "labels": labels,
        "metrics": metrics_of(evaluation.problem, evaluation.metrics),
        **terminals.get(evaluation.problem).evaluation_fields(evaluation),
        "skipped": evaluation.skipped,
        "learnt": evaluation.learnt,
        "unseen": metrics_of(evaluation.problem, evaluation.unseen) if evaluation.unseen else None,
        "warnings": evaluation.warnings,
        "seconds": evaluation.seconds,
    }


def metrics_of(problem: str, metrics: "dict[str, Figure]") -> dict[str, Any]:
    """Figures as the JSON output has them, in the fields of their problem."""
    from preseason.problems.base import problems

    return problems.get(problem).values(metrics)


def of_predictions(model: str, predictions: "Predictions") -> dict[str, Any]:
    """What `predict --json` prints; the predictions are in the order asked."""
    return {
        "model": model,
        "predictions": predictions.predictions,
        "skipped": predictions.skipped,
        "drift": predictions.drift,
    }


def of_update(model: str, labels: tuple[str, ...], update: "Update") -> dict[str, Any]:
    """What `add --json` and `remove --json` print."""
    return {"model": model, "labels": labels, **{f.name: getattr(update, f.name) for f in fields(update)}}
