"""Answers from samples: run the ways, place the examples among the known ones, say who is a stranger."""

from collections.abc import Sequence

import numpy as np

from preseason.arrays.types import Floats
from preseason.data.dataset import Sample, Skipped
from preseason.data.labels import targets_of
from preseason.engine.feeds.base import feeds
from preseason.inference.answers import BatchPredictions, CountedParts
from preseason.inference.predictor import FeatureExtractors, Predictor, RawPredictions
from preseason.openset.reference_set import ReferenceSet
from preseason.runtime.progress import Progress, Silent


def predict_batch(
    extractors: FeatureExtractors,
    predictor: Predictor,
    known: ReferenceSet,
    samples: Sequence[Sample],
    progress: Progress,
) -> tuple[BatchPredictions, tuple[Skipped, ...]]:
    """Calibrated answers to samples with fingerprints, a chunk at a time, and the unreadable ones."""
    parts: list[BatchPredictions] = []
    skipped: list[Skipped] = []
    progress.start("answering", len(samples))
    size = feeds.get(extractors.backbone.modality).together
    for start in range(0, len(samples), size):
        chunk = samples[start : start + size]
        raw = predictor.answer(chunk, extractors, Silent())
        parts.append(_placed([chunk[i] for i in raw.kept], raw, known))
        skipped += raw.skipped
        progress.advance(len(chunk))
    progress.finish()
    return _joined(parts, known.labels), tuple(skipped)


def _placed(samples: list[Sample], raw: RawPredictions, known: ReferenceSet) -> BatchPredictions:
    if not samples:
        nothing = np.zeros((0, len(known.labels)), np.float32)
        return BatchPredictions((), known.labels, np.zeros(0, np.int64), nothing, np.zeros(0, np.float32))
    vectors = known.place(raw.embeddings)
    return BatchPredictions(
        tuple(samples),
        known.labels,
        targets_of(samples, known.labels),
        known.probabilities(raw.probabilities, vectors),
        known.distance(vectors, raw.part_rows),
        raw.attention,
        vectors,
        raw.plain,
        raw.parts,
    )


def _joined(parts: list[BatchPredictions], labels: tuple[str, ...]) -> BatchPredictions:
    parts = [part for part in parts if part.samples]
    if not parts:
        nothing = np.zeros((0, len(labels)), np.float32)
        return BatchPredictions((), labels, np.zeros(0, np.int64), nothing, np.zeros(0, np.float32))
    return BatchPredictions(
        tuple(sample for part in parts for sample in part.samples),
        labels,
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.distance for part in parts]),
        _stacked([part.attention for part in parts]),
        _stacked([part.vectors for part in parts]),
        _stacked([part.plain for part in parts]),
        _counted([part.counted for part in parts]),
    )


def _counted(parts: Sequence[CountedParts | None]) -> CountedParts | None:
    there = [part for part in parts if part is not None]
    if not there:
        return None
    rows, places = (np.concatenate(each) for each in ([p.rows for p in there], [p.places for p in there]))
    return CountedParts(there[0].network, rows, places)


def _stacked(parts: Sequence[Floats | None]) -> Floats | None:
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if len(there) == len(parts) else None
