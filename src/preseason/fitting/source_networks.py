"""The source network is one more thing that a fit may try: several are compared on the examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from preseason.data.audit import Audit
from preseason.data.split import group_numbers
from preseason.engine.extract import Order
from preseason.heads.base import TrainingSet
from preseason.inference.features import Features
from preseason.inference.predictor import FeatureExtractors
from preseason.openset.detection import thin
from preseason.problems.base import problems
from preseason.recipe import Recipe
from preseason.runtime.progress import Progress
from preseason.tasks.base import Task
from preseason.training.cross_validation import cross_val_fit
from preseason.training.selection import accuracy

MOST = 400
"""Examples on which networks are compared; what is computed for it stays in the feature bank."""
AUTO = "auto"


@dataclass(frozen=True)
class Tried:
    """One network, by accuracy and mean log-likelihood of the task's first way in cross-validation."""

    name: str
    extractors: FeatureExtractors
    accuracy: float
    likelihood: float


def names_of(recipe: Recipe, task: Task) -> tuple[str, ...]:
    """The networks that the user named, separated by commas; for `auto` those of the task that are here.

    A task that has several names them in an attribute `sources`.
    """
    found: list[str] = []
    for name in map(str.strip, recipe.backbone.split(",")):
        found += getattr(task, "sources", (task.backbone,)) if name == AUTO else [name]
    return tuple(dict.fromkeys(filter(None, found)))


def choose(
    names: Sequence[str],
    recipe: Recipe,
    task: Task,
    audit: Audit,
    progress: Progress,
    make: Callable[[str], FeatureExtractors],
) -> FeatureExtractors:
    """The network that serves these examples best, said with the figures of all; a single one is just loaded.

    Args:
        make: loads a network by its name.

    Raises:
        PreseasonError: a network cannot be loaded.
    """
    if len(names) == 1:
        return make(names[0])
    tried = [_try(name, make(name), recipe, task, audit, progress) for name in names]
    ranked = sorted(tried, key=lambda each: (-each.accuracy, -each.likelihood))
    looked_at = min(MOST, len(audit.dataset.samples))
    figures = ", ".join(f"{each.name} {100 * each.accuracy:.1f} %" for each in ranked)
    progress.say(
        f"Source network: {ranked[0].name}, by cross-validation on {looked_at} {task.noun} ({figures})."
    )
    return ranked[0].extractors


def _try(
    name: str, extractors: FeatureExtractors, recipe: Recipe, task: Task, audit: Audit, progress: Progress
) -> Tried:
    """The task's first way on a few examples of every class."""
    dataset, problem = audit.dataset, problems.get(task.problem)
    plain = recipe.with_settings(head=AUTO, unfreeze="0")
    candidate = task.candidates(plain, extractors.backbone.loaded(), dataset.samples)[0]
    targets = problem.targets(dataset.samples, dataset.labels)
    order = np.random.default_rng(recipe.seed).permutation(len(targets))
    chosen = np.sort(order[thin(targets[order], MOST)])
    samples = [dataset.samples[i] for i in chosen]
    found = extractors.extractor(candidate.spec).extract(
        [Order(sample) for sample in samples], progress, f"trying {extractors.backbone.name}"
    )
    kept = chosen[found.kept]
    folds = problem.folds(
        targets[kept], group_numbers([dataset.samples[i] for i in kept]), recipe.folds, recipe.seed
    )
    training_set = TrainingSet(
        Features.of([found.rows]), targets[kept], len(dataset.labels), folds, recipe.seed, progress=progress
    )
    fit = cross_val_fit(replace(candidate, name=f"linear on {name}"), training_set, None, None, firm=True)
    said = training_set.targets[fit.oof_index]
    likelihood = float(np.log(np.maximum(fit.oof_proba[np.arange(len(said)), said], 1e-9)).mean())
    return Tried(extractors.backbone.name, extractors, accuracy(fit.oof_proba, said), likelihood)
