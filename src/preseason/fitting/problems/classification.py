"""One label for each example: try candidates within the budget, test, check, and refit on everything."""

from collections.abc import Sequence

import numpy as np

from preseason.arrays.types import Ints
from preseason.data.checks import part_warnings
from preseason.data.split import hold_out
from preseason.diagnostics.checks import Checked, Judged, check
from preseason.diagnostics.evidence import Evidence
from preseason.diagnostics.messages import crossed_labels
from preseason.fitting import summary
from preseason.fitting.budget import budget_s, clock_for
from preseason.fitting.context import FitContext
from preseason.fitting.learner import Learnt, Tested, learn, reference_distribution, search
from preseason.fitting.problems.base import fitters
from preseason.fitting.several_networks import candidates_of
from preseason.heads.decisions import decide, decided
from preseason.inference.candidates import Candidate
from preseason.models.classifier import Model
from preseason.models.prediction import predict_batch
from preseason.results import Figure, score_of
from preseason.training.rounds import Clock
from preseason.training.scratch import UNTRIED, guess_warning, scratch_accuracy, transfer_warning

HELD_OUT = "held-out part"
SCRATCH = "random weights"
"""Name of the decision whether these are tried."""


def fit_labels(context: FitContext) -> Model:
    """A classifier, tested on examples that it had not seen."""
    tested = learn_and_test(context)
    metrics = context.problem.measure(tested.answers)
    checked = check_trust(context, tested, score_of(metrics))
    distribution = reference_distribution(context, tested.last)
    scratch = scratch_baseline(context, score_of(metrics))
    commonest = summary.baselines(tested.answers, ()).get("majority", 0.0)
    context.warnings.add("guess", guess_warning(score_of(metrics), commonest))
    record = summary.record_of(context, tested, metrics, checked, scratch)
    last = tested.last
    return Model(context.task, context.extractors, last.predictor, last.known, record, distribution)


def learn_and_test(context: FitContext) -> Tested:
    """Try the candidates on the training part, answer the test part, and refit on everything if asked."""
    recipe, task = context.recipe, context.task
    candidates = candidates_of(context)
    context.warnings.add("way", dict.fromkeys(each.caution for each in candidates if each.caution))
    train, test = divide(context)
    if len(test):
        learnt, tested = ([str(context.samples[i].label) for i in chosen] for chosen in (train, test))
        context.warnings.add("parts", part_warnings(learnt, tested, task.noun))
    clock = clock_for(context, len(candidates))
    first = learn(context, train, search(context, train, candidates, clock))
    if len(test) == 0:
        single = any(fitted.candidate.fold_models == 1 for fitted in first.predictor.candidates)
        return Tested(
            first, first, first.answers, HELD_OUT if single else f"{recipe.folds}-fold cross-validation"
        )
    samples = [context.samples[i] for i in test]
    answers, _ = predict_batch(context.extractors, first.predictor, first.known, samples, context.progress)
    said = [answers.labels[best] for best in answers.probabilities.argmax(axis=1)]
    truth = [str(sample.label) for sample in answers.samples]
    context.warnings.add("parts", crossed_labels(truth, said, task.noun))
    context.warnings.add("leak", summary.leak_warnings(context.audit, train, test, task.noun))
    last = refit(context, candidates, first, clock.budget_s) if recipe.refit else first
    return Tested(first, last, answers, HELD_OUT)


def divide(context: FitContext) -> tuple[Ints, Ints]:
    """Positions that are learnt from, and that are only tested on (none: each is tested in turn)."""
    if context.test_fraction == 0:
        return np.arange(len(context.samples)), np.zeros(0, np.int64)
    return hold_out(context.audit.dataset, context.test_fraction or 0.0, context.recipe.seed)


def refit(context: FitContext, candidates: Sequence[Candidate], first: Learnt, seconds: float) -> Learnt:
    """The same candidates on every labelled example."""
    everything = np.arange(len(context.samples))
    names = [fitted.candidate.name for fitted in first.predictor.candidates]
    again = [candidate for candidate in candidates if candidate.name in names]
    trials = search(context, everything, again, Clock(seconds, strict=False, watch=context.watch))
    return learn(context, everything, trials, keep=first.predictor.kept)


def check_trust(context: FitContext, tested: Tested, score: Figure) -> Checked:
    """What the checks of trust find; their warnings join the others."""
    last = tested.last
    chosen = last.chosen
    evidence = Evidence(
        noun=context.task.noun,
        samples=tuple(context.samples[i] for i in chosen),
        labels=context.labels,
        targets=context.targets[chosen],
        groups=context.groups[chosen],
        folds=context.folds(chosen),
        oof_index=last.oof_index,
        oof_proba=last.answers.probabilities,
        trials=last.trials,
        backbone=context.extractors.backbone.loaded(),
        modality=context.task.modality,
    )
    budget = context.recipe.unknown_share()
    with context.watch.stage("checks of trust"):
        checked = check(Judged(evidence, context.audit, tested.answers, score, last.choice, budget))
    context.warnings.cautions += checked.cautions
    return checked


def scratch_baseline(context: FitContext, score: Figure) -> float | None:
    """Accuracy with random weights, where the budget allows to measure it, and the warning that follows."""
    before = decided(context.checkpoints, SCRATCH)
    left = float("inf") if before else budget_s(context) - context.watch.elapsed()
    scratch = None
    if before is not False:
        with context.watch.stage("baseline with random weights"):
            scratch = scratch_accuracy(
                context.task,
                context.extractors,
                context.audit.dataset,
                context.recipe,
                left,
                context.progress,
            )
        decide(context.checkpoints, SCRATCH, scratch is not None, context.watch.elapsed())
    if scratch is None:
        context.warnings.add("time", [UNTRIED])
    else:
        context.warnings.add("transfer", transfer_warning(score, scratch))
    return scratch


fitters.add("classification", fit_labels)
