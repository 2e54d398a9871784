"""Detectors that transformers defines: by name from the hub, or from a folder on disk."""

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from preseason.backbones.base import Backbone
from preseason.backbones.catalogue import DETECTORS
from preseason.backbones.detectors import LIBRARY, DetectorBackbone
from preseason.backbones.encoders import model_type, quiet
from preseason.backbones.facts import Preprocessing
from preseason.backbones.library import CONFIG, WEIGHTS, Tensors, libraries, write_as_transformers
from preseason.backbones.transformers_hub import INDEX, INPUT, folder_of, is_among
from preseason.errors import UsageError, WeightsError, first_line
from preseason.errors.packages import require

BEGINNINGS = ("rf-detr", "rfdetr", "dfine", "d-fine", "deimv2", "rtdetr_v2", "rtdetrv2", "lwdetr", "lw-detr")
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
UNFREE = ("rf-detr-xl", "rf-detr-2xl", "rf-detr-xxl")
"""Beginnings of names whose weights are under the Platform Model Licence."""


@dataclass(frozen=True)
class Kind:
    """One model type of transformers.

    Attributes:
        class_name: of the network with its heads.
        colours: mean and deviation of each RGB channel where the checkpoint tells none.
    """

    class_name: str
    colours: tuple[tuple[float, float, float], tuple[float, float, float]]


KINDS = {
    "rf_detr": Kind("RfDetrForObjectDetection", IMAGENET),
    "d_fine": Kind("DFineForObjectDetection", PLAIN),
    "deimv2": Kind("Deimv2ForObjectDetection", PLAIN),
    "rt_detr_v2": Kind("RTDetrV2ForObjectDetection", PLAIN),
    "lw_detr": Kind("LwDetrForObjectDetection", IMAGENET),
}
"""The name of a type is that of its module, too."""


class TransformersDetectors:
    """The library `transformers_detectors`."""

    rank = 46
    opened_by: tuple[str, ...] = ()

    def names(self) -> Sequence[str]:
        """Well-known names of the hub."""
        return [each.name for each in DETECTORS]

    def knows(self, name: str, weights: str | None = None) -> bool:
        """Whether it is such a folder, one in the hub's cache, or a name that begins as theirs do."""
        return name in self.names() or is_among(name, weights, KINDS, BEGINNINGS)

    def load(self, name: str, weights: str | None) -> DetectorBackbone:
        """The detector `name`; `weights` is a folder to take it from instead.

        Raises:
            MissingPackageError: transformers is not installed.
            UsageError: its weights may not be used freely.
            WeightsError: the weights are not on this machine, or do not fit.
        """
        require(f"--backbone {name}", "transformers")
        if name.rpartition("/")[2].lower().startswith(UNFREE):
            raise UsageError(
                f"{name} is under Roboflow's Platform Model Licence, not a free one, and is not loaded. "
                "Roboflow/rf-detr-large and the smaller ones are under Apache-2.0."
            )
        folder = folder_of(name, weights)
        known = next((each.licence for each in DETECTORS if each.name == name), None)
        own = Path(name).name if Path(name).is_dir() else name
        return from_folder(folder, own, known or "unknown")

    def architecture(self, network: nn.Module) -> str:
        """transformers' name of the class."""
        return type(network).__name__

    def save(self, backbone: Backbone, folder: Path, tensors: Tensors, labels: tuple[str, ...]) -> None:
        """Write the network as transformers does, with what tells how pictures are fed."""
        assert isinstance(backbone, DetectorBackbone)
        write_as_transformers(backbone.network, tensors, backbone.files, folder)

    def restore(self, folder: Path, facts: Mapping[str, Any]) -> DetectorBackbone:
        """The network that `save` wrote."""
        return from_folder(folder, facts["name"], facts["licence"])

    def random_copy(self, backbone: Backbone) -> DetectorBackbone:
        """The same network with random weights."""
        assert isinstance(backbone, DetectorBackbone)
        own: Any = backbone.network
        with quiet():
            network = type(own)(own.config).float()
        name = f"{backbone.name} with random weights"
        return DetectorBackbone(name, network, backbone.preprocessing, "none", backbone.files)


def from_folder(folder: Path, name: str, licence: str) -> DetectorBackbone:
    """The detector in a folder that transformers wrote; safetensors alone are read, no code is run.

    Raises:
        WeightsError: a file is absent, or is of another network.
    """
    kind = KINDS.get(model_type(folder) or "")
    if kind is None:
        raise WeightsError(
            f"{folder} holds no detector that is known here. Expected {CONFIG} whose model_type is one of "
            f"{', '.join(KINDS)}, and {WEIGHTS}, as saved by save_pretrained of transformers."
        )
    if not any((folder / each).is_file() for each in (WEIGHTS, INDEX)):
        raise WeightsError(_unsafe(name, kind), code="PS-W02")
    network = _network(folder, kind)
    files = {INPUT: (folder / INPUT).read_bytes()} if (folder / INPUT).is_file() else {}
    return DetectorBackbone(name, network, _preprocessing(folder, kind, network.config), licence, files)


def _network(folder: Path, kind: Kind) -> Any:
    own = model_type(folder)
    module = importlib.import_module(f"transformers.models.{own}.modeling_{own}")
    wanted = getattr(module, kind.class_name)
    try:
        with quiet():
            network, report = wanted.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:
        raise WeightsError(
            f"{folder} cannot be loaded as {kind.class_name}: {first_line(error)}. Expected {CONFIG} and "
            f"{WEIGHTS}."
        ) from error
    missing = [key for key in report["missing_keys"] if not key.endswith("num_batches_tracked")]
    if missing:
        raise WeightsError(
            f"{folder} does not hold the whole {kind.class_name}: {len(missing)} tensors are absent, e.g. "
            f"{sorted(missing)[0]}. Copy the folder again."
        )
    return network


def _preprocessing(folder: Path, kind: Kind, config: Any) -> Preprocessing:
    """How pictures are fed, from what the checkpoint says and the usual values of its type."""
    try:
        given: dict[str, Any] = json.loads((folder / INPUT).read_text("utf-8"))
    except (OSError, ValueError):
        given = {}
    mean, std = kind.colours
    if "do_normalize" in given:
        own = given["do_normalize"]
        mean = _three(given.get("image_mean", mean)) if own else PLAIN[0]
        std = _three(given.get("image_std", std)) if own else PLAIN[1]
    size = given.get("size") or {}
    side = int(size.get("height") or size.get("longest_edge") or _usual_side(config))
    return Preprocessing(side, mean, std, resizable=False)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _usual_side(config: Any) -> int:
    if config.model_type == "rf_detr":
        return int(config.backbone_config.image_size)
    return 640


def _unsafe(name: str, kind: Kind) -> str:
    return (
        f"{name} has no {WEIGHTS}, and other files of weights can hold code, which is not run here. Convert "
        f"it where you trust it: transformers.{kind.class_name}.from_pretrained({name!r})"
        f".save_pretrained('FOLDER'), copy {INPUT} beside it, and pass --backbone FOLDER."
    )


libraries.add(LIBRARY, TransformersDetectors())
