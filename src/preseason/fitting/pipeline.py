"""One fit in order: read, load the network, fit as the problem asks, describe, save."""

import shutil
from dataclasses import replace
from pathlib import Path

from preseason import backbones
from preseason.data.audit import Audit
from preseason.data.checks import alike_warnings
from preseason.data.dataset import Dataset
from preseason.distributed.ray_cluster import RayCluster
from preseason.distributed.workers import Workers
from preseason.engine.networks import device_for
from preseason.engine.upkeep import evict
from preseason.errors import UsageError
from preseason.fitting import summary
from preseason.fitting.announce import announce
from preseason.fitting.context import FitContext, WarningLog
from preseason.fitting.problems.base import FittedModel, fitters
from preseason.fitting.several_networks import first_of, has_companions, joined, joins
from preseason.fitting.source_networks import choose, names_of
from preseason.fitting.taking_up import take_up
from preseason.fitting.unused import refuse_unused
from preseason.formatting import did_you_mean
from preseason.inference.predictor import FeatureExtractors
from preseason.problems.base import problems
from preseason.recipe import Recipe
from preseason.report.card import write_card
from preseason.report.html import write_report
from preseason.runtime.cache_dir import cache_folder, remember_place
from preseason.runtime.progress import Progress, Stopwatch
from preseason.storage import CARD, REPORT
from preseason.tasks.base import Task
from preseason.tasks.reading import columns_of, read_for, task_for


def run(
    root: Path | Dataset,
    output: Path | None,
    recipe: Recipe,
    progress: Progress,
    workers: Workers | RayCluster | None = None,
) -> FittedModel:
    """A model of the labelled examples at `root`, saved at `output` unless that is None.

    Raises:
        UsageError: a setting does not fit the task.
        DataError: nothing can be learnt from the data.
    """
    context = prepare(root, recipe, progress, workers)
    refuse_unused(context)
    announce(context)
    take_up(context)
    model = fitters.get(context.problem.name)(context)
    if output is not None:
        model = save_with_pages(context, model, output)
    remember_place(context.extractors.cache, context.run_id, _folder_of(root))
    shutil.rmtree(context.checkpoints, ignore_errors=True)
    _evict(context)
    return model


def _folder_of(root: Path | Dataset) -> Path:
    return root.root if isinstance(root, Dataset) else root


def prepare(
    root: Path | Dataset, recipe: Recipe, progress: Progress, workers: Workers | RayCluster | None
) -> FitContext:
    """The audited examples and the network, with the warnings that follow from the examples alone."""
    watch, warnings = Stopwatch(), WarningLog()
    columns = columns_of(recipe)
    task = task_for(root, columns)
    _check_head(recipe, task)
    with watch.stage("reading and auditing files"):
        audit = read_for(task, root, progress, columns)
    warnings.add("alike", alike_warnings(audit.dataset.labels))
    warnings.add("classes", problems.get(task.problem).check(audit.dataset, task.noun))
    warnings.add("scenes", summary.scene_warnings(audit, task.noun))
    with watch.stage("loading the network"):
        extractors = _chosen(recipe, task, audit, progress, workers)
    return FitContext(recipe, task, audit, extractors, progress, watch, warnings)


def _chosen(
    recipe: Recipe, task: Task, audit: Audit, progress: Progress, workers: Workers | RayCluster | None
) -> FeatureExtractors:
    """The networks of the fit: the best of several, or all. Processes of a launcher share the first alone."""
    names = names_of(recipe, task)
    first = first_of(names)

    def make(name: str) -> FeatureExtractors:
        shared = workers is not None and (workers.any_network or name == first)
        return extractors_for(recipe, task, workers if shared else None, name)

    compares = workers is None or workers.any_network
    if joins(task) or has_companions(task):
        return joined(recipe, task, audit, progress, make, compares)
    if not compares:
        return make(first)
    return choose(names, recipe, task, audit, progress, make)


def extractors_for(
    recipe: Recipe, task: Task, workers: Workers | RayCluster | None = None, name: str | None = None
) -> FeatureExtractors:
    """The network called `name`, or the first of those that the recipe names."""
    name = first_of(names_of(recipe, task)) if name is None else name
    backbone = backbones.load(name, recipe.weights)
    if backbone.preprocessing.frames and recipe.frames is not None:
        backbone = backbone.with_frames(recipe.frames)
    cache = cache_folder(recipe.cache)
    return FeatureExtractors(backbone, task.decoder(backbone), cache, device_for(recipe.device), workers)


def save_with_pages(context: FitContext, model: FittedModel, output: Path) -> FittedModel:
    """Write the model folder with card and report; the model, its record with the seconds of saving."""
    record = model.record

    def pages(part: Path) -> None:
        write_card(record, part / CARD, output.name)
        task = context.task
        write_report(record, part / REPORT, task.picture, excerpt=getattr(task, "excerpt", None))

    with context.watch.stage("report and saving"):
        model.save(output, pages)
    return model.with_record(replace(record, seconds=dict(context.watch.seconds)))


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
