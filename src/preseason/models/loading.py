"""A saved model folder back into a model; nothing in the folder is run as code."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from preseason.engine.forks import refuse_fork
from preseason.engine.networks import device_for
from preseason.errors import UsageError
from preseason.errors.surroundings import refuse_lost_folder
from preseason.models.classifier import Model
from preseason.models.detector import Detector
from preseason.models.hub import fetch, is_on_hub
from preseason.registry import Registry
from preseason.runtime.addresses import address_of, is_address
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Progress
from preseason.storage import HOSTED, VERSION, read_manifest
from preseason.stores.models import model_here, version_in
from preseason.trained_model import CLASSIFIES, FINDS, TALKS, TrainedModel

if TYPE_CHECKING:
    from preseason.language.talking import TalkingModel


@dataclass(frozen=True)
class Where:
    """Where a model runs: the folder of what is computed once, `cpu` or `cuda`, and who is told of it."""

    cache: Path
    device: str
    progress: Progress | None


kinds = Registry[Callable[[Path, dict[str, Any], Where], TrainedModel]](
    "kind of model", "preseason.models.kinds"
)
"""By kind, what opens a folder with the manifest that was read."""


def load(
    folder: str | Path, *, progress: Progress | None = None, device: str = "auto", cache: str | None = None
) -> TrainedModel:
    """Load a model from its folder; loading never runs code from it.

    Args:
        folder: the model folder, its address in a store (`s3://bucket/players`), or `hf://USER/NAME` for one
            on the Hugging Face hub.

    Raises:
        UsageError: the current folder is gone, or the process was forked from one that had computed.
        ModelFolderError: it is no model folder, a file is missing or damaged, or the format is newer.
        WeightsError: it lies on the hub, which cannot be reached, and was never fetched.
    """
    refuse_lost_folder()
    refuse_fork()
    at = cache_folder(cache)
    place = folder_of(folder, at)
    manifest = read_manifest(place)
    if VERSION in manifest:  # what a store holds, copied by hand
        place = version_in(place, manifest)
        manifest = read_manifest(place)
    where = Where(at, device_for(device), progress)
    return kinds.get(_kind(manifest))(place, manifest, where)


def folder_of(model: str | Path, cache: Path) -> Path:
    """The folder of a model: its own, or the copy of one on the hub or in a store.

    Raises:
        WeightsError, DataError: the hub or the store cannot be reached.
        ModelFolderError: no model lies there.
    """
    if not is_address(model):
        return Path(model)
    address = address_of(model)
    return fetch(address) if is_on_hub(address) else model_here(address, cache)


def _kind(manifest: dict[str, Any]) -> str:
    """What the folder says that it is; folders that say nothing are of the first three kinds."""
    if HOSTED in manifest:
        return "hosted"
    usual = "chat" if manifest.get("task") == "chat" else "classifier"
    return str(manifest.get("kind", usual))


def classifies(model: TrainedModel) -> TypeGuard[Model]:
    """Whether the model names what it is shown."""
    return CLASSIFIES in model.capabilities


def finds(model: TrainedModel) -> TypeGuard[Detector]:
    """Whether the model finds things on pictures."""
    return FINDS in model.capabilities


def talks(model: TrainedModel) -> "TypeGuard[TalkingModel]":
    """Whether the model answers in words of its own."""
    return TALKS in model.capabilities


def classifier(model: TrainedModel, verb: str) -> Model:
    """The model where it is one that sorts into labels.

    Raises:
        UsageError: it is a model that talks, or that finds things.
    """
    if not classifies(model):
        kind = "a chat model" if talks(model) else "a detection model"
        raise UsageError(f"`{verb}` needs a classifier; this is {kind}.")
    return model
