"""Answers from samples: run the ways, place the examples among the known ones, say who is a stranger."""

import warnings
from collections.abc import Sequence

import numpy as np

from preseason.data.dataset import Sample, Skipped
from preseason.evaluation.known import Known
from preseason.progress import Progress, Silent
from preseason.record import Answers, Floats, Ints
from preseason.training.predictor import Bench, Predictor, Raw

CHUNK, TEXTS = 64, 512
"""Examples that are in memory at a time while predicting; of texts more, to sort them by length."""


def answers_of(
    bench: Bench, predictor: Predictor, known: Known, samples: Sequence[Sample], progress: Progress
) -> tuple[Answers, tuple[Skipped, ...]]:
    """Calibrated answers to samples with fingerprints, a chunk at a time, and the unreadable ones."""
    parts: list[Answers] = []
    skipped: list[Skipped] = []
    progress.start("answering", len(samples))
    size = TEXTS if bench.backbone.reads == "texts" else CHUNK
    for start in range(0, len(samples), size):
        chunk = samples[start : start + size]
        raw = predictor.answer(chunk, bench, Silent())
        parts.append(_judged([chunk[i] for i in raw.kept], raw, known))
        skipped += raw.skipped
        progress.advance(len(chunk))
    progress.finish()
    return _joined(parts, known.labels), tuple(skipped)


def _judged(samples: list[Sample], raw: Raw, known: Known) -> Answers:
    if not samples:
        nothing = np.zeros((0, len(known.labels)), np.float32)
        return Answers((), known.labels, np.zeros(0, np.int64), nothing, np.zeros(0, np.float32))
    vectors = known.place(raw.embeddings)
    return Answers(
        tuple(samples),
        known.labels,
        targets_of(samples, known.labels),
        known.probabilities(raw.probabilities, vectors),
        known.distance(vectors),
        raw.focus,
        vectors,
        raw.plain,
    )


def probe(vectors: Floats, targets: Ints, classes: int) -> tuple[Floats, Floats]:
    """Linear discriminant analysis of known examples' vectors: weights float32 [d, c] and biases [c].

    Its one covariance, shrunk by Ledoit and Wolf, is shared by all classes: a new class needs a mean only.
    A class without examples gets a bias of -30: it is never the answer.
    """
    from sklearn.covariance import ledoit_wolf

    weight, bias = np.zeros((vectors.shape[1], classes), np.float32), np.full(classes, -30.0, np.float32)
    present = np.unique(targets)
    if len(present) == 1:
        bias[present] = 0
        return weight, bias
    with warnings.catch_warnings():
        # A class of one example has no spread of its own; that of the others stands for it.
        warnings.filterwarnings("ignore", "Only one sample available")
        means = np.stack([vectors[targets == c].mean(axis=0) for c in present])
    within = vectors - means[np.searchsorted(present, targets)]
    covariance = ledoit_wolf(within, assume_centered=True)[0].astype(np.float64)
    covariance.flat[:: len(covariance) + 1] += 1e-6 * np.trace(covariance) / len(covariance) + 1e-9
    directions = np.linalg.solve(covariance, means.T)
    share = np.array([(targets == c).mean() for c in present])
    weight[:, present] = directions
    bias[present] = np.log(share) - 0.5 * np.einsum("cd,dc->c", means, directions)
    return weight, bias


def targets_of(samples: Sequence[Sample], labels: Sequence[str]) -> Ints:
    """Int64 [n] positions of the samples' labels, -1 for labels that are none of `labels`."""
    place = {name: index for index, name in enumerate(labels)}
    return np.array([place.get(sample.label or "", -1) for sample in samples], np.int64)


def _joined(parts: list[Answers], labels: tuple[str, ...]) -> Answers:
    parts = [part for part in parts if part.samples]
    if not parts:
        nothing = np.zeros((0, len(labels)), np.float32)
        return Answers((), labels, np.zeros(0, np.int64), nothing, np.zeros(0, np.float32))
    return Answers(
        tuple(sample for part in parts for sample in part.samples),
        labels,
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.distance for part in parts]),
        _stacked([part.focus for part in parts]),
        _stacked([part.vectors for part in parts]),
        _stacked([part.plain for part in parts]),
    )


def _stacked(parts: Sequence[Floats | None]) -> Floats | None:
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if len(there) == len(parts) else None
