"""Boxes by a whole detector: fine-tuned once for each fold, to be judged, and once on everything, for use."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch

from preseason.arrays.types import Ints
from preseason.backbones.detectors import PARTS, DetectorBackbone
from preseason.backbones.folder import random_copy
from preseason.data.dataset import Skipped
from preseason.errors import DataError, MediaError
from preseason.fitting import summary
from preseason.fitting.box_record import Fitted, figure_of, record_of
from preseason.fitting.budget import budget_s
from preseason.fitting.context import FitContext
from preseason.fitting.problems.classification import HELD_OUT, divide
from preseason.heads.base import Folds
from preseason.heads.decisions import decide, decided
from preseason.inference.answers import BoxPredictions
from preseason.inference.detection.finder import Located
from preseason.inference.detection.peaks import Found
from preseason.inference.detection.square import SquareFinder, SquarePlan
from preseason.inference.predictor import FeatureExtractors
from preseason.media.image import decode
from preseason.models.detector import Detector, named
from preseason.tasks.detection import WHOLE, WholeConfig
from preseason.training.detection.looks import Labelled, labelled
from preseason.training.detection.whole import WholeTraining, fine_tuned, seconds_of_epoch
from preseason.training.detection.worth import calibrate
from preseason.training.scratch import UNTRIED

TRAINING_SHARE = 0.85
"""Share of the time for all trainings; the rest is for judging, and for what comes after."""
EPOCHS = "epochs of a detector"
FEW = 10
"""Epochs below which it is said that these are few."""


@dataclass(frozen=True)
class _Fit:
    """What every training of this fit shares.

    Attributes:
        detector: the pretrained network.
        chosen: int64 [m], positions of the pictures that are learnt from.
        folds: pairs of positions among all pictures.
    """

    context: FitContext
    detector: DetectorBackbone
    pictures: Labelled
    plan: SquarePlan
    how: WholeTraining
    chosen: Ints
    folds: Folds

    def tuned(self, detector: DetectorBackbone, places: Ints, number: int, stage: str) -> DetectorBackbone:
        """A fine-tuned copy of a detector, with heads for the classes of this fit."""
        seed = self.how.seed + number
        checkpoints = self.context.checkpoints
        own = replace(self.how, seed=seed, stage=stage, checkpoint=checkpoints / f"detector-{number}.pt")
        return fine_tuned(self.headed(detector, seed), self.pictures, places, self.plan, own)

    def headed(self, detector: DetectorBackbone, seed: int) -> DetectorBackbone:
        """A copy of a detector with new heads, drawn from `seed`."""
        state = torch.get_rng_state()
        torch.manual_seed(seed)
        made = detector.for_labels(self.context.labels)
        torch.set_rng_state(state)
        return made

    def finder(self, detector: DetectorBackbone) -> SquareFinder:
        """What applies a fine-tuned detector."""
        own = self.context.extractors
        return SquareFinder(FeatureExtractors(detector, own.decoder, own.cache, own.device), self.plan)

    def found_on(self, detector: DetectorBackbone, places: Ints, stage: str) -> dict[int, Found]:
        """What a detector finds on the pictures at these positions, by position."""
        progress = self.context.progress
        progress.start(stage, len(places))
        found = {}
        samples = [self.pictures.samples[i] for i in places]
        for place, each in zip(places.tolist(), self.finder(detector).find_in(samples), strict=True):
            progress.advance()
            if isinstance(each, Located):
                found[place] = each.found
        progress.finish()
        return found


def fit_whole_detector(context: FitContext) -> Detector:
    """A fine-tuned detector, tested on pictures that it had not seen."""
    train, test = divide(context)
    pictures = labelled(context.samples, context.audit.sizes, context.labels)
    with context.watch.stage("reading pictures"):
        readable, skipped = _readable(context, pictures)
    for each in skipped:
        context.warnings.add("odd", [f"{each.path} was left out: {each.reason}."])
    chosen = train[np.isin(train, readable)]
    if len(chosen) == 0:
        raise DataError("None of the pictures can be read. Look at the files, or name another folder.")
    fit = _prepared(context, pictures, chosen)
    begin = context.watch.elapsed()
    with context.watch.stage("training"):
        crosswise = _crosswise(fit)
        detector = fit.tuned(fit.detector, chosen, len(fit.folds), "training on everything")
    seconds = context.watch.elapsed() - begin
    calibration = calibrate(
        list(crosswise.values()),
        [pictures.boxes[i] for i in crosswise],
        [pictures.labels[i] for i in crosswise],
        len(context.labels),
    )
    found, by = crosswise, f"{len(fit.folds)}-fold cross-validation"
    if len(test):
        context.warnings.add("leak", summary.leak_warnings(context.audit, chosen, test, context.task.noun))
        with context.watch.stage("answering the held-out part"):
            found, by = fit.found_on(detector, test[np.isin(test, readable)], "answering"), HELD_OUT
    answers = BoxPredictions(
        tuple(context.samples[i] for i in found),
        context.labels,
        tuple(named(each, context.labels, calibration) for each in found.values()),
        tuple(float(t) for t in calibration.thresholds),
        tuple((int(h), int(w)) for h, w in pictures.sizes[list(found)]),
    )
    metrics = context.problem.measure(answers)
    scratch = _scratch(fit, seconds)
    plan = fit.plan.values() | {"told": fit.plan.sentence()}
    fitted = Fitted(answers, metrics, by, plan, chosen, skipped, seconds, scratch, WHOLE)
    return Detector(
        context.task, fit.finder(detector), context.labels, calibration, record_of(context, fitted)
    )


def _prepared(context: FitContext, pictures: Labelled, chosen: Ints) -> _Fit:
    """How pictures are fed and for how many epochs is learnt from them, said."""
    detector = cast("DetectorBackbone", context.extractors.backbone.loaded())
    config = cast("WholeConfig", context.task.candidates(context.recipe, detector)[0].config)
    plan = _plan(pictures, detector.side(config.longest), PARTS[config.cut :])
    context.progress.say(plan.sentence())
    folds = tuple((chosen[one], chosen[other]) for one, other in context.folds(chosen))
    how = WholeTraining(
        config.epochs, config.batch_size, config.learning_rate, cut=config.cut, seed=context.recipe.seed,
        device=context.extractors.device, progress=context.progress,
    )  # fmt: skip
    fit = _Fit(context, detector, pictures, plan, how, chosen, folds)
    return replace(fit, how=replace(how, epochs=_epochs(fit)))


def _plan(pictures: Labelled, side: int, trained: Sequence[str]) -> SquarePlan:
    scales = [side / max(size) for size in pictures.sizes]
    sides = np.concatenate([
        np.sqrt(np.prod((boxes[:, 2:] - boxes[:, :2]) * size[::-1], axis=1)) * scale
        for boxes, size, scale in zip(pictures.boxes, pictures.sizes, scales, strict=True)
    ])  # fmt: skip
    smallest, median = (float(np.quantile(sides, share)) for share in (0.1, 0.5))
    return SquarePlan(side, median, smallest, tuple(trained))


def _epochs(fit: _Fit) -> int:
    """Epochs of every training: as many as the time allows for all; what was decided before stands."""
    context, how = fit.context, fit.how
    before = decided(context.checkpoints, EPOCHS)
    if before is not None:
        return int(before)
    left = TRAINING_SHARE * budget_s(context) - context.watch.elapsed()
    epoch_s = seconds_of_epoch(fit.headed(fit.detector, how.seed), fit.pictures, fit.chosen, fit.plan, how)
    # All folds together, the one on everything, and the one with random weights on the first fold.
    shares = [len(one) / len(fit.chosen) for one, _ in fit.folds]
    affordable = int(left / max(epoch_s * (sum(shares) + 1 + shares[0]), 1e-6))
    epochs = min(max(1, affordable), how.epochs)
    if affordable < min(FEW, how.epochs):
        context.warnings.add("time", [
            f"Each training had {epochs} of {how.epochs} epochs: one takes {epoch_s:.0f} s here. Give it "
            "more time (--budget), a graphics processor, or fewer --folds."
        ])  # fmt: skip
    decide(context.checkpoints, EPOCHS, epochs, context.watch.elapsed())
    return epochs


def _crosswise(fit: _Fit) -> dict[int, Found]:
    """By position, what the detector that had not seen a picture finds on it."""
    found: dict[int, Found] = {}
    for number, (learn, judged) in enumerate(fit.folds):
        name = f"fold {number + 1} of {len(fit.folds)}"
        detector = fit.tuned(fit.detector, learn, number, f"training: {name}")
        found |= fit.found_on(detector, judged, f"judging: {name}")
    return {place: found[place] for place in sorted(found)}


def _scratch(fit: _Fit, seconds: float) -> float | None:
    """The figure that decides, of the same detector with random weights on the first fold, as long trained.

    None where no time is left for it.
    """
    context, (learn, judged) = fit.context, fit.folds[0]
    needed = seconds * len(learn) / (sum(len(one) for one, _ in fit.folds) + len(fit.chosen))
    if budget_s(context) - context.watch.elapsed() < needed:
        context.warnings.add("time", [UNTRIED])
        return None
    with context.watch.stage("baseline with random weights"):
        detector = cast("DetectorBackbone", random_copy(fit.detector, 0))
        tuned = fit.tuned(detector, learn, len(fit.folds) + 1, "training: random weights")
        found = fit.found_on(tuned, judged, "judging: random weights")
    samples = [fit.pictures.samples[i] for i in found]
    return figure_of(context, samples, list(found.values()), fit.pictures, list(found))


def _readable(context: FitContext, pictures: Labelled) -> tuple[Ints, tuple[Skipped, ...]]:
    """Positions of the pictures that can be decoded, and why the others cannot."""
    kept, skipped = [], []
    context.progress.start("reading pictures", len(pictures.samples))
    for place, sample in enumerate(pictures.samples):
        context.progress.advance()
        try:
            decode(sample.path, 64)
            kept.append(place)
        except MediaError as error:
            skipped.append(Skipped(str(sample.source), str(error)))
    context.progress.finish()
    return np.array(kept, np.int64), tuple(skipped)
