"""What callbacks are told of a fitted model: its figures, and pictures of its answers."""

from collections.abc import Mapping

from preseason.language.record import ChatRecord, EvalResult
from preseason.report.answer_pictures import answer_pictures
from preseason.results import FitRecord
from preseason.runtime.callbacks import Watched
from preseason.tasks.base import tasks
from preseason.trained_model import Record, TrainedModel


def tell_results(watched: Watched, model: TrainedModel) -> None:
    """All figures of the model, and pictures where its answers are of such."""
    record = model.record
    watched.metrics(figures_of(record))
    if isinstance(record, FitRecord):
        for name, picture in answer_pictures(record, tasks.get(record.task).picture):
            watched.picture(name, picture)


def figures_of(record: Record) -> Mapping[str, float]:
    """Figures by name: with bounds at 95 % where there are such, baselines, seconds of stages.

    None of a model at a hosted service, which tells none.
    """
    if isinstance(record, FitRecord):
        return _of_fit(record)
    return _of_chat(record) if isinstance(record, ChatRecord) else {}


def _of_fit(record: FitRecord) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, figure in record.metrics.items():
        bounds = {f"{name}_low": figure.low, f"{name}_high": figure.high}
        found |= {name: figure.value, **{key: value for key, value in bounds.items() if value is not None}}
    found |= {f"baselines/{name}": value for name, value in record.baselines.items()}
    if record.unknown_auroc is not None:
        found["unknown_auroc"] = record.unknown_auroc
    return found | _seconds(record.seconds)


def _of_chat(record: ChatRecord) -> dict[str, float]:
    return _judged("before", record.before) | _judged("after", record.after) | _seconds(record.seconds)


def _judged(when: str, result: EvalResult) -> dict[str, float]:
    readings = {"held_out": result.held_out, "general": result.general}
    return {f"{when}/{name}_perplexity": reading.perplexity for name, reading in readings.items()}


def _seconds(seconds: Mapping[str, float]) -> dict[str, float]:
    return {f"seconds/{stage}": value for stage, value in seconds.items()}
