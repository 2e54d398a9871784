"""The record of a fit, built once from what its steps found."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.data.audit import Audit
from preseason.data.split import leaks
from preseason.diagnostics.checks import Checked
from preseason.fitting.context import FitContext
from preseason.fitting.learner import Tested
from preseason.fitting.several_networks import brought
from preseason.heads.decisions import all_decided
from preseason.inference.answers import BatchPredictions
from preseason.inference.heads.tfidf import TfidfHead
from preseason.inference.predictor import Predictor
from preseason.results import CandidateResult, Figure, FitRecord
from preseason.runtime.versions import versions_of
from preseason.tasks.base import Task
from preseason.training.rounds import Trials

MAX_WORDS = 12
LIBRARIES = ("torch", "timm", "openvino", "scikit-learn", "numpy", "pillow")


def record_of(
    context: FitContext, tested: Tested, metrics: dict[str, Figure], checked: Checked, scratch: float | None
) -> FitRecord:
    """Everything that the fit found.

    Args:
        metrics: of `tested.answers`.
        scratch: accuracy of the same network with random weights; None where it was not measured.
    """
    task, dataset, backbone = context.task, context.audit.dataset, context.extractors.backbone
    first, last = tested.first, tested.last
    counts = Counter(str(sample.label) for sample in dataset.samples)
    clusters = context.audit.clusters
    found = baselines(tested.answers, first.candidates)
    return FitRecord(
        task=task.name,
        backbone=backbone.name,
        head=" + ".join(each.name for each in first.candidates if each.kept),
        recipe=context.recipe.as_dict() | {"cache": None, "weights": None},
        labels=dataset.labels,
        counts={label: counts[label] for label in dataset.labels},
        answers=tested.answers,
        metrics=metrics,
        baselines=found if scratch is None else found | {"scratch": scratch},
        candidates=first.candidates,
        boxes=boxes(task, last.predictor),
        skipped=dataset.skipped,
        duplicates=tuple(tuple(dataset.samples[i].source for i in cluster) for cluster in clusters),
        split=split_of(context, tested),
        warnings=context.warnings.texts(),
        temperature=last.predictor.temperature,
        unknown_threshold=last.choice.threshold,
        unknown_auroc=last.choice.auroc,
        seconds=dict(context.watch.seconds),
        versions=versions_of(*LIBRARIES),
        licence=backbone.licence,
        fingerprint=context.run_id,
        span_s=task.span_s(dataset.samples),
        words=deciding_words(first.trials, dataset.labels),
        trust=checked.values,
        problem=context.problem.name,
        decisions=all_decided(context.checkpoints),
        data=context.audit.account.values(),
        networks=networks_of(context, tested),
    )


def networks_of(context: FitContext, tested: Tested) -> dict[str, dict[str, Any]]:
    """What each network beside the first brought, in plain values."""
    first = tested.first
    kept = [each.name for each in first.candidates if each.kept]
    found = brought(context, first.trials, context.targets[first.chosen], kept)
    return {
        each.network: {"gain": each.gain, "found": each.found, "said": each.sentence(context.task.noun)}
        for each in found
    }


def split_of(context: FitContext, tested: Tested) -> dict[str, int | str]:
    """How the examples were divided, in plain values."""
    return {
        "by": tested.by,
        "train": len(tested.first.chosen),
        "test": len(tested.answers.samples),
        "groups": len({sample.group or sample.fingerprint for sample in context.samples}),
        "seed": context.recipe.seed,
    }


def baselines(answers: BatchPredictions, candidates: Sequence[CandidateResult]) -> dict[str, float]:
    """The commonest class, and the cheap heads alone as cross-validation found them."""
    known = answers.targets[answers.targets >= 0]
    found = {"majority": float(np.bincount(known).max() / len(answers.targets))} if len(known) else {}
    tried = {c.name: c.accuracy for c in candidates if c.accuracy is not None}
    return found | {name: tried[name] for name in ("linear", "tfidf") if name in tried}


def deciding_words(trials: Trials, labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """For each label the words that speak for it, where words were counted."""
    for fit in trials.fits:
        fold_model = fit.fitted.fold_models[0]
        if isinstance(fold_model, TfidfHead):
            return {label: tuple(fold_model.words(place, MAX_WORDS)) for place, label in enumerate(labels)}
    return {}


def boxes(task: Task, predictor: Predictor) -> Floats | None:
    """Where each part of the answers' focus lies, float32 [p, 4]; None where nothing has parts."""
    spec = predictor.attention_spec()
    return None if spec is None else np.array(task.boxes(spec), np.float32)


def scene_warnings(audit: Audit, noun: str) -> list[str]:
    """What to say where frames of one camera, or copies in several groups, make a split flatter."""
    found = []
    if audit.bridges:
        found.append(
            f"{sum(map(len, audit.bridges))} {noun} have near-duplicates in another group (match, "
            "video). The groups are kept as they are, or too few would be left to test on: the "
            "reported accuracy may be too high."
        )
    if audit.scenes:
        found.append(
            f"Most {noun} of a class are nearly the same, like frames from one camera: the "
            "reported accuracy is too high for new recordings. Name what belongs together: a CSV "
            "column called group, or --group."
        )
    return found


def leak_warnings(audit: Audit, learn: Ints, test: Ints, noun: str) -> list[str]:
    """What to say of copies on both sides of a declared split."""
    pairs = leaks(audit.dataset, learn, test)
    if not pairs:
        return []
    samples = audit.dataset.samples
    one, other = (samples[i].source.called() for i in pairs[0])
    return [
        (
            f"{len(pairs)} test {noun} have a copy in training, e.g. {other} of {one}: the reported "
            "accuracy is too high."
        )
    ]
