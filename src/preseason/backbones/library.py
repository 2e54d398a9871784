"""Where networks come from: one `Library` for each package that defines some, ours among them."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from preseason.backbones.base import Backbone, Split
from preseason.backbones.facts import preprocessing_from
from preseason.backbones.weights import load_into, read_tensors
from preseason.registry import Registry

CONFIG, WEIGHTS = "config.json", "model.safetensors"
Tensors = Mapping[str, Tensor]


class Library(Protocol):
    """A source of networks; a file in `preseason.backbones.libraries` registers it by name.

    Attributes:
        rank: libraries are asked for a name in rising order.
        opened_by: targets of `preseason export` that open its networks.
    """

    rank: int
    opened_by: tuple[str, ...]

    def names(self) -> Sequence[str]:
        """Every name that `load` takes, apart from paths."""

    def knows(self, name: str, weights: str | None = None) -> bool:
        """Whether `load` takes `name`, or the folder `weights` in its place."""

    def load(self, name: str, weights: str | None) -> Backbone:
        """The pretrained network `name`, its weights from the file or folder `weights` where given.

        Raises:
            WeightsError: the weights are not on this machine, or do not fit.
        """

    def architecture(self, network: nn.Module) -> str:
        """The library's name of the architecture of `network`."""

    def save(self, backbone: Backbone, folder: Path, tensors: Tensors, labels: tuple[str, ...]) -> None:
        """Write the network to the folder, as the library itself opens it.

        Args:
            tensors: its weights, with a classifier for `labels` where there are any.
        """

    def restore(self, folder: Path, facts: Mapping[str, Any]) -> Backbone:
        """The network that `save` wrote.

        Args:
            facts: what the manifest says of it.

        Raises:
            PreseasonError, OSError, ValueError: a file is missing or does not fit.
        """

    def random_copy(self, backbone: Backbone) -> Backbone:
        """The same network with random weights, as its library draws them from torch's global generator."""


class ConfiguredLibrary(Library, Protocol):
    """A library that builds a network from a name and a configuration of plain values."""

    @abstractmethod
    def rebuild(self, architecture: str, config: dict[str, Any]) -> nn.Module:
        """The network with random weights.

        Args:
            config: what `config` gave when the network was saved.
        """

    @abstractmethod
    def split(self, network: nn.Module) -> Split:
        """The blocks of `network`."""

    @abstractmethod
    def config(self, backbone: Backbone, labels: tuple[str, ...]) -> dict[str, Any]:
        """Plain values for the network's config.json, as the library's own loader expects them."""

    def save(self, backbone: Backbone, folder: Path, tensors: Tensors, labels: tuple[str, ...]) -> None:
        """Write config.json and model.safetensors."""
        from safetensors.torch import save_file

        own = backbone.network.state_dict()
        shaped = {key: _shaped(value, own.get(key)) for key, value in tensors.items()}
        plain = {key: value.detach().cpu().contiguous() for key, value in shaped.items()}
        save_file(plain, folder / WEIGHTS)
        (folder / CONFIG).write_text(json.dumps(self.config(backbone, labels), indent=2), "utf-8")

    def restore(self, folder: Path, facts: Mapping[str, Any]) -> Backbone:
        """The network that `save` wrote."""
        network = self.rebuild(facts["architecture"], json.loads((folder / CONFIG).read_text("utf-8")))
        load_into(network, read_tensors(folder / WEIGHTS), str(folder / WEIGHTS))
        split, preprocessing = self.split(network), preprocessing_from(facts["preprocessing"])
        return Backbone(facts["name"], network, split, preprocessing, facts["licence"], facts["library"])

    def random_copy(self, backbone: Backbone) -> Backbone:
        """The same network with random weights."""
        network = self.rebuild(self.architecture(backbone.network), self.config(backbone, ()))
        return backbone.with_random_weights(network, self.split(network))


def write_as_transformers(network: Any, tensors: Tensors, files: Mapping[str, bytes], folder: Path) -> None:
    """Write config, weights and what lies beside them into a folder that transformers opens.

    Args:
        network: of transformers.
        tensors: its parameters, as they are to be saved.
        files: name and content of what lies beside the weights.
    """
    from safetensors.torch import save_file

    contiguous = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
    save_file(contiguous, folder / WEIGHTS, metadata={"format": "pt"})
    config = json.loads(network.config.to_json_string(use_diff=True))
    config["architectures"] = [type(network).__name__]
    (folder / CONFIG).write_text(json.dumps(config, indent=2), "utf-8")
    for name, content in files.items():
        (folder / name).write_bytes(content)


libraries = Registry[Library]("library of networks", "preseason.backbones.libraries")


def _shaped(value: Tensor, own: Tensor | None) -> Tensor:
    """A linear classifier's weights as those of the convolution that the network has in its place."""
    missing = 0 if own is None else own.ndim - value.ndim
    return value.reshape([*value.shape, *[1] * missing])
