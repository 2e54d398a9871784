"""What a fit tells beside its score: baselines, deciding words, boxes, warnings of the split, versions."""

import platform
import sys
from importlib.metadata import version

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.data.audit import Audit
from preseason.data.dataset import Sample, shown
from preseason.data.split import leaks
from preseason.heads.tfidf import TfidfHead
from preseason.results import BatchPredictions
from preseason.tasks.base import Task
from preseason.training.predictor import Predictor
from preseason.training.rounds import Trials

MAX_WORDS = 12


def baselines(answers: BatchPredictions, trials: Trials) -> dict[str, float]:
    """The commonest class, and the cheap heads alone as cross-validation found them."""
    known = answers.targets[answers.targets >= 0]
    found = {"majority": float(np.bincount(known).max() / len(answers.targets))} if len(known) else {}
    tried = {c.name: c.accuracy for c in trials.candidates if c.accuracy is not None}
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
            f"{sum(map(len, audit.bridges))} {noun} have near-copies in another group (match, video). Groups "
            "are kept as they are, else too few were left to test on: the accuracy told may flatter."
        )
    if audit.scenes:
        found.append(
            f"Most {noun} of a class are nearly the same, as frames of one camera are: the accuracy told is "
            "too good for new recordings. Name what belongs together: a CSV column called group, or --group."
        )
    return found


def leak_warnings(audit: Audit, learn: Ints, test: Ints, noun: str) -> list[str]:
    """What to say of copies on both sides of a declared split."""
    pairs = leaks(audit.dataset, learn, test)
    if not pairs:
        return []
    samples = audit.dataset.samples
    one, other = (_named(samples[i]) for i in pairs[0])
    return [f"{len(pairs)} test {noun} have a copy in training, e.g. {other} of {one}: the score flatters."]


def _named(sample: Sample) -> str:
    return shown(sample.source) if isinstance(sample.source, str) else sample.source.name


def versions() -> dict[str, str]:
    """Of preseason, Python and the libraries whose arithmetic answers rest on."""
    names = ("preseason", "torch", "timm", "openvino", "scikit-learn", "numpy", "pillow")
    return {"python": platform.python_version(), "platform": sys.platform} | {n: version(n) for n in names}
