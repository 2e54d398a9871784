"""What a fit of boxes writes down, and how a figure of boxes comes about."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from preseason.arrays.types import Ints
from preseason.data.dataset import Sample, Skipped
from preseason.diagnostics.box_errors import check
from preseason.fitting import summary
from preseason.fitting.context import FitContext
from preseason.heads.decisions import all_decided
from preseason.inference.answers import BoxPredictions
from preseason.inference.detection.peaks import Found
from preseason.models.detector import named
from preseason.results import CandidateResult, Figure, FitRecord, score_of
from preseason.runtime.versions import versions_of
from preseason.training.detection.looks import Labelled
from preseason.training.detection.worth import calibrate


@dataclass(frozen=True)
class Fitted:
    """What a fit found.

    Attributes:
        answers: on pictures that were not learnt from.
        by: how these were chosen.
        plan: how pictures are fed, as JSON values, `told` in a sentence.
        chosen: int64 [m], positions of the pictures that were learnt from.
        seconds: of the training.
        scratch: the figure that decides, of the same network with random weights; None where there is none.
        way: what was trained.
    """

    answers: BoxPredictions
    metrics: dict[str, Figure]
    by: str
    plan: Mapping[str, Any]
    chosen: Ints
    skipped: tuple[Skipped, ...]
    seconds: float
    scratch: float | None
    way: str = "boxes on maps"


def figure_of(
    context: FitContext,
    samples: Sequence[Sample],
    found: Sequence[Found],
    part: Labelled,
    places: Sequence[int],
) -> float:
    """The figure that decides, of what was found on these samples."""
    calibration = calibrate(
        found, [part.boxes[i] for i in places], [part.labels[i] for i in places], len(context.labels)
    )
    boxes = tuple(named(each, context.labels, calibration) for each in found)
    answers = BoxPredictions(tuple(samples), context.labels, boxes)
    return score_of(context.problem.measure(answers)).value


def record_of(context: FitContext, fitted: Fitted) -> FitRecord:
    """Everything that the fit found."""
    dataset, backbone = context.audit.dataset, context.extractors.backbone
    counts = Counter(label for sample in dataset.samples for label in sample.classes)
    groups = {sample.group or sample.fingerprint for sample in context.samples}
    score = score_of(fitted.metrics).value
    doubted = check(fitted.answers, context.task.noun)
    context.warnings.add("label_errors", [doubted["warning"]] if "warning" in doubted else [])
    return FitRecord(
        task=context.task.name,
        backbone=backbone.name,
        head=fitted.way,
        # What was held out is not learnt from afterwards, and so card and report say.
        recipe=context.recipe.as_dict() | {"cache": None, "weights": None, "refit": False},
        labels=dataset.labels,
        counts={label: counts[label] for label in dataset.labels},
        answers=fitted.answers,
        metrics=fitted.metrics,
        baselines={} if fitted.scratch is None else {"scratch": fitted.scratch},
        candidates=(CandidateResult(fitted.way, score, fitted.seconds, True),),
        boxes=None,
        skipped=(*dataset.skipped, *fitted.skipped),
        duplicates=tuple(tuple(dataset.samples[i].source for i in c) for c in context.audit.clusters),
        split={
            "by": fitted.by,
            "train": len(fitted.chosen),
            "test": len(fitted.answers.samples),
            "groups": len(groups),
            "seed": context.recipe.seed,
        },
        warnings=context.warnings.texts(),
        temperature=1.0,
        unknown_threshold=1.0,
        unknown_auroc=None,
        seconds=dict(context.watch.seconds),
        versions=versions_of(*summary.LIBRARIES),
        licence=backbone.licence,
        fingerprint=context.run_id,
        trust={"plan": dict(fitted.plan), "label_errors": doubted},
        problem=context.problem.name,
        decisions=all_decided(context.checkpoints),
        examples=len(dataset.samples),
    )
