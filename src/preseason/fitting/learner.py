"""From audited samples to a predictor: search, selection, calibration, open set, out-of-fold predictions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from preseason.arrays.scaling import ROWS
from preseason.arrays.types import Floats, Ints
from preseason.evaluation.calibration import fit_temperature
from preseason.fitting.context import FitContext
from preseason.heads.base import TrainingSet
from preseason.inference.answers import BatchPredictions
from preseason.inference.candidates import Candidate, Fitted, counted_of
from preseason.inference.features import Features
from preseason.inference.predictor import Predictor, plain_candidate, plain_rows
from preseason.inference.probabilities import sharpened
from preseason.inference.sketch import Sketch
from preseason.openset.detection import Choice, thin
from preseason.openset.drift import ReferenceDistribution, sketch_of, world_of
from preseason.openset.probe import probe
from preseason.openset.reference_set import MAX_EXAMPLES, ReferenceSet, fit_reference_set
from preseason.results import CandidateResult
from preseason.runtime.threads import one_blas_thread
from preseason.training.rounds import Clock, Rounds, Trials, fold_numbers
from preseason.training.selection import Selection, select


@dataclass(frozen=True)
class Learnt:
    """What the chosen samples gave.

    Attributes:
        chosen: int64 [m], positions among all samples.
        candidates: a line for each candidate that was tried, with whether it is kept.
        oof_index: int64 [h], positions among the chosen ones that `answers` are of, by fold models that
            had not seen them.
    """

    chosen: Ints
    trials: Trials
    candidates: tuple[CandidateResult, ...]
    predictor: Predictor
    known: ReferenceSet
    choice: Choice
    answers: BatchPredictions
    oof_index: Ints


@dataclass(frozen=True)
class Tested:
    """What was learnt, and how the test examples were answered.

    Attributes:
        first: learnt from the training part alone (from everything, where each example is tested in turn).
        last: what is delivered.
        answers: that the accuracy is counted on, by models that had not seen the examples.
        by: how the test examples were chosen, for the record.
    """

    first: Learnt
    last: Learnt
    answers: BatchPredictions
    by: str


def search(context: FitContext, chosen: Ints, candidates: Sequence[Candidate], clock: Clock) -> Trials:
    """All candidates that fit into the budget, cross-fitted on the chosen samples."""
    training_set = TrainingSet(
        Features((), np.arange(len(chosen))),
        context.targets[chosen],
        len(context.labels),
        context.folds(chosen),
        context.recipe.seed,
        device=context.extractors.device,
        progress=context.progress,
    )
    samples = [context.samples[i] for i in chosen]
    tried = [c if c.fold_models != 1 else replace(c, refit=context.recipe.refit) for c in candidates]
    return Rounds(context.extractors, samples, training_set, clock, context.checkpoints).run(tried)


def learn(context: FitContext, chosen: Ints, trials: Trials, keep: Sequence[str] = ()) -> Learnt:
    """What `trials` on the chosen samples become; `keep` names the candidates instead of a selection."""
    targets = context.targets[chosen]
    selection = select_candidates(trials, targets, keep)
    kept = tuple(trials.fits[i].fitted.candidate.name for i in selection.kept)
    temperature = calibrate(selection, targets)
    predictor, plain = build_predictor(trials, kept, temperature, selection.weights)
    proba = sharpened(selection.oof_proba, temperature)
    known, choice, distance = fit_open_set(context, chosen, trials, predictor, selection.oof_index, proba)
    answers = predict_oof(context, chosen, trials, selection.oof_index, proba, distance)
    if plain is not None:
        answers = replace(answers, plain=plain[selection.oof_index])
    candidates = tuple(replace(each, kept=each.name in kept) for each in trials.candidates)
    return Learnt(chosen, trials, candidates, predictor, known, choice, answers, selection.oof_index)


def select_candidates(trials: Trials, targets: Ints, keep: Sequence[str]) -> Selection:
    """Which of `trials.fits` are averaged: those that `keep` names, or the likeliest where it is empty."""
    fits = trials.fits
    places = [i for i, fit in enumerate(fits) if not keep or fit.fitted.candidate.name in keep]
    selection = select([fits[i] for i in places], targets)
    return replace(selection, kept=tuple(places[i] for i in selection.kept))


def calibrate(selection: Selection, targets: Ints) -> float:
    """The temperature of the averaged log-probabilities."""
    logs = np.log(np.maximum(selection.oof_proba, 1e-12))
    return fit_temperature(logs, targets[selection.oof_index])


def build_predictor(
    trials: Trials, kept: tuple[str, ...], temperature: float, weights: tuple[float, ...] = ()
) -> tuple[Predictor, Floats | None]:
    """The kept candidates and those that choose crops for them, and sketches [m, e] of all samples tried."""
    needed = _needed(trials, kept)
    embedding = next((name for name in kept if trials.attention(name) is not None), kept[0])
    sketch, plain = _sketched(needed, trials)
    return Predictor(tuple(needed), kept, embedding, temperature, sketch, weights), plain


def fit_open_set(
    context: FitContext, chosen: Ints, trials: Trials, predictor: Predictor, oof_index: Ints, proba: Floats
) -> tuple[ReferenceSet, Choice, Floats]:
    """The known examples, how unknown ones are found, and distances float32 [h] of those at `oof_index`.

    Args:
        proba: float32 [h, c], calibrated.
    """
    targets = context.targets[chosen]
    fitted = next(f for f in predictor.candidates if f.candidate.name == predictor.embedding)
    features = trials.features[predictor.embedding].take(oof_index)
    few = thin(targets[oof_index], MAX_EXAMPLES)
    embeddings = fitted.embed(features.take(few))
    numbers = fold_numbers(context.folds(chosen), len(chosen))[oof_index]
    counted = counted_of(predictor.candidates, {n: f.take(oof_index) for n, f in trials.features.items()})
    parts = None if counted is None else counted.rows
    with one_blas_thread():
        samples = [context.samples[chosen[i]] for i in oof_index[few]]
        share = context.recipe.unknown_share()
        known, choice = fit_reference_set(
            context.labels, embeddings, targets[oof_index[few]], proba[few], numbers[few], probe, samples,
            share, None if parts is None else parts[few],
        )  # fmt: skip
        if choice.unseen is not None and len(few) == len(oof_index):
            return known, choice, choice.unseen
        vectors = np.concatenate([known.place(fitted.embed(piece)) for piece in features.pieces(ROWS)])
        return known, choice, known.distance(vectors, parts)


def predict_oof(
    context: FitContext, chosen: Ints, trials: Trials, oof_index: Ints, proba: Floats, distance: Floats
) -> BatchPredictions:
    """Answers to the examples at `oof_index`, by fold models that had not seen them."""
    attention = next((fit.attention for fit in trials.fits if fit.attention is not None), None)
    places = chosen[oof_index]
    return BatchPredictions(
        tuple(context.samples[i] for i in places),
        context.labels,
        context.targets[places],
        proba,
        distance,
        None if attention is None else attention[oof_index],
    )


def reference_distribution(context: FitContext, learnt: Learnt) -> ReferenceDistribution | None:
    """What the chosen samples look like to the frozen network; None where no candidate can tell."""
    if learnt.answers.plain is None:
        return None
    folds = fold_numbers(context.folds(learnt.chosen), len(learnt.chosen))
    return world_of(
        context.labels,
        learnt.answers.plain,
        learnt.answers.probabilities,
        learnt.answers.targets,
        folds[learnt.oof_index],
        context.groups[learnt.chosen[learnt.oof_index]],
    )


def _sketched(fits: Sequence[Fitted], trials: Trials) -> tuple[Sketch | None, Floats | None]:
    """How whole examples are sketched, and the sketches of the samples that were tried."""
    candidate = plain_candidate([fitted.candidate for fitted in fits])
    if candidate is None:
        return None, None
    features = trials.features[candidate.name]

    def pieces() -> Iterator[Floats]:
        return (plain_rows(candidate, piece) for piece in features.pieces(ROWS))

    sketch = sketch_of(pieces)
    return sketch, np.concatenate([sketch(piece) for piece in pieces()])


def _needed(trials: Trials, kept: Sequence[str]) -> list[Fitted]:
    """The kept candidates and those that choose crops or lend rows to them, in the order of fitting."""
    by_name = {fit.fitted.candidate.name: fit.fitted for fit in trials.fits}
    names, waiting = set(), list(kept)
    while waiting:
        name = waiting.pop()
        names.add(name)
        waiting += by_name[name].candidate.origins
    return [fit.fitted for fit in trials.fits if fit.fitted.candidate.name in names]
