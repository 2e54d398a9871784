"""The public `fit`: settings, which kind of model it will be, and which of several workers leads."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from preseason.data.account import Account
from preseason.data.dataset import Dataset
from preseason.data.hugging_face import Named, is_data_set, labelled
from preseason.distributed import ray_cluster
from preseason.distributed.ray_cluster import RayCluster
from preseason.distributed.workers import Workers
from preseason.engine.networks import device_for
from preseason.errors import DataError, UsageError
from preseason.errors.surroundings import refuse_lost_folder
from preseason.fitting import pipeline
from preseason.fitting.chat import fit_chat
from preseason.fitting.watching import tell_results
from preseason.fitting.worker import assist
from preseason.inference.predictor import FeatureExtractors
from preseason.language.hosted_model import PREFIX
from preseason.language.reading import account_of_corpus, recognises
from preseason.models.loading import load
from preseason.problems.base import problems
from preseason.recipe import Recipe, recipe_from
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.callbacks import Callback, Watched
from preseason.runtime.launcher import process_info
from preseason.runtime.progress import Progress, Silent
from preseason.stores.models import stored_at
from preseason.tasks.base import tasks
from preseason.tasks.reading import beyond_shards, columns_of, opened, read_for, task_for
from preseason.trained_model import TrainedModel

CHAT = "chat"
"""The task of a model that talks, which has a pipeline of its own."""


def fit(
    data: Any,
    output: str | Path | None = None,
    *,
    recipe: Recipe | None = None,
    config: str | Path | None = None,
    progress: Progress | None = None,
    callbacks: Sequence[Callback] = (),
    ray: str | None = None,
    **settings: Any,
) -> TrainedModel:
    """Fine-tune a pretrained network on labelled examples.

    Args:
        data: folder with one folder per label, or a CSV, TSV, JSON Lines or Parquet table; dialogues or texts
            without labels give a chat model. Or a `Dataset`: what `preseason.read(data).dataset` found, or
            what `preseason.dataset(inputs, labels)` makes of paths or texts. Or what the library
            `datasets` calls `Dataset` and `DatasetDict`, streamed ones too. Folders and tables may lie in a
            store, e.g. `s3://bucket/photos`.
        output: model folder to write, or its address in a store; None keeps the model in memory.
        recipe: settings to start from; single ones may be given as keywords, e.g. `budget_s="5m"`.
        config: TOML file with settings, or a model folder whose fit is repeated; keywords take precedence.
        progress: receives progress messages.
        callbacks: told of stages, epochs, figures and pictures as they come; `TensorBoard` and `MLflow`
            keep them. Only the worker that leads tells them.
        ray: a Ray cluster that shares the work: HOST:PORT of its head, "auto" for the one that runs here or
            that RAY_ADDRESS names, started on this machine where there is none, or "local". Its machines
            see the data and the feature bank under the same paths.

    Raises:
        UsageError: a setting cannot be used, or the current folder is gone.
        DataError: nothing can be learned from the data.
        WeightsError: the backbone's weights are not on this machine.
        CacheError: the feature bank cannot be written.
        WorkersError: other workers, or the Ray cluster, are lost.

    Example:
        model = preseason.fit("photos/", "players")
        model.predict("new.jpg")[0].label
    """
    refuse_lost_folder()
    chosen = recipe_from(recipe, Path(config) if config else None, settings)
    cache = cache_folder(chosen.cache)
    if is_data_set(data):
        named, rest = _columns_of(data, chosen)
        with labelled(data, cache, named) as found:
            return _fit(found, output, rest, progress, callbacks, ray)
    if isinstance(data, Dataset):
        return _fit(data, output, chosen, progress, callbacks, ray)
    root = opened(data, cache, columns_of(chosen))
    if isinstance(root, Dataset):
        chosen = _beyond_shards(chosen)
    return _fit(root, output, chosen, progress, callbacks, ray)


def _beyond_shards(recipe: Recipe) -> Recipe:
    """The recipe without the columns by which shards in a store were read."""
    rest = beyond_shards(columns_of(recipe))
    taken = {"path", "text", "label", "split"} | ({"group"} if rest.group != recipe.group else set())
    given = recipe.given - taken
    return replace(recipe, path=None, text=None, label=None, split=None, group=rest.group, given=given)


def _columns_of(data: Any, recipe: Recipe) -> tuple[Named, Recipe]:
    """The columns that the recipe names, and the recipe without them."""
    parts = data.values() if isinstance(data, dict) else (data,)
    group = recipe.group if all(recipe.group in (part.features or ()) for part in parts) else None
    named = Named(recipe.path or recipe.text, recipe.label, group, recipe.split)
    taken = {"path", "text", "label", "split"} | ({"group"} if group else set())
    kept = recipe.group if group is None else None
    given = recipe.given - taken
    rest = replace(recipe, path=None, text=None, label=None, split=None, group=kept, given=given)
    return named, rest


def _fit(
    root: Path | Dataset,
    output: str | Path | None,
    chosen: Recipe,
    progress: Progress | None,
    callbacks: Sequence[Callback],
    ray: str | None,
) -> TrainedModel:
    here = process_info()
    watched = Watched(progress or Silent(), callbacks)
    if ray is not None:
        if chosen.backbone.startswith(PREFIX):
            raise UsageError("--ray has no effect on a model that a hosted service trains: leave it out.")
        with ray_cluster.joined(ray, device_for(chosen.device)) as cluster:
            return _fit_written(root, output, chosen, watched, cluster)
    if here.size == 1:
        return _fit_written(root, output, chosen, watched)
    workers = Workers(here, cache_folder(chosen.cache) / "work")
    if here.rank == 0:
        with workers.led():
            return _fit_written(root, output, chosen, watched, workers)
    return _help_leader(root, output, chosen, workers)


def _fit_written(
    root: Path | Dataset,
    output: str | Path | None,
    recipe: Recipe,
    watched: Watched,
    workers: Workers | RayCluster | None = None,
) -> TrainedModel:
    """A model in its folder, or in its store when the fit is complete."""
    if output is None:
        return _fit_watched(root, None, recipe, watched, workers)
    with stored_at(output, cache_folder(recipe.cache)) as folder:
        return _fit_watched(root, folder, recipe, watched, workers)


def _fit_watched(
    root: Path | Dataset,
    folder: Path | None,
    recipe: Recipe,
    watched: Watched,
    workers: Workers | RayCluster | None = None,
) -> TrainedModel:
    if not watched.callbacks:
        return _fit_here(root, folder, recipe, watched.progress, workers)
    named = folder or (root.root if isinstance(root, Dataset) else root)
    with watched.fit(named.resolve().name, recipe.as_dict(), folder):
        model = _fit_here(root, folder, recipe, watched, workers)
        tell_results(watched, model)
    return model


def _fit_here(
    root: Path | Dataset,
    folder: Path | None,
    recipe: Recipe,
    progress: Progress,
    workers: Workers | RayCluster | None = None,
) -> TrainedModel:
    if not isinstance(root, Dataset) and holds_dialogues(root, recipe):
        return fit_chat(root, folder, recipe, progress, workers)
    return pipeline.run(root, folder, recipe, progress, workers)


def look(data: str | Path, recipe: Recipe, progress: Progress | None = None) -> tuple[Account, str]:
    """How a fit would read `data`, and why it could not learn from it; no network is loaded.

    Returns:
        The reading, and the reason as a sentence, empty where a fit can begin.

    Raises:
        UsageError: a setting names a column, task or layout that is not there.
        DataError: nothing usable is there, or it can be read in two ways.
    """
    columns = columns_of(recipe)
    root = opened(data, cache_folder(recipe.cache), columns)
    if isinstance(root, Dataset):
        columns = beyond_shards(columns)
    elif holds_dialogues(root, recipe):
        return account_of_corpus(root), ""
    audit = read_for(task_for(root, columns), root, progress, columns)
    try:
        problems.get(tasks.get(audit.task).problem).check(audit.dataset, audit.noun)
    except DataError as error:
        return audit.account, str(error)
    return audit.account, ""


def holds_dialogues(root: Path, recipe: Recipe) -> bool:
    """Whether a fit gives a model that talks: the user says so, or the data do."""
    if recipe.task == "auto":
        return recognises(root)
    return recipe.task == CHAT


def _help_leader(
    root: Path | Dataset, output: str | Path | None, recipe: Recipe, workers: Workers
) -> TrainedModel:
    """Help the worker that leads, and load what it wrote."""
    if output is None:
        raise UsageError("A fit by several workers needs a folder to write: name it (output, or -o).")

    def extractors() -> FeatureExtractors:
        return pipeline.extractors_for(recipe, task_for(root, columns_of(recipe)))

    assist(workers, recipe, extractors)
    return load(output, device=recipe.device, cache=recipe.cache)
