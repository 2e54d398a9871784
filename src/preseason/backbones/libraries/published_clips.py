"""I3D and C3D, which no installable package defines any more: our definitions, the published checkpoints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from preseason.backbones.base import Backbone, Split, clip_families
from preseason.backbones.catalogue import CHECKPOINTS
from preseason.backbones.facts import Preprocessing
from preseason.backbones.hubs import torch_hub_file
from preseason.backbones.library import ConfiguredLibrary, libraries
from preseason.backbones.video import c3d, i3d
from preseason.backbones.weights import load_into, read_tensors
from preseason.errors import WeightsError

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Published:
    """A network of ours and the files that fit it.

    Attributes:
        translate: tensors of a file, and how messages call it, to tensors under our names.
        preprocessing: of the file that holds the tensors.
    """

    build: Callable[[], nn.Module]
    translate: Callable[[Tensors, str], Tensors]
    preprocessing: Callable[[Tensors], Preprocessing]


I3D_INPUT = Preprocessing(224, (0.5,) * 3, (0.5,) * 3, resizable=True, frames=64, fewest_frames=9)
"""-1..1, and as many frames as the network was trained on."""

PUBLISHED = {
    "i3d": Published(
        i3d.I3D,
        i3d.translate,
        lambda tensors: I3D_INPUT,
    ),
    "c3d": Published(
        c3d.C3D,
        lambda tensors, where: c3d.translate(tensors),
        c3d.preprocessing_of,
    ),
}


class PublishedClips(ConfiguredLibrary):
    """The library `published`."""

    rank = 20
    opened_by = ()

    def names(self) -> Sequence[str]:
        """I3D and C3D."""
        return list(PUBLISHED)

    def knows(self, name: str, weights: str | None = None) -> bool:
        """Whether it is one of them."""
        return name in PUBLISHED

    def load(self, name: str, weights: str | None) -> Backbone:
        """The network, with a published checkpoint of either layout."""
        own = PUBLISHED[name]
        path = _found(name) if weights is None else Path(weights)
        tensors = read_tensors(path)
        network = own.build().eval()
        load_into(network, own.translate(tensors, str(path)), str(path))
        preprocessing, licence = own.preprocessing(tensors), _licence(name, path)
        return Backbone(name, network, self.split(network), preprocessing, licence, "published")

    def architecture(self, network: nn.Module) -> str:
        """Our name."""
        config: dict[str, Any] = network.pretrained_cfg  # type: ignore[assignment]
        return str(config["architecture"])

    def rebuild(self, architecture: str, config: dict[str, Any]) -> nn.Module:
        """The network with random weights."""
        return PUBLISHED[architecture].build().eval()

    def split(self, network: nn.Module) -> Split:
        """The blocks of its family."""
        return clip_families.get(type(network).__name__)(network)

    def config(self, backbone: Backbone, labels: tuple[str, ...]) -> dict[str, Any]:
        """Name and, where it was fine-tuned, the classes."""
        own = {"library": "published", "architecture": self.architecture(backbone.network)}
        return own | ({"num_classes": len(labels), "label_names": list(labels)} if labels else {})


def _found(name: str) -> Path:
    """The first of the published files that lies in torch's hub folder.

    Raises:
        WeightsError: none does; nothing is ever loaded over the network.
    """
    checkpoints = CHECKPOINTS[name]
    for checkpoint in checkpoints:
        if (path := torch_hub_file(checkpoint.file)).is_file():
            return path
    offers = "; ".join(f"{each.file} of {each.repository}" for each in checkpoints)
    raise WeightsError(
        f"The weights of {name} are not on this machine. Take one of these files: {offers}. Put it into "
        f"{torch_hub_file(checkpoints[0].file).parent} or pass --weights FILE."
    )


def _licence(name: str, path: Path) -> str:
    return next((each.licence for each in CHECKPOINTS[name] if each.file == path.name), "unknown")


libraries.add("published", PublishedClips())
