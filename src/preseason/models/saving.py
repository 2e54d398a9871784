"""A classifier as a model folder: JSON and safetensors, never code."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preseason import backbones
from preseason.inference.head import FineTuned
from preseason.models.manifest import candidate_values, record_values
from preseason.storage import (
    BACKBONE,
    CARD,
    FINETUNED,
    FORMAT,
    FURTHER,
    HEADS,
    KNOWN,
    MANIFEST,
    REPORT,
    WORLD,
    replace_folder,
)

if TYPE_CHECKING:
    from preseason.inference.candidates import Fitted
    from preseason.inference.head import State
    from preseason.models.classifier import Model


def save(model: "Model", folder: Path, pages: Callable[[Path], None] | None = None) -> None:
    """Write `model` to `folder`; what was there is replaced when the new one is complete.

    Args:
        pages: writes card and report into the folder it is given; without it those there are kept.

    Raises:
        ModelFolderError: the folder cannot be written, or holds something that is no model.
    """

    def write(part: Path) -> None:
        if pages is not None:
            pages(part)
        elif folder.exists():
            _keep_pages(folder, part)
        _write(model, part)

    replace_folder(folder, write)


def _write(model: "Model", part: Path) -> None:
    from safetensors.numpy import save_file

    backbone = model.extractors.backbone
    backbone.save(part / BACKBONE)
    for number, each in enumerate(model.extractors.others.values()):
        each.backbone.save(part / f"{FURTHER}{number + 2}")
    _write_finetuned(model, part / FINETUNED)
    states = [
        [fold_model.state() for fold_model in fitted.fold_models] for fitted in model.predictor.candidates
    ]
    tensors = {
        f"{candidate}.{number}.{name}": np.ascontiguousarray(array)
        for candidate, fold_models in enumerate(states)
        for number, state in enumerate(fold_models)
        for name, array in state.arrays.items()
    }
    save_file(tensors, part / HEADS)
    save_file({k: np.ascontiguousarray(v) for k, v in model.known.state().items()}, part / KNOWN)
    reference_distribution = _distribution_arrays(model)
    if reference_distribution:
        save_file(reference_distribution, part / WORLD)
    manifest = {
        "format": FORMAT,
        "task": model.task,
        "labels": list(model.labels),
        "backbone": backbone.facts(),
        "networks": [each.backbone.facts() for each in model.extractors.others.values()],
        "predictor": {
            "kept": list(model.predictor.kept),
            "embedding": model.predictor.embedding,
            "temperature": model.predictor.temperature,
            "weights": list(model.predictor.weights),
            "candidates": [
                _fitted_values(fitted, fold_models)
                for fitted, fold_models in zip(model.predictor.candidates, states, strict=True)
            ],
        },
        "known": {"columns": list(model.known.columns), "threshold": model.known.threshold},
        "world": list(model.reference_distribution.labels)
        if reference_distribution and model.reference_distribution
        else None,
        "record": record_values(model.record),
        "metrics": model.problem.values(model.record.metrics),
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
    # Bytes of names that are no text: an escape of JSON, so that they are read back as they were.
    (part / MANIFEST).write_bytes(text.encode("utf-8", "backslashreplace"))


def _distribution_arrays(model: "Model") -> dict[str, Any]:
    """The sketch and the world as arrays; none where the model has none."""
    sketch, reference_distribution = model.predictor.sketch, model.reference_distribution
    if sketch is None or reference_distribution is None:
        return {}
    how = {f"sketch.{name}": getattr(sketch, name) for name in ("mean", "deviation", "directions")}
    return {k: np.ascontiguousarray(v) for k, v in (how | reference_distribution.state()).items()}


def finetuned(model: "Model") -> "Fitted | None":
    """The first way with trained blocks that is kept; None where there is none."""
    for fitted in model.predictor.candidates:
        if isinstance(fitted.fold_models[0], FineTuned) and fitted.candidate.name in model.predictor.kept:
            return fitted
    return None


def _write_finetuned(model: "Model", folder: Path) -> None:
    """The first fine-tuned member as a network of its own, with its classifier."""
    fitted = finetuned(model)
    if fitted is not None:
        fold_model: Any = fitted.fold_models[0]
        labels = model.record.labels if fold_model.classifier_prefix else ()
        backbones.save_network(model.extractors.backbone.loaded(), folder, fold_model.timm_tensors(), labels)


def _fitted_values(fitted: Any, fold_models: "list[State]") -> dict[str, Any]:
    return {
        "candidate": candidate_values(fitted.candidate),
        "temperature": fitted.temperature,
        "fold_models": [{"kind": state.kind, "settings": state.settings} for state in fold_models],
    }


def _keep_pages(old: Path, new: Path) -> None:
    """A changed model keeps its report and card until a fit writes new ones."""
    for name in (CARD, REPORT):
        if (old / name).is_file() and not (new / name).exists():
            shutil.copy2(old / name, new / name)
