"""A saved model folder back into a model; nothing in the folder is run as code."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

from numpy.typing import NDArray

from preseason.backbones.folder import load_network
from preseason.engine.networks import device_for
from preseason.errors import DeviceMemoryError, ModelFolderError, UsageError, device_is_full
from preseason.inference.head import State, restore
from preseason.language.hosted_model import load_hosted
from preseason.language.loading import load as load_chat
from preseason.language.talking import TalkingModel
from preseason.models.classifier import Model
from preseason.models.manifest import candidate_from, record_from, upgraded
from preseason.openset.drift import ReferenceDistribution, Sketch
from preseason.openset.reference_set import ReferenceSet
from preseason.problems.base import problems
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Progress
from preseason.storage import BACKBONE, HEADS, HOSTED, KNOWN, MANIFEST, WORLD, read_manifest
from preseason.tasks.base import tasks
from preseason.trained_model import CLASSIFIES, TALKS, TrainedModel
from preseason.training.candidates import Fitted
from preseason.training.predictor import FeatureExtractors, Predictor


def load(
    folder: str | Path, *, progress: Progress | None = None, device: str = "auto", cache: str | None = None
) -> TrainedModel:
    """The model saved in `folder`; nothing in it is run as code.

    Raises:
        ModelFolderError: it is no model folder, a file is missing or damaged, or the format is newer.
    """
    place = Path(folder)
    manifest = upgraded(read_manifest(place))
    chosen = device_for(device)
    if HOSTED in manifest:
        return load_hosted(place, manifest[HOSTED], cache_folder(cache))
    if manifest.get("task") == "chat":
        return load_chat(place, manifest, cache_folder(cache), chosen, progress)
    try:
        backbone = load_network(place / BACKBONE, manifest["backbone"])
        job = tasks.get(manifest["task"])
        extractors = FeatureExtractors(backbone, job.decoder(backbone), cache_folder(cache), chosen)
        predictor = _predictor(place, manifest, backbone)
        sketch, reference_distribution = _reference_distribution(place, manifest)
        predictor = replace(predictor, sketch=sketch)
        known, record = _known(place, manifest), record_from(manifest["record"], problems.get(job.problem))
        return Model(job, extractors, predictor, known, record, reference_distribution)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, UsageError) as error:
        if device_is_full(error):
            raise DeviceMemoryError from error
        raise ModelFolderError(
            f"{place} cannot be loaded: {MANIFEST} and the files beside it do not fit together ({error!r}). "
            "Copy the whole folder again, or fit anew."
        ) from error


def classifies(model: TrainedModel) -> TypeGuard[Model]:
    """Whether the model names what it is shown."""
    return CLASSIFIES in model.capabilities


def talks(model: TrainedModel) -> TypeGuard[TalkingModel]:
    """Whether the model answers in words of its own."""
    return TALKS in model.capabilities


def classifier(model: TrainedModel, verb: str) -> Model:
    """The model where it is one that sorts into labels.

    Raises:
        UsageError: it is a model that talks.
    """
    if not classifies(model):
        raise UsageError(f"This model talks: {verb} needs one of labelled examples.")
    return model


def _predictor(folder: Path, manifest: dict[str, Any], backbone: Any) -> Any:
    tensors = _arrays(folder / HEADS)
    values = manifest["predictor"]
    candidates = []
    for index, fitted in enumerate(values["candidates"]):
        states = [
            State(fold_model["kind"], dict(_below(tensors, f"{index}.{number}.")), fold_model["settings"])
            for number, fold_model in enumerate(fitted["fold_models"])
        ]
        heads = tuple(restore(state, backbone) for state in states)
        candidates.append(Fitted(candidate_from(fitted["candidate"]), heads, fitted["temperature"]))
    return Predictor(tuple(candidates), tuple(values["kept"]), values["embedding"], values["temperature"])


def _known(folder: Path, manifest: dict[str, Any]) -> Any:
    values = manifest["known"]
    arrays = _arrays(folder / KNOWN)
    labels = tuple(manifest["labels"])
    return ReferenceSet.from_state(arrays, labels, tuple(values["columns"]), values["threshold"])


def _reference_distribution(folder: Path, manifest: dict[str, Any]) -> tuple[Any, Any]:
    """The sketch and the world; neither in models of before they were kept."""
    labels = manifest.get("world")
    if labels is None:
        return None, None
    arrays = _arrays(folder / WORLD)
    sketch = {key: value for key, value in arrays.items() if key.startswith("sketch.")}
    own = {key: value for key, value in arrays.items() if key not in sketch}
    return Sketch(**dict(_below(sketch, "sketch."))), ReferenceDistribution(tuple(labels), **own)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays: dict[str, NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFolderError(
            f"{path} cannot be read: {error}. Copy the folder again, or fit anew."
        ) from error
    return arrays


def _below(tensors: dict[str, NDArray[Any]], prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, array in tensors.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), array
