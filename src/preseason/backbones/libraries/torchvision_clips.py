"""torchvision's video networks, their weights from its own hub."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import nn

from preseason.backbones.base import Backbone, Split, clip_families
from preseason.backbones.facts import Preprocessing
from preseason.backbones.hubs import answers, torch_hub_file
from preseason.backbones.library import ConfiguredLibrary, libraries
from preseason.backbones.weights import load_into, read_tensors
from preseason.errors import WeightsError


@dataclass(frozen=True)
class Entry:
    """What torchvision's own facts do not say.

    Attributes:
        frames: of a clip in training.
        fewest: frames that may be fed at least; 0 where it must be exactly `frames`.
        classifier: name of the last layer.
        licence: of the weights, as their authors give it; all were trained on Kinetics-400.
    """

    frames: int
    fewest: int
    classifier: str
    licence: str = "bsd-3-clause"


ENTRIES = {
    "r3d_18": Entry(16, 8, "fc"),
    "mc3_18": Entry(16, 8, "fc"),
    "r2plus1d_18": Entry(16, 8, "fc"),
    "s3d": Entry(64, 14, "classifier.1"),
    "mvit_v1_b": Entry(16, 0, "head.1", "apache-2.0"),
    "mvit_v2_s": Entry(16, 0, "head.1", "apache-2.0"),
    "swin3d_t": Entry(32, 8, "head", "apache-2.0"),
    "swin3d_s": Entry(32, 8, "head", "apache-2.0"),
    "swin3d_b": Entry(32, 8, "head", "apache-2.0"),
}


class TorchvisionClips(ConfiguredLibrary):
    """The library `torchvision`."""

    rank = 30
    opened_by = ()

    def names(self) -> Sequence[str]:
        """The video networks."""
        return list(ENTRIES)

    def knows(self, name: str, weights: str | None = None) -> bool:
        """Whether it is one of them."""
        return name in ENTRIES

    def load(self, name: str, weights: str | None) -> Backbone:
        """The video network `name`, pretrained on Kinetics-400."""
        network = create(name)
        path = fetched(name) if weights is None else Path(weights)
        load_into(network, read_tensors(path), str(path))
        return Backbone(
            name, network, self.split(network), preprocessing_of(name), ENTRIES[name].licence, "torchvision"
        )

    def architecture(self, network: nn.Module) -> str:
        """torchvision's name."""
        config: dict[str, Any] = network.pretrained_cfg  # type: ignore[assignment]
        return str(config["architecture"])

    def rebuild(self, architecture: str, config: dict[str, Any]) -> nn.Module:
        """The network with random weights, as torchvision draws them."""
        return create(architecture)

    def split(self, network: nn.Module) -> Split:
        """The blocks of its family."""
        return clip_families.get(type(network).__name__)(network)

    def config(self, backbone: Backbone, labels: tuple[str, ...]) -> dict[str, Any]:
        """Name for `torchvision.models.get_model`, and how many classes."""
        name = self.architecture(backbone.network)
        own = {"library": "torchvision", "architecture": name}
        return own | ({"num_classes": len(labels), "label_names": list(labels)} if labels else {})


def create(name: str) -> nn.Module:
    """The network `name` with random weights and 400 classes."""
    import torchvision

    network: Any = torchvision.models.get_model(name, weights=None).eval()
    # Under timm's name for it: the code that saves and trains blocks asks there which part is the classifier.
    network.pretrained_cfg = {"architecture": name, "classifier": ENTRIES[name].classifier}
    module: nn.Module = network
    return module


def preprocessing_of(name: str) -> Preprocessing:
    """What torchvision's weights were evaluated with."""
    transforms = _weights(name).transforms()
    entry = ENTRIES[name]
    return Preprocessing(
        int(transforms.crop_size[0]),
        tuple(transforms.mean),
        tuple(transforms.std),
        resizable=entry.fewest > 0,
        frames=entry.frames,
        fewest_frames=entry.fewest,
    )


def fetched(name: str) -> Path:
    """The weight file of `name` in torch's hub folder, loaded from torchvision's hub where it is not there.

    Raises:
        WeightsError: it is not there and the hub cannot be reached.
    """
    url = str(_weights(name).url)
    path = torch_hub_file(urlsplit(url).path.rpartition("/")[2])
    if path.is_file():
        return path
    try:
        if not answers(url):
            raise ConnectionError("the hub does not answer")
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), _hash_in(path.name), progress=False)
    except Exception as error:
        raise WeightsError(
            f"The weights of {name} are not on this machine and {url} cannot be reached. Take that file on a "
            f"machine with a network, and put it here as {path} or pass --weights FILE."
        ) from error
    return path


def _hash_in(file: str) -> str:
    """The start of the file's SHA-256, which torchvision's hub has at the end of the name."""
    return Path(file).stem.rpartition("-")[2]


def _weights(name: str) -> Any:
    import torchvision

    return torchvision.models.get_model_weights(name).DEFAULT


libraries.add("torchvision", TorchvisionClips())
