"""A network as a folder that its library opens by itself: config.json and model.safetensors."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from preseason.backbones.base import Backbone
from preseason.backbones.encoders import Encoder, from_folder, random_encoder, save_encoder
from preseason.backbones.facts import Preprocessing
from preseason.backbones.library import libraries
from preseason.backbones.weights import load_into, read_tensors
from preseason.errors import ModelFolderError, PreseasonError

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def save_network(
    backbone: Backbone,
    folder: Path,
    tensors: Mapping[str, Tensor] | None = None,
    labels: tuple[str, ...] = (),
) -> None:
    """Write the network's architecture and weights.

    Args:
        tensors: in place of the backbone's own, e.g. fine-tuned, with a classifier for `labels`.
    """
    from safetensors.torch import save_file

    if isinstance(backbone, Encoder):
        save_encoder(backbone, folder, tensors)
        return
    folder.mkdir(parents=True, exist_ok=True)
    own = backbone.network.state_dict()
    chosen = own if tensors is None else {key: _shaped(value, own.get(key)) for key, value in tensors.items()}
    plain = {key: value.detach().cpu().contiguous() for key, value in chosen.items()}
    save_file(plain, folder / WEIGHTS)
    config = libraries.get(backbone.library).config(backbone, labels)
    (folder / CONFIG).write_text(json.dumps(config, indent=2), "utf-8")


def load_network(folder: Path, facts: Mapping[str, Any]) -> Backbone:
    """The backbone that `save_network` wrote.

    Args:
        facts: `backbone_facts` of it, from the model's manifest; without a library it is timm's.

    Raises:
        ModelFolderError: a file is missing or does not fit.
    """
    name = facts.get("library", "timm")
    try:
        if facts["preprocessing"].get("tokens"):
            return from_folder(folder, facts["name"], facts["licence"])
        library = libraries.get(name)
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        network = library.rebuild(facts["architecture"], config)
        load_into(network, read_tensors(folder / WEIGHTS), str(folder / WEIGHTS))
        preprocessing = _preprocessing(facts["preprocessing"])
        split = library.split(network)
        return Backbone(facts["name"], network, split, preprocessing, facts["licence"], name)
    except (PreseasonError, KeyError, TypeError, ValueError, OSError) as error:
        raise ModelFolderError(f"The network in {folder} cannot be loaded: {error}") from error


def backbone_facts(backbone: Backbone) -> dict[str, Any]:
    """Name, library, architecture, preprocessing and licence as plain values."""
    return {
        "name": backbone.name,
        "library": backbone.library,
        "architecture": architecture(backbone),
        "preprocessing": asdict(backbone.preprocessing),
        "licence": backbone.licence,
        "weights_id": backbone.weights_id,
    }


def architecture(backbone: Backbone) -> str:
    """The library's name of the architecture; transformers' class of an encoder."""
    if isinstance(backbone, Encoder):
        return type(backbone.network).__name__
    return libraries.get(backbone.library).architecture(backbone.network)


def random_copy(backbone: Backbone, seed: int) -> Backbone:
    """The same network with random weights, as its library draws them."""
    if isinstance(backbone, Encoder):
        return random_encoder(backbone, seed)
    library = libraries.get(backbone.library)
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    network = library.rebuild(architecture(backbone), library.config(backbone, ()))
    torch.set_rng_state(state)
    name = f"{backbone.name} with random weights"
    split = library.split(network)
    return Backbone(name, network, split, backbone.preprocessing, "none", backbone.library)


def _shaped(value: Tensor, own: Tensor | None) -> Tensor:
    """A linear classifier's weights as those of the convolution that the network has in its place."""
    missing = 0 if own is None else own.ndim - value.ndim
    return value.reshape([*value.shape, *[1] * missing])


def _preprocessing(given: Mapping[str, Any]) -> Preprocessing:
    """From plain values; those that a manifest of an older version lacks have their defaults."""
    return Preprocessing(**{**given, "mean": tuple(given["mean"]), "std": tuple(given["std"])})
