"""One fit in order: read, try candidates within the budget, test, check, describe, save."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from preseason import backbones
from preseason.arrays.types import Ints
from preseason.data.files import Columns
from preseason.data.split import hold_out
from preseason.diagnostics.checks import Checked, Judged, check
from preseason.diagnostics.evidence import Evidence
from preseason.distributed.workers import Workers
from preseason.engine.networks import device_for
from preseason.engine.upkeep import evict
from preseason.errors import UsageError
from preseason.fitting import summary
from preseason.fitting.announce import announce
from preseason.fitting.budget import budget_s, clock_for
from preseason.fitting.context import FitContext, WarningLog
from preseason.fitting.learner import Learnt, Tested, learn, reference_distribution, search
from preseason.fitting.unused import refuse_unused
from preseason.formatting import did_you_mean
from preseason.inference.candidates import Candidate
from preseason.inference.predictor import FeatureExtractors
from preseason.models.classifier import Model
from preseason.models.prediction import predict_batch
from preseason.models.saving import save
from preseason.problems.base import problems
from preseason.recipe import Recipe
from preseason.report.card import write_card
from preseason.report.html import write_report
from preseason.results import Figure, FitRecord, score_of
from preseason.runtime.cache_dir import cache_folder, remember_place
from preseason.runtime.progress import Progress, Stopwatch
from preseason.storage import CARD, REPORT
from preseason.tasks.base import Task
from preseason.tasks.reading import read, task_for
from preseason.training.rounds import Clock
from preseason.training.scratch import scratch_accuracy, transfer_warning

HELD_OUT = "held-out part"


def run(
    root: Path, output: Path | None, recipe: Recipe, progress: Progress, workers: Workers | None = None
) -> Model:
    """A classifier of the labelled examples at `root`, saved at `output` unless that is None.

    Raises:
        UsageError: a setting does not fit the task.
        DataError: nothing can be learnt from the data.
    """
    context = prepare(root, recipe, progress, workers)
    refuse_unused(context)
    announce(context)
    tested = learn_and_test(context)
    metrics = context.problem.measure(tested.answers)
    checked = check_trust(context, tested, score_of(metrics))
    distribution = reference_distribution(context, tested.last)
    scratch = scratch_baseline(context, score_of(metrics))
    record = summary.record_of(context, tested, metrics, checked, scratch)
    last = tested.last
    model = Model(context.task, context.extractors, last.predictor, last.known, record, distribution)
    if output is not None:
        model = save_with_pages(context, model, output)
    remember_place(context.extractors.cache, context.run_id, root)
    shutil.rmtree(context.checkpoints, ignore_errors=True)
    _evict(context)
    return model


def prepare(root: Path, recipe: Recipe, progress: Progress, workers: Workers | None) -> FitContext:
    """The audited examples and the network, with the warnings that follow from the examples alone."""
    watch, warnings = Stopwatch(), WarningLog()
    columns = columns_of(recipe)
    task = task_for(root, columns)
    _check_head(recipe, task)
    with watch.stage("reading and auditing files"):
        audit = read(root, progress, columns)
    warnings.add("classes", problems.get(task.problem).check(audit.dataset, task.noun))
    warnings.add("scenes", summary.scene_warnings(audit, task.noun))
    with watch.stage("loading the network"):
        extractors = extractors_for(recipe, task, workers)
    return FitContext(recipe, task, audit, extractors, progress, watch, warnings)


def columns_of(recipe: Recipe) -> Columns:
    """The columns of a table that the user named."""
    return Columns(recipe.text, recipe.label, recipe.group)


def extractors_for(recipe: Recipe, task: Task, workers: Workers | None = None) -> FeatureExtractors:
    """The task's network, or the one that the user named."""
    name = task.backbone if recipe.backbone == "auto" else recipe.backbone
    backbone = backbones.load(name, recipe.weights)
    if backbone.preprocessing.frames and recipe.frames is not None:
        backbone = backbone.with_frames(recipe.frames)
    cache = cache_folder(recipe.cache)
    return FeatureExtractors(backbone, task.decoder(backbone), cache, device_for(recipe.device), workers)


def learn_and_test(context: FitContext) -> Tested:
    """Try the candidates on the training part, answer the test part, and refit on everything if asked."""
    recipe, task = context.recipe, context.task
    candidates = task.candidates(recipe, context.extractors.backbone.loaded(), context.samples)
    context.warnings.add("way", dict.fromkeys(each.caution for each in candidates if each.caution))
    train, test = divide(context)
    clock = clock_for(context, len(candidates))
    first = learn(context, train, search(context, train, candidates, clock))
    if len(test) == 0:
        single = any(fitted.candidate.fold_models == 1 for fitted in first.predictor.candidates)
        return Tested(
            first, first, first.answers, HELD_OUT if single else f"cross-fitting in {recipe.folds} folds"
        )
    samples = [context.samples[i] for i in test]
    answers, _ = predict_batch(context.extractors, first.predictor, first.known, samples, context.progress)
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
    )
    budget = context.recipe.unknown_share()
    with context.watch.stage("checks of trust"):
        checked = check(Judged(evidence, context.audit, tested.answers, score, last.choice, budget))
    context.warnings.cautions += checked.cautions
    return checked


def scratch_baseline(context: FitContext, score: Figure) -> float | None:
    """Accuracy with random weights, where the budget allows to measure it, and the warning that follows."""
    left = budget_s(context) - context.watch.elapsed()
    with context.watch.stage("baseline with random weights"):
        scratch = scratch_accuracy(
            context.task, context.extractors, context.audit.dataset, context.recipe, left, context.progress
        )
    if scratch is None:
        untried = "No time was left to try the same network with random weights (--budget)."
        context.warnings.add("time", [untried])
    else:
        context.warnings.add("transfer", transfer_warning(score, scratch))
    return scratch


def save_with_pages(context: FitContext, model: Model, output: Path) -> Model:
    """Write the model folder with card and report; the model, its record with the seconds of saving."""
    record: FitRecord = model.record

    def pages(part: Path) -> None:
        write_card(record, part / CARD, output.name)
        write_report(record, part / REPORT, context.task.picture)

    with context.watch.stage("report and saving"):
        save(model, output, pages)
    return replace(model, record=replace(record, seconds=dict(context.watch.seconds)))


def _check_head(recipe: Recipe, task: Task) -> None:
    known = ("auto", *task.heads)
    if recipe.head not in known:
        hint = did_you_mean(recipe.head, known)
        raise UsageError(f"--head {recipe.head} is not for {task.noun}: expected {', '.join(known)}.{hint}")


def _evict(context: FitContext) -> None:
    extractors = context.extractors
    freed = evict(extractors.cache, context.recipe.cache_limit_gb * 2**30, extractors.shelf_names())
    if freed:
        context.progress.say(f"{freed / 2**20:.0f} MiB of old features were evicted (--cache-limit-gb).")
