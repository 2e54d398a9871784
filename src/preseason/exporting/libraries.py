"""The adapted network as timm or transformers opens it: configuration, weights, labels and a page.

What travels is one network: the fine-tuned one with its classifier, where blocks were trained, else the
pretrained one without any. Closer looks, attention, several members, strangers and added classes stay behind.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from preseason.backbones.folder import save_network
from preseason.backbones.libraries.transformers_clips import quiet
from preseason.backbones.library import CONFIG
from preseason.backbones.library import libraries as networks
from preseason.errors import ExportError
from preseason.exporting import pages
from preseason.heads.tail import TailHead
from preseason.inference.candidates import Fitted
from preseason.models.classifier import Model
from preseason.models.saving import finetuned

NEAR = 1e-3
"""Largest difference of a value of the vectors that the opened network may give, relative to the largest."""


@dataclass(frozen=True)
class Written:
    """A network in a folder.

    Attributes:
        labels: of its classifier, in order; empty where it has none.
        left: what of the model's answer it does not say, in words.
    """

    labels: tuple[str, ...]
    left: tuple[str, ...]


def write(part: Path, model: "Model", to: str) -> Written:
    """Write the network's files, and a page of how to load it.

    Raises:
        ExportError: `to` does not open networks of this kind.
    """
    backbone = model.extractors.backbone.loaded()
    _refuse_library(model, to)
    tuned = finetuned(model)
    labels = _labels(model, tuned)
    save_network(backbone, part, _tensors(model, tuned), labels)
    _adjust(part, model, tuned, labels)
    written = Written(labels, tuple(uncarried(model)))
    (part / "README.md").write_text(pages.readme(model, to, written.labels, written.left), "utf-8")
    return written


def uncarried(model: "Model") -> list[str]:
    """What of the model's answer one network and its classifier cannot say, in words; empty where nothing."""
    kept = [fitted for fitted in model.predictor.candidates if fitted.candidate.name in model.predictor.kept]
    names = ", ".join(fitted.candidate.name for fitted in kept)
    left = [f"the average over {len(kept)} candidates ({names})"] if len(kept) > 1 else []
    for fitted in kept:
        if not isinstance(fitted.fold_models[0], TailHead):
            left.append(f"{fitted.candidate.name}: {_head(fitted)}")
        elif fitted.candidate.crops_from is not None:
            left.append(f"{fitted.candidate.name}: attention crops")
        if len(fitted.fold_models) > 1:
            left.append(f"{fitted.candidate.name}: the average over {len(fitted.fold_models)} fold models")
    if len(model.labels) > len(model.record.labels):
        left.append("classes that were added later")
    if (
        kept
        and not _labels(model, finetuned(model))
        and all(isinstance(f.fold_models[0], TailHead) for f in kept)
    ):
        left.append(f"the classifier for {model.task}")
    return left


def refuse_uncarried(left: tuple[str, ...], to: str, allowed: bool, graphs: bool) -> None:
    """Raise ExportError where a part of the answer stays behind and that is not allowed."""
    if not left or allowed:
        return
    whole = " `--to onnx` carries all of it." if graphs else ""
    raise ExportError(
        (
            f"{to} cannot hold this model's answer: it would leave out {'; '.join(left)}. Only the "
            "network and, where blocks were trained, its classifier are exported. Write these with "
            f"--no-strict.{whole}"
        ),
        code="PS-E03",
    )


def opened(folder: Path, to: str) -> Callable[[bytes], Tensor]:
    """The classifier in a folder as its library opens it: a photo's file to probabilities [classes]."""
    from PIL import Image, ImageOps

    network, prepared = _timm(folder) if to == "timm" else _transformers(folder)

    @torch.inference_mode()
    def judge(data: bytes) -> Tensor:
        photo = ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")
        found: Tensor = network(prepared(photo)).softmax(1)[0]
        return found

    return judge


@dataclass(frozen=True)
class Judge:
    """An opened classifier, asked as a runner is; it takes nobody for a stranger."""

    classify: Callable[[bytes], Tensor]
    columns: tuple[int, ...]
    classes: int

    def judge(self, data: bytes) -> "tuple[np.ndarray[Any, Any], float]":
        """Probabilities float32 [classes], 0 for those added later, and no distance."""
        chances = np.zeros(self.classes, np.float32)
        own = self.classify(data).numpy()[list(self.columns)]
        chances[: len(own)] = own
        return chances, -np.inf


def check_vectors(folder: Path, model: "Model", to: str) -> None:
    """Compare the opened network's vectors with the model's own.

    Raises:
        ExportError: they differ, or the folder cannot be opened.
    """
    backbone = model.extractors.backbone.loaded()
    if finetuned(model) is not None or backbone.library != "timm":
        return
    blank = torch.rand(backbone.blank().shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = backbone(blank)
        network = _timm(folder)[0] if to == "timm" else _transformers_vectors(folder)
        gone = float((network(blank).flatten(1) - expected).abs().max() / expected.abs().max())
    if gone > NEAR:
        raise ExportError(
            f"{to} loads the folder as another network: vectors differ by {gone:.2g} of the largest."
        )


def _refuse_library(model: "Model", to: str) -> None:
    backbone = model.extractors.backbone.loaded()
    opened_by = networks.get(backbone.library).opened_by
    if to not in opened_by:
        others = " and ".join(opened_by) or f"{backbone.library} alone"
        raise ExportError(f"{to} does not open {backbone.name}: it is opened by {others}.")


def _labels(model: "Model", tuned: "Fitted | None") -> tuple[str, ...]:
    """Names of the classifier that the network has; none where it has none."""
    head: Any = None if tuned is None else tuned.fold_models[0]
    return tuple(model.record.labels) if head is not None and head.classifier_prefix else ()


def _tensors(model: "Model", tuned: "Fitted | None") -> dict[str, Tensor] | None:
    """Tensors under the library's names: fine-tuned and calibrated, or the pretrained ones' own."""
    backbone = model.extractors.backbone.loaded()
    fold_model: Any = None if tuned is None else tuned.fold_models[0]
    tensors = dict(backbone.network.state_dict() if fold_model is None else fold_model.timm_tensors())
    if backbone.library != "timm":
        return tensors
    prefix = f"{backbone.network.pretrained_cfg['classifier']}."  # type: ignore[index]
    if tuned is None or not _labels(model, tuned):
        return {key: value for key, value in tensors.items() if not key.startswith(prefix)}
    temperature = tuned.temperature * model.predictor.temperature
    return {key: value / temperature if key.startswith(prefix) else value for key, value in tensors.items()}


def _adjust(part: Path, model: "Model", tuned: "Fitted | None", labels: tuple[str, ...]) -> None:
    """Tell timm how a photo is prepared here: the whole of it as one square, at the size it was tuned at."""
    backbone = model.extractors.backbone.loaded()
    if backbone.library != "timm":
        return
    config = json.loads((part / CONFIG).read_text("utf-8"))
    size = backbone.preprocessing.size if tuned is None else tuned.candidate.spec.size
    square = {"input_size": [3, size, size], "crop_pct": 1.0, "crop_mode": "squash"}
    config["pretrained_cfg"] |= square | {"num_classes": len(labels)}
    config["num_classes"] = len(labels)
    (part / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False), "utf-8")


def _head(fitted: "Fitted") -> str:
    if fitted.candidate.head == "attention":
        return "attention over parts"
    return f"a {fitted.candidate.head} head, which reads every block"


def _timm(folder: Path) -> tuple[Any, Callable[[Any], Tensor]]:
    import timm

    data: Any = timm.data
    network = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    transform = data.create_transform(**data.resolve_model_data_config(network))
    return network, lambda photo: transform(photo)[None]


def _transformers(folder: Path) -> tuple[Any, Callable[[Any], Tensor]]:
    import transformers

    library: Any = transformers
    with quiet(library):
        network = library.AutoModelForImageClassification.from_pretrained(folder).eval()
        processor = library.AutoImageProcessor.from_pretrained(folder)
    return lambda pixels: network(pixels).logits, lambda photo: processor(photo)["pixel_values"]


def _transformers_vectors(folder: Path) -> Callable[[Tensor], Tensor]:
    import transformers

    library: Any = transformers
    with quiet(library):
        network = library.AutoModel.from_pretrained(folder).eval()
    return lambda pixels: network(pixels).pooler_output
