"""A model of labelled examples, from its folder."""

from pathlib import Path
from typing import Any

from preseason.backbones.facts import BackboneSource
from preseason.backbones.saved import SavedBackbone
from preseason.errors import DeviceMemoryError, ModelFolderError, UsageError, device_is_full
from preseason.inference.candidates import Fitted
from preseason.inference.head import State, restore
from preseason.inference.predictor import FeatureExtractors, Predictor
from preseason.inference.sketch import Sketch
from preseason.models.arrays import below, read_arrays
from preseason.models.classifier import Model
from preseason.models.loading import Where, kinds
from preseason.models.manifest import candidate_from, record_from, upgraded
from preseason.openset.drift import ReferenceDistribution
from preseason.openset.reference_set import ReferenceSet
from preseason.problems.base import problems
from preseason.storage import BACKBONE, FURTHER, HEADS, KNOWN, MANIFEST, WORLD
from preseason.tasks.base import Task, tasks
from preseason.tasks.companions import companions


def open_classifier(place: Path, manifest: dict[str, Any], where: Where) -> Model:
    """The model in a folder.

    Raises:
        ModelFolderError: a file is missing or damaged.
    """
    try:
        return _opened(place, upgraded(manifest), where)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, UsageError) as error:
        if device_is_full(error):
            raise DeviceMemoryError from error
        raise ModelFolderError(
            f"{place} cannot be loaded: {MANIFEST} and the files beside it do not fit together ({error!r}). "
            "Copy the whole folder again, or fit anew."
        ) from error


def _opened(place: Path, manifest: dict[str, Any], where: Where) -> Model:
    backbone = SavedBackbone(place / BACKBONE, manifest["backbone"])
    job = tasks.get(manifest["task"])
    others = [
        _further(place, number, facts, job, where)
        for number, facts in enumerate(manifest.get("networks", ()))
    ]
    extractors = FeatureExtractors(backbone, job.decoder(backbone), where.cache, where.device, others=others)
    sketch, reference_distribution = _reference_distribution(place, manifest)
    predictor = _predictor(place, manifest, extractors, sketch)
    known, record = _known(place, manifest), record_from(manifest["record"], problems.get(job.problem))
    return Model(job, extractors, predictor, known, record, reference_distribution)


def _further(place: Path, number: int, facts: dict[str, Any], job: Task, where: Where) -> FeatureExtractors:
    """A network that is read beside the first: a companion by its name, else out of the folder."""
    source: BackboneSource
    if facts.get("companion"):
        companion = companions.get(facts["name"])
        source, decoder = companion.source(facts["weights_id"]), companion.decoder()
    else:
        source = SavedBackbone(place / f"{FURTHER}{number + 2}", facts)
        decoder = job.decoder(source)
    return FeatureExtractors(source, decoder, where.cache, where.device)


def _predictor(
    folder: Path, manifest: dict[str, Any], extractors: FeatureExtractors, sketch: Sketch | None
) -> Predictor:
    tensors = read_arrays(folder / HEADS)
    values = manifest["predictor"]
    candidates = []
    for index, fitted in enumerate(values["candidates"]):
        states = [
            State(fold_model["kind"], dict(below(tensors, f"{index}.{number}.")), fold_model["settings"])
            for number, fold_model in enumerate(fitted["fold_models"])
        ]
        candidate = candidate_from(fitted["candidate"])
        backbone = extractors.of(candidate).backbone
        heads = tuple(restore(state, backbone, extractors.device) for state in states)
        candidates.append(Fitted(candidate, heads, fitted["temperature"]))
    weights = tuple(float(weight) for weight in values.get("weights", ()))
    kept, embedding, temperature = tuple(values["kept"]), values["embedding"], values["temperature"]
    return Predictor(tuple(candidates), kept, embedding, temperature, sketch, weights)


def _known(folder: Path, manifest: dict[str, Any]) -> ReferenceSet:
    values = manifest["known"]
    arrays = read_arrays(folder / KNOWN)
    labels = tuple(manifest["labels"])
    return ReferenceSet.from_state(arrays, labels, tuple(values["columns"]), values["threshold"])


def _reference_distribution(
    folder: Path, manifest: dict[str, Any]
) -> tuple[Sketch | None, ReferenceDistribution | None]:
    """The sketch and the world; neither in models of before they were kept."""
    labels = manifest.get("world")
    if labels is None:
        return None, None
    arrays = read_arrays(folder / WORLD)
    sketch = {key: value for key, value in arrays.items() if key.startswith("sketch.")}
    own = {key: value for key, value in arrays.items() if key not in sketch}
    return Sketch(**dict(below(sketch, "sketch."))), ReferenceDistribution(tuple(labels), **own)


kinds.add("classifier", open_classifier)
