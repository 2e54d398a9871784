"""Whole detectors as transformers defines them: networks that answer with boxes, in three parts and heads."""

import copy
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from preseason.backbones.base import Backbone, Normalise, Split
from preseason.backbones.encoders import quiet
from preseason.backbones.facts import Preprocessing
from preseason.errors import UsageError

MODALITY = "detection"
LIBRARY = "transformers_detectors"
PARTS = ("backbone", "encoder", "decoder")
"""What `--unfreeze` counts from the end; heads are always trained."""
HEADS = ("class_embed", "bbox_embed", "score_head", "bbox_head")
"""What the names of the heads' parameters hold."""
CLASS_HEADS = ("class_embed", "score_head")
"""Of these, what depends on the classes: it is new in every fit."""
TRUNKS = ("model.backbone.", "model.conv_encoder.")
CONNECTORS = ("projector", "spatial_tuning_adapter")
"""Within a trunk, what brings its maps to the decoder's width."""
STRIDE = 32
SECONDS_EACH = {"cpu": 60.0, "cuda": 3.0}
"""Of a fit, for each picture, where no budget is named: trained as many times as there are folds, and once
more on everything."""


def part_of(parameter: str) -> str:
    """The part that a parameter belongs to, by its name: one of `PARTS`, or "heads"."""
    if any(each in parameter for each in HEADS):
        return "heads"
    if parameter.startswith(TRUNKS):
        return "encoder" if any(each in parameter for each in CONNECTORS) else "backbone"
    return "encoder" if parameter.startswith("model.encoder") else "decoder"


class DetectorBackbone(Backbone):
    """A detector of transformers; its input is square, and a picture keeps its aspect on it.

    Attributes:
        labels: names of the classes that it answers with.
        files: name and content of what lies beside the weights, so that transformers opens a saved copy.
        seconds_each: of a fit, for each picture, by device.
    """

    seconds_each: Mapping[str, float] = SECONDS_EACH

    def __init__(
        self,
        name: str,
        network: Any,
        preprocessing: Preprocessing,
        licence: str,
        files: Mapping[str, bytes],
    ) -> None:
        network = without_fixed_size(network)
        super().__init__(name, network, _split_of(network), preprocessing, licence, LIBRARY, MODALITY)
        self.files = dict(files)
        own = f"{self.weights_id} {json.dumps([preprocessing.mean, preprocessing.std])}"
        self.weights_id = hashlib.blake2b(own.encode(), digest_size=16).hexdigest()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of its answers."""
        named: Any = self.network.config
        return tuple(str(named.id2label[number]) for number in range(named.num_labels))

    @property
    def step(self) -> int:
        """The sides of its input are multiples of it, in pixels."""
        config: Any = self.network.config
        own = config.backbone_config
        windows = getattr(own, "num_windows_side", getattr(own, "num_windows", None))
        return STRIDE if windows is None else math.lcm(own.patch_size * windows, own.patch_size)

    def side(self, asked: int | None) -> int:
        """Side of the square input in pixels: the network's own, or the one that is asked for.

        Raises:
            UsageError: the network cannot be fed so.
        """
        side = self.preprocessing.size if asked is None else asked
        if side % self.step:
            near = max(self.step, round(side / self.step) * self.step)
            raise UsageError(
                f"--image-size {side}: {self.name} takes multiples of {self.step} pixels, e.g. {near}."
            )
        return side

    def for_labels(self, labels: Sequence[str]) -> "DetectorBackbone":
        """The same weights with new heads for these classes, drawn from torch's global generator."""
        own: Any = self.network
        config = copy.deepcopy(own.config)
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: number for number, label in enumerate(labels)}
        with quiet():
            network = type(own)(config).float()
        fresh = network.state_dict()
        kept = {
            name: value
            for name, value in own.state_dict().items()
            if not any(each in name for each in CLASS_HEADS) and value.shape == fresh[name].shape
        }
        network.load_state_dict(fresh | kept)
        return DetectorBackbone(self.name, network, self.preprocessing, self.licence, self.files)

    def with_random_weights(self, network: nn.Module, split: Split) -> "DetectorBackbone":
        """The same architecture as `network` has it, of which nothing was trained."""
        return DetectorBackbone(f"{self.name} with random weights", network, self.preprocessing, "none", {})


class Boxes(nn.Module):
    """Pictures uint8 [n, h, w, 3] to float [n, q, c + 4]: scores of q boxes and where they lie.

    Boxes are middle, width and height (x y w h) in units of the input's sides.
    """

    def __init__(self, backbone: DetectorBackbone) -> None:
        super().__init__()
        self.normalise = Normalise(backbone.preprocessing)
        self.network: Any = backbone.network

    def forward(self, pictures: Tensor) -> Tensor:
        """Scores and boxes."""
        found = self.network(pixel_values=self.normalise(pictures))
        return torch.cat([found.logits.sigmoid(), found.pred_boxes], 2)


def without_fixed_size(network: Any) -> Any:
    """The network without what its checkpoint prepared for one size: in training it is made anew as well."""
    for each in network.modules():
        if getattr(each, "eval_size", None) is not None:
            each.eval_size = None
    for name in ("eval_size", "anchor_image_size"):
        if getattr(network.config, name, None) is not None:
            setattr(network.config, name, None)
    return network


def _split_of(network: Any) -> Split:
    """The three parts as blocks; they are not run one after the other."""
    blocks: dict[str, list[nn.Module]] = {part: [] for part in PARTS}
    for name, child in network.model.named_children():
        part = part_of(f"model.{name}.")
        if part in blocks:
            blocks[part].append(child)
    return Split(PARTS, tuple(nn.ModuleList(blocks[part]) for part in PARTS), "NCHW", 0, nn.Identity())
