"""Fitting a language model, and its folder with card and report."""

import shutil
from dataclasses import replace
from pathlib import Path

from preseason.distributed.ray_cluster import RayCluster
from preseason.distributed.workers import Workers
from preseason.errors.packages import require
from preseason.language.folder import save
from preseason.language.hosted_fit import fit_hosted
from preseason.language.hosted_model import PREFIX, HostedModel
from preseason.language.pipeline import ChatFit
from preseason.recipe import Recipe
from preseason.report.chat import write_chat_report
from preseason.report.chat_card import write_chat_card
from preseason.runtime.progress import Progress
from preseason.storage import CARD, REPORT
from preseason.trained_model import TrainedModel


def fit_chat(
    root: Path,
    output: Path | None,
    recipe: Recipe,
    progress: Progress,
    workers: Workers | RayCluster | None = None,
) -> TrainedModel:
    """Fine-tune a language model on dialogues or texts.

    Args:
        output: model folder to write; None keeps the model in memory.
        workers: those that share the training; None where this process is alone.

    Raises:
        UsageError: a setting does not fit a language model.
        DataError: nothing can be learnt from the data.
        MissingPackageError: what language models need is not installed.
        WeightsError: the base model is not on this machine.
    """
    if recipe.backbone.startswith(PREFIX):
        return _fit_hosted(root, output, recipe, progress)
    require("A chat model", "transformers", "tokenizers", "peft")
    fit = ChatFit(recipe, progress, workers)
    fitted = fit.run(root)
    record = fitted.model.record

    def pages(part: Path) -> None:
        write_chat_card(record, part / CARD, output.name if output else "model")
        write_chat_report(record, part / REPORT)

    if output is not None:
        # A base that was named by a folder of this machine cannot be found by name on another.
        whole = recipe.merge or recipe.weights is not None or Path(recipe.backbone).is_dir()
        with fit.watch.stage("report and saving"):
            save(fitted.model, output, None if whole else fitted.adapter, pages)
    shutil.rmtree(fitted.checkpoints, ignore_errors=True)
    return replace(fitted.model, record=replace(record, seconds=dict(fit.watch.seconds)))


def _fit_hosted(root: Path, output: Path | None, recipe: Recipe, progress: Progress) -> HostedModel:
    model = fit_hosted(root, recipe, progress)
    if output is not None:
        model.save(output)
    return model
