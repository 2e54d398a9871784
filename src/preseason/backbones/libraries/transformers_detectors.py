"""Detectors that transformers defines: by name from the hub, or from a folder on disk."""

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preseason.backbones.base import Backbone
from preseason.backbones.catalogue import DETECTORS
from preseason.backbones.detectors import LIBRARY, DetectorBackbone
from preseason.backbones.encoders import model_type, quiet
from preseason.backbones.facts import Preprocessing
from preseason.backbones.library import CONFIG, WEIGHTS, libraries
from preseason.backbones.transformers_hub import INPUT, HubLibrary, opened, refuse_without_weights
from preseason.errors import UsageError, WeightsError
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


class TransformersDetectors(HubLibrary):
    """The library `transformers_detectors`."""

    rank = 46
    listed, kinds, beginnings = DETECTORS, KINDS, BEGINNINGS

    def load(self, name: str, weights: str | None) -> DetectorBackbone:
        """As any such library, but for weights that may not be used freely.

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
        found: DetectorBackbone = super().load(name, weights)
        return found

    def from_folder(self, folder: Path, name: str, licence: str) -> DetectorBackbone:
        """As the function of that name."""
        return from_folder(folder, name, licence)

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
    refuse_without_weights(folder, name, kind.class_name)
    network = _network(folder, kind)
    files = {INPUT: (folder / INPUT).read_bytes()} if (folder / INPUT).is_file() else {}
    return DetectorBackbone(name, network, _preprocessing(folder, kind, network.config), licence, files)


def _network(folder: Path, kind: Kind) -> Any:
    own = model_type(folder)
    module = importlib.import_module(f"transformers.models.{own}.modeling_{own}")
    wanted = getattr(module, kind.class_name)
    network, _ = opened(folder, wanted, lambda key: key.endswith("num_batches_tracked"))
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


libraries.add(LIBRARY, TransformersDetectors())
