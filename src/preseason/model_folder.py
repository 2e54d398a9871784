"""The saved model: JSON and safetensors, written beside its place and moved there when complete.

preseason.json       manifest, written last: format, labels, recipe, metrics, versions, ways
heads.safetensors    tensors of the fitted heads
known.safetensors    vectors of the known examples
world.safetensors    what training looked like to the frozen network, to notice another world
backbone/            the pretrained network; timm opens it
finetuned/           the fine-tuned network, where blocks were trained; timm opens it
adapter/ tokenizer/  of a language model; model/ where the whole of it is kept (language/folder.py)
README.md            model card
report.html          what the fit found
"""

import json
import shutil
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preseason.errors import ModelFolderError
from preseason.model_values import record_values, way_values

if TYPE_CHECKING:
    from preseason.heads.base import State
    from preseason.model import Model
    from preseason.training.ways import Fitted

FORMAT = 1
MANIFEST, CARD, REPORT = "preseason.json", "README.md", "report.html"
HEADS, KNOWN, WORLD = "heads.safetensors", "known.safetensors", "world.safetensors"
BACKBONE, FINETUNED = "backbone", "finetuned"
ADAPTER, TOKENIZER, WHOLE = "adapter", "tokenizer", "model"
HOSTED = "hosted"
"""Key of the manifest of a model that lies with a service."""

OWN = {MANIFEST, HEADS, KNOWN, WORLD, CARD, REPORT, BACKBONE, FINETUNED, ADAPTER, TOKENIZER, WHOLE}


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


def replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new folder, then put it in the place of `folder`; what the user added stays.

    Raises:
        ModelFolderError: the folder cannot be written, or holds something that is no model.
    """
    folder = folder.absolute()
    refuse_other(folder)
    part = folder.parent / f".{folder.name}.{uuid.uuid4().hex[:8]}"
    try:
        part.mkdir(parents=True)
        write(part)
        _swap(part, folder)
    except OSError as error:
        raise ModelFolderError(
            f"The model cannot be written to {folder}: {error.strerror or error}. Free some space or name "
            "another folder; what was extracted and trained is kept."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def refuse_other(folder: Path) -> None:
    """Never replace a folder that holds other things than a model.

    Raises:
        ModelFolderError: `folder` is a file, or a folder with files and no manifest.
    """
    if folder.is_dir() and ((folder / MANIFEST).is_file() or not any(folder.iterdir())):
        return
    if folder.exists():
        raise ModelFolderError(
            f"{folder} is there and no model folder (it holds no {MANIFEST}): it will not be replaced. Name "
            "a new folder for the model.",
            code="PS-M04",
        )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a model folder.

    Raises:
        ModelFolderError: absent, damaged, or of a newer format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelFolderError(
            f"{folder} is no model folder: there is no {MANIFEST} in it. Name the folder that fit wrote.",
            code="PS-M02",
        )
    try:
        manifest = json.loads(path.read_text("utf-8"))
        number = manifest["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFolderError(f"{path} is damaged: {error}. Copy the folder again, or fit anew.") from error
    if number != FORMAT:
        raise ModelFolderError(
            f"{folder} has format {number}; this preseason reads format {FORMAT}. Update preseason.",
            code="PS-M03",
        )
    checked: dict[str, Any] = manifest
    return checked


def _write(model: "Model", part: Path) -> None:
    from safetensors.numpy import save_file

    from preseason.backbones.folder import backbone_facts, save_network

    backbone = model.bench.backbone
    save_network(backbone, part / BACKBONE)
    _write_finetuned(model, part / FINETUNED)
    states = [[member.state() for member in fitted.members] for fitted in model.predictor.ways]
    tensors = {
        f"{way}.{number}.{name}": np.ascontiguousarray(array)
        for way, members in enumerate(states)
        for number, state in enumerate(members)
        for name, array in state.arrays.items()
    }
    save_file(tensors, part / HEADS)
    save_file({k: np.ascontiguousarray(v) for k, v in model.known.state().items()}, part / KNOWN)
    world = _world_arrays(model)
    if world:
        save_file(world, part / WORLD)
    manifest = {
        "format": FORMAT,
        "task": model.task,
        "labels": list(model.labels),
        "backbone": backbone_facts(backbone),
        "predictor": {
            "kept": list(model.predictor.kept),
            "embedding": model.predictor.embedding,
            "temperature": model.predictor.temperature,
            "ways": [
                _fitted_values(fitted, members)
                for fitted, members in zip(model.predictor.ways, states, strict=True)
            ],
        },
        "known": {"columns": list(model.known.columns), "threshold": model.known.threshold},
        "world": list(model.world.labels) if world and model.world else None,
        "record": record_values(model.record),
        "metrics": asdict(model.record.metrics),
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
    (part / MANIFEST).write_text(text, "utf-8")


def _world_arrays(model: "Model") -> dict[str, Any]:
    """The sketch and the world as arrays; none where the model has none."""
    sketch, world = model.predictor.sketch, model.world
    if sketch is None or world is None:
        return {}
    how = {f"sketch.{name}": getattr(sketch, name) for name in ("mean", "deviation", "directions")}
    return {k: np.ascontiguousarray(v) for k, v in (how | world.state()).items()}


def finetuned(model: "Model") -> "Fitted | None":
    """The first way with trained blocks that is kept; None where there is none."""
    from preseason.heads.tail import TailHead

    for fitted in model.predictor.ways:
        if isinstance(fitted.members[0], TailHead) and fitted.way.name in model.predictor.kept:
            return fitted
    return None


def _write_finetuned(model: "Model", folder: Path) -> None:
    """The first fine-tuned member as a network of its own, with its classifier."""
    from preseason.backbones.folder import save_network

    fitted = finetuned(model)
    if fitted is not None:
        member: Any = fitted.members[0]
        labels = () if member.tail.frames else model.record.labels
        save_network(model.bench.backbone, folder, member.timm_tensors(), labels)


def _fitted_values(fitted: Any, members: "list[State]") -> dict[str, Any]:
    return {
        "way": way_values(fitted.way),
        "temperature": fitted.temperature,
        "members": [{"kind": state.kind, "settings": state.settings} for state in members],
    }


def _keep_pages(old: Path, new: Path) -> None:
    """A changed model keeps its report and card until a fit writes new ones."""
    for name in (CARD, REPORT):
        if (old / name).is_file() and not (new / name).exists():
            shutil.copy2(old / name, new / name)


def _swap(part: Path, folder: Path) -> None:
    if not folder.exists():
        part.rename(folder)
        return
    old = folder.parent / f".{folder.name}.old-{uuid.uuid4().hex[:8]}"
    folder.rename(old)
    try:
        part.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    _keep_foreign(old, folder)
    shutil.rmtree(old, ignore_errors=True)


def _keep_foreign(old: Path, new: Path) -> None:
    """Files that the user put into the model folder stay in it."""
    for path in old.iterdir():
        if path.name not in OWN and not (new / path.name).exists():
            path.rename(new / path.name)
