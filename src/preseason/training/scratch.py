"""What the same network does without its pretraining: random weights, the same cheap head."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from preseason.backbones.folder import random_copy
from preseason.data.dataset import Dataset
from preseason.data.split import group_numbers
from preseason.engine.extract import Order
from preseason.formatting import percent
from preseason.heads.base import TrainingSet
from preseason.inference.features import Features
from preseason.inference.predictor import FeatureExtractors
from preseason.problems.base import problems
from preseason.recipe import Recipe
from preseason.results import Figure
from preseason.runtime.progress import Progress
from preseason.training.cross_validation import cross_val_fit
from preseason.training.selection import accuracy

if TYPE_CHECKING:
    from preseason.tasks.base import Task

MAX_EXAMPLES = 600
"""Examples that are enough to see whether random weights do as well."""
SEED = 0
GUESS = "Not clearly better than always naming the most frequent label"
UNTRIED = (
    "There was no time to compare with random weights, so what pretraining brings is not known: allow more "
    "time (--budget)."
)


def scratch_accuracy(
    task: "Task",
    extractors: FeatureExtractors,
    dataset: Dataset,
    recipe: Recipe,
    seconds: float,
    progress: Progress,
) -> float | None:
    """Cross-validated accuracy of a linear head on every block of the network with random weights.

    Returns:
        None when a few examples show that the rest would take longer than `seconds`.
    """
    kept = np.random.default_rng(SEED).permutation(len(dataset.samples))[:MAX_EXAMPLES]
    samples = [dataset.samples[i] for i in np.sort(kept)]
    problem = problems.get(task.problem)
    targets = problem.targets(samples, dataset.labels)
    pairs = problem.folds(targets, group_numbers(samples), recipe.folds, recipe.seed)
    random = FeatureExtractors(
        random_copy(extractors.backbone.loaded(), SEED),
        extractors.decoder,
        extractors.cache,
        extractors.device,
    )
    candidate = task.baseline(random.backbone.loaded())
    extractor = random.extractor(candidate.spec)
    orders = [Order(sample) for sample in samples]
    if extractor.missing(orders):
        extractor.prepare(progress.say)
        trial = extractor.extract(orders[:8], progress, "measuring: random weights")
        if trial.computed and trial.seconds / 8 * len(orders) > max(seconds, 1.0):
            return None
    found = extractor.extract(orders, progress, "reading: random weights")
    training_set = TrainingSet(
        Features.of([found.rows]), targets[found.kept], len(dataset.labels), pairs, recipe.seed
    )
    fit = cross_val_fit(replace(candidate, name="random weights"), training_set, None, None)
    return accuracy(fit.oof_proba, training_set.targets[fit.oof_index])


def is_guess(warning: str) -> bool:
    """Whether it is the one of `guess_warning`."""
    return warning.startswith(GUESS)


def guess_warning(score: Figure, commonest: float) -> list[str]:
    """A warning where the model is not clearly better than always naming the commonest label.

    Args:
        commonest: share of that label among the tested examples, 0..1.
    """
    if score.n == 0 or score.interval[0] > commonest:
        return []
    return [
        f"{GUESS} ({percent(commonest)}): do not rely on this model. Check the labels, label more examples, "
        "or allow more time (--budget)."
    ]


def transfer_warning(score: Figure, scratch: float) -> list[str]:
    """A warning where the pretrained network is not clearly better than random weights."""
    low, _ = score.interval
    if low > scratch:
        return []
    return [
        (
            f"Transfer brought little: random weights with a linear head reach {100 * scratch:.0f} %, "
            f"this model {100 * score.value:.0f} % (95 % CI from {100 * low:.0f} %). The pretraining "
            "may not suit this data, or there are too few examples to tell."
        )
    ]
