"""Boxes on pictures: maps of a frozen network, heads trained crosswise on them, calibrated scores."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from preseason.arrays.types import Ints
from preseason.backbones.folder import random_copy
from preseason.errors import DataError
from preseason.fitting import summary
from preseason.fitting.box_record import Fitted, figure_of, record_of
from preseason.fitting.budget import budget_s
from preseason.fitting.context import FitContext
from preseason.fitting.problems.base import fitters
from preseason.fitting.problems.classification import HELD_OUT, divide
from preseason.fitting.whole_detector import fit_whole_detector
from preseason.heads.detection.training import DetectionTraining
from preseason.inference.answers import BoxPredictions
from preseason.inference.detection.finder import Finder
from preseason.inference.detection.peaks import Found
from preseason.inference.detection.plan import Plan, decide
from preseason.inference.predictor import FeatureExtractors
from preseason.models.detector import Detector, named
from preseason.tasks.detection import DETECTOR, BoxConfig
from preseason.training.detection.levels import levels_of
from preseason.training.detection.looks import Labelled, Looks, labelled, looks_at
from preseason.training.detection.members import (
    Crosswise,
    Time,
    found_on,
    head_shape,
    train_crosswise,
)
from preseason.training.detection.worth import calibrate
from preseason.training.scratch import UNTRIED

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone

TRAINING_SHARE = 0.9
"""Share of the time after which training must have ended."""
SCRATCH_TILED = 16
"""Pictures in tiles that the network with random weights is judged on."""
SCRATCH_S = 60.0
"""The most that is spent on the network with random weights."""


@dataclass(frozen=True)
class _Learnt:
    """What was learnt, and what it rests on."""

    looks: Looks
    chosen: Ints
    finder: Finder
    crosswise: Crosswise
    seconds: float


def fit_boxes(context: FitContext) -> Detector:
    """A model that finds things, tested on pictures that its heads had not seen."""
    if context.extractors.backbone.modality == DETECTOR:
        return fit_whole_detector(context)
    pictures = labelled(context.samples, context.audit.sizes, context.labels)
    config = cast("BoxConfig", context.task.candidates(context.recipe, _backbone(context))[0].config)
    plan = decide(pictures.sizes, pictures.boxes, levels_of(_backbone(context)), config.longest)
    context.progress.say(plan.sentence())
    train, test = divide(context)
    learnt = _learn(context, pictures, plan, config, train)
    found, answered, by = _answer(context, learnt, test)
    crosswise = learnt.crosswise.found
    calibration = calibrate(
        list(crosswise.values()),
        [pictures.boxes[i] for i in crosswise],
        [pictures.labels[i] for i in crosswise],
        len(context.labels),
    )
    answers = BoxPredictions(
        tuple(context.samples[i] for i in answered),
        context.labels,
        tuple(named(each, context.labels, calibration) for each in found),
        tuple(float(t) for t in calibration.thresholds),
        tuple((int(h), int(w)) for h, w in pictures.sizes[answered]),
    )
    metrics = context.problem.measure(answers)
    scratch = _scratch(context, pictures, plan, config, learnt)
    record = record_of(
        context,
        Fitted(
            answers, metrics, by, plan.values() | {"told": plan.sentence()}, learnt.chosen,
            learnt.looks.skipped, learnt.seconds, scratch,
        ),
    )  # fmt: skip
    finder = replace(learnt.finder, members=learnt.crosswise.members)
    return Detector(context.task, finder, context.labels, calibration, record)


def _backbone(context: FitContext) -> "Backbone":
    return context.extractors.backbone.loaded()


def _learn(context: FitContext, pictures: Labelled, plan: Plan, config: BoxConfig, train: Ints) -> _Learnt:
    """Looks at all pictures, and heads trained crosswise on those of `train`."""
    with context.watch.stage("maps of the frozen network"):
        looks = looks_at(context.extractors, plan, pictures, context.progress, "reading pictures")
    for each in looks.skipped:
        context.warnings.add("odd", [f"{each.path} was left out: {each.reason}."])
    readable = np.array([i for i in train if looks.views[i]], np.int64)
    if len(readable) == 0:
        raise DataError("None of the pictures can be read. Look at the files, or name another folder.")
    shape = head_shape(looks, plan, len(context.labels))
    finder = Finder(context.extractors, plan, shape, ())
    folds = [(readable[one], readable[other]) for one, other in context.folds(readable)]
    how = DetectionTraining(
        config.epochs,
        config.batch_size,
        config.learning_rate,
        side=plan.crop,
        seed=context.recipe.seed,
        progress=context.progress,
        stage="training member",
    )
    time = Time(context.watch, TRAINING_SHARE * budget_s(context))
    begin = context.watch.elapsed()
    with context.watch.stage("training"):
        crosswise = train_crosswise(context.extractors, looks, finder, folds, how, time, context.checkpoints)
    if len(crosswise.found) < len(readable):
        context.warnings.add("time", [
            f"{len(crosswise.found)} of {len(readable)} {context.task.noun}, drawn at random, were judged: "
            "the time was too short for the tiles of all (--budget)."
        ])  # fmt: skip
    return _Learnt(looks, readable, finder, crosswise, context.watch.elapsed() - begin)


def _answer(context: FitContext, learnt: _Learnt, test: Ints) -> tuple[list[Found], list[int], str]:
    """What is found on pictures that were not learnt from, their positions, and how they were chosen."""
    if len(test) == 0:
        found = learnt.crosswise.found
        folds = len(learnt.crosswise.members)
        return list(found.values()), list(found), f"{folds}-fold cross-validation"
    context.warnings.add("leak", summary.leak_warnings(context.audit, learnt.chosen, test, context.task.noun))
    finder = replace(learnt.finder, members=learnt.crosswise.members)
    with context.watch.stage("answering the held-out part"):
        found = found_on(finder, learnt.looks, test, context.progress)
    return list(found.values()), list(found), HELD_OUT


def _scratch(
    context: FitContext, pictures: Labelled, plan: Plan, config: BoxConfig, learnt: _Learnt
) -> float | None:
    """The figure that decides, of one head on the same network with random weights; None without time."""
    left = budget_s(context) - context.watch.elapsed()
    if left < 5:
        context.warnings.add("time", [UNTRIED])
        return None
    learn, judged = _first_fold(context, learnt)
    if plan.tile:
        judged = judged[:SCRATCH_TILED]
    chosen = np.concatenate([learn, judged])
    random = FeatureExtractors(
        random_copy(_backbone(context), 0),
        context.extractors.decoder,
        context.extractors.cache,
        context.extractors.device,
    )
    part = Labelled(
        tuple(pictures.samples[i] for i in chosen),
        pictures.sizes[chosen],
        tuple(pictures.boxes[i] for i in chosen),
        tuple(pictures.labels[i] for i in chosen),
    )
    with context.watch.stage("baseline with random weights"):
        looks = looks_at(random, plan, part, context.progress, "reading: random weights", False)
        finder = replace(learnt.finder, extractors=random)
        how = DetectionTraining(
            config.epochs, config.batch_size, config.learning_rate, side=plan.crop,
            seed=context.recipe.seed, progress=context.progress, stage="training: random weights",
        )  # fmt: skip
        fold = [(np.arange(len(learn)), np.arange(len(learn), len(chosen)))]
        end = context.watch.elapsed() + min(left, SCRATCH_S)
        found = train_crosswise(random, looks, finder, fold, how, Time(context.watch, end), None).found
    return figure_of(context, [part.samples[i] for i in found], list(found.values()), part, list(found))


def _first_fold(context: FitContext, learnt: _Learnt) -> tuple[Ints, Ints]:
    one, other = context.folds(learnt.chosen)[0]
    return learnt.chosen[one], learnt.chosen[other]


fitters.add("detection", fit_boxes)
