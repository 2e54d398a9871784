"""From audited samples to a predictor: the trials, what they become, and its unseeing answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from preseason.arrays.scaling import ROWS
from preseason.arrays.types import Floats, Ints
from preseason.data.audit import Audit
from preseason.data.labels import targets_of
from preseason.data.split import folds, group_numbers
from preseason.evaluation.calibration import fit_temperature
from preseason.heads.base import Features, TrainingSet
from preseason.models.prediction import predict_batch
from preseason.openset.detection import Choice, thin
from preseason.openset.drift import ReferenceDistribution, Sketch, sketch_of, world_of
from preseason.openset.probe import probe
from preseason.openset.reference_set import MAX_EXAMPLES, ReferenceSet, fit_reference_set
from preseason.recipe import Recipe
from preseason.results import BatchPredictions
from preseason.runtime.progress import Progress
from preseason.runtime.threads import one_blas_thread
from preseason.tasks.base import Task
from preseason.training.candidates import Candidate, Fitted
from preseason.training.predictor import FeatureExtractors, Predictor, plain_candidate, plain_rows, sharpened
from preseason.training.rounds import Clock, Rounds, Trials, fold_numbers
from preseason.training.selection import select


@dataclass(frozen=True)
class Learnt:
    """What the chosen samples gave.

    Attributes:
        chosen: int64 [n], positions among all samples.
        held: int64 [h], positions among the chosen ones that `answers` are of, by members that had not
            seen them.
    """

    chosen: Ints
    trials: Trials
    predictor: Predictor
    known: ReferenceSet
    choice: Choice
    answers: BatchPredictions
    held: Ints


class Learner:
    """Trials and predictor on a choice of the audited samples."""

    def __init__(
        self,
        task: Task,
        audit: Audit,
        extractors: FeatureExtractors,
        recipe: Recipe,
        progress: Progress,
        checkpoints: Path,
    ) -> None:

        self.task, self.extractors, self.recipe, self.progress = task, extractors, recipe, progress
        self.samples = audit.dataset.samples
        self.labels = audit.dataset.labels
        self.targets = targets_of(self.samples, self.labels)
        self.groups = group_numbers(self.samples)
        self.checkpoints = checkpoints

    def folds(self, chosen: Ints) -> list[tuple[Ints, Ints]]:
        """Pairs of positions within `chosen`."""

        return folds(self.targets[chosen], self.groups[chosen], self.recipe.folds, self.recipe.seed)

    def trials(self, chosen: Ints, candidates: Sequence[Candidate], clock: Clock) -> Trials:
        """All ways that fit into the budget, cross-fitted on the chosen samples."""

        training_set = TrainingSet(
            Features((), np.arange(len(chosen))),
            self.targets[chosen],
            len(self.labels),
            self.folds(chosen),
            self.recipe.seed,
            settings={"refit": self.recipe.refit},
            backbone=self.extractors.backbone,
            progress=self.progress,
        )
        samples = [self.samples[i] for i in chosen]
        return Rounds(self.extractors, samples, training_set, clock, self.checkpoints).run(candidates)

    def predictor(self, chosen: Ints, trials: Trials, keep: Sequence[str] = ()) -> "Learnt":
        """What the trials become, and its unseeing answers to the chosen samples.

        The answers have the sketches of the samples as `plain`, from which `reference_distribution` is made.
        """

        targets = self.targets[chosen]
        named = [i for i, fit in enumerate(trials.fits) if not keep or fit.fitted.candidate.name in keep]
        selection = select([trials.fits[i] for i in named], targets)
        kept = tuple(trials.fits[named[i]].fitted.candidate.name for i in selection.kept)
        trials.candidates = [replace(c, kept=c.name in kept) for c in trials.candidates]
        logs = np.log(np.maximum(selection.probabilities, 1e-12))
        temperature = fit_temperature(logs, targets[selection.held])
        needed = _needed(trials, kept)
        embedding = next((n for n in kept if trials.attention(n) is not None), kept[0])
        sketch, plain = _sketched(needed, trials)
        predictor = Predictor(tuple(needed), kept, embedding, temperature, sketch)
        held = selection.held
        fitted = next(fit.fitted for fit in trials.fits if fit.fitted.candidate.name == embedding)
        features = trials.features[embedding].take(held)
        few = thin(targets[held], MAX_EXAMPLES)
        embeddings = fitted.embed(features.take(few))
        said = sharpened(selection.probabilities, temperature)
        numbers = fold_numbers(self.folds(chosen), len(chosen))[held]
        with one_blas_thread():
            samples = [self.samples[chosen[i]] for i in held[few]]
            share = self.recipe.strangers_share()
            known, choice = fit_reference_set(
                self.labels, embeddings, targets[held[few]], said[few], numbers[few], probe, samples, share
            )
            distance = choice.unseen
            if distance is None or len(few) < len(held):
                distance = _distances(known, fitted, features)
            answers = self._held(chosen[held], said, distance, trials, held)
            answers = replace(answers, plain=None if plain is None else plain[held])
        return Learnt(chosen, trials, predictor, known, choice, answers, held)

    def reference_distribution(self, chosen: Ints, answers: BatchPredictions) -> ReferenceDistribution | None:
        """What the chosen samples look like to the frozen network, from their unseeing answers."""
        if answers.plain is None:
            return None
        place = {id(sample): index for index, sample in enumerate(self.samples)}
        places = np.array([place[id(sample)] for sample in answers.samples], np.int64)
        numbers = np.zeros(len(self.samples), np.int64)
        numbers[chosen] = fold_numbers(self.folds(chosen), len(chosen))
        return world_of(
            self.labels,
            answers.plain,
            answers.probabilities,
            answers.targets,
            numbers[places],
            self.groups[places],
        )

    def tested(self, chosen: Ints, predictor: Predictor, known: ReferenceSet) -> BatchPredictions:
        """Answers to samples that were not learnt from."""
        samples = [self.samples[i] for i in chosen]
        return predict_batch(self.extractors, predictor, known, samples, self.progress)[0]

    def _held(
        self, places: Ints, said: Floats, distance: Floats, trials: Trials, held: Ints
    ) -> BatchPredictions:
        first = next((f.attention for f in trials.fits if f.attention is not None), None)
        return BatchPredictions(
            tuple(self.samples[i] for i in places),
            self.labels,
            self.targets[places],
            said,
            distance,
            None if first is None else first[held],
        )


def _distances(known: ReferenceSet, fitted: Fitted, features: Features) -> Floats:
    """Unlikeness of each example to every known class, float32 [n]; few embeddings in memory at a time."""
    pieces = features.pieces(ROWS)
    return np.concatenate([known.distance(known.place(fitted.embed(piece))) for piece in pieces])


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
    """The kept ways and those that choose looks for them, in the order of fitting."""
    by_name = {fit.fitted.candidate.name: fit.fitted for fit in trials.fits}
    names, waiting = set(), list(kept)
    while waiting:
        name = waiting.pop()
        names.add(name)
        origin = by_name[name].candidate.crops_from
        if origin is not None:
            waiting.append(origin)
    return [fit.fitted for fit in trials.fits if fit.fitted.candidate.name in names]
