"""The public `fit`: settings, which kind of model it will be, and which of several workers leads."""

from pathlib import Path
from typing import Any

from preseason.distributed.workers import Workers
from preseason.errors import UsageError
from preseason.errors.surroundings import refuse_lost_folder
from preseason.fitting import pipeline
from preseason.fitting.chat import fit_chat
from preseason.fitting.worker import assist
from preseason.inference.predictor import FeatureExtractors
from preseason.language.reading import recognises
from preseason.models.loading import load
from preseason.recipe import Recipe, recipe_from
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.launcher import process_info
from preseason.runtime.progress import Progress, Silent
from preseason.tasks.reading import task_for
from preseason.trained_model import TrainedModel


def fit(
    data: str | Path,
    output: str | Path | None = None,
    *,
    recipe: Recipe | None = None,
    config: str | Path | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> TrainedModel:
    """Fine-tune a pretrained network on labelled examples.

    Args:
        data: folder with one folder per label, or a CSV, TSV, JSON Lines or Parquet table; dialogues or texts
            without labels give a chat model.
        output: model folder to write; None keeps the model in memory.
        recipe: settings to start from; single ones may be given as keywords, e.g. `budget_s="5m"`.
        config: TOML file with settings, or a model folder whose fit is repeated; keywords take precedence.
        progress: receives progress messages.

    Raises:
        UsageError: a setting cannot be used, or the current folder is gone.
        DataError: nothing can be learned from the data.
        WeightsError: the backbone's weights are not on this machine.
        CacheError: the feature bank cannot be written.

    Example:
        model = preseason.fit("photos/", "players")
        model.predict("new.jpg")[0].label
    """
    refuse_lost_folder()
    chosen = recipe_from(recipe, Path(config) if config else None, settings)
    root, folder = Path(data), None if output is None else Path(output)
    here = process_info()
    if here.size == 1:
        return _fit_here(root, folder, chosen, progress or Silent())
    workers = Workers(here, cache_folder(chosen.cache) / "work")
    if here.rank == 0:
        with workers.led():
            return _fit_here(root, folder, chosen, progress or Silent(), workers)
    return _help_leader(root, folder, chosen, workers)


def _fit_here(
    root: Path, folder: Path | None, recipe: Recipe, progress: Progress, workers: Workers | None = None
) -> TrainedModel:
    if recipe.task == "auto" and recognises(root):
        return fit_chat(root, folder, recipe, progress, workers)
    return pipeline.run(root, folder, recipe, progress, workers)


def _help_leader(root: Path, folder: Path | None, recipe: Recipe, workers: Workers) -> TrainedModel:
    """Help the worker that leads, and load what it wrote."""
    if folder is None:
        raise UsageError("A fit by several workers needs a folder to write: name it (output, or -o).")

    def extractors() -> FeatureExtractors:
        return pipeline.extractors_for(recipe, task_for(root, pipeline.columns_of(recipe), recipe.task))

    assist(workers, recipe, extractors)
    return load(folder, device=recipe.device, cache=recipe.cache)
