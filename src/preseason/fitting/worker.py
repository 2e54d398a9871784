"""What a helper does in a fit by several workers: its part of whatever the leader asks for."""

from collections.abc import Callable
from functools import cache
from typing import Any

from preseason.distributed.workers import ROWS, Workers
from preseason.engine.extract import Extractor
from preseason.engine.networks import device_for
from preseason.inference.predictor import FeatureExtractors
from preseason.language.distributed_training import LOADING, TRAINING, TrainingHelper
from preseason.language.pipeline import base_of
from preseason.recipe import Recipe
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Silent
from preseason.runtime.threads import limit_torch
from preseason.training.distributed_folds import FOLDS, STEPS, fit_stride, take_steps


def assist(workers: Workers, recipe: Recipe, make: Callable[[], FeatureExtractors]) -> None:
    """Do a part of what the leader asks for until it is done.

    Raises:
        WorkersError: the leader died or failed.
    """
    limit_torch()
    folder, device = cache_folder(recipe.cache), device_for(recipe.device)
    extractors = cache(make)
    course = TrainingHelper(workers, recipe, base_of(recipe), folder, device)

    def rows(values: Any) -> dict[str, str]:
        spec, shelf_name, orders = values
        found = extractors().extractor(spec)
        if not isinstance(found, Extractor) or found.shelf_name != shelf_name:
            raise ValueError("the leading worker reads with another network, or on another kind of device")
        return found.fill_part(orders[workers.rank :: workers.size], Silent(), "")

    workers.help(
        {
            ROWS: rows,
            FOLDS: lambda values: fit_stride(values, workers, extractors().backbone.loaded(), folder, device),
            STEPS: lambda values: take_steps(values, workers, extractors().backbone.loaded(), folder, device),
            LOADING: course.load,
            TRAINING: course.train,
        }
    )
