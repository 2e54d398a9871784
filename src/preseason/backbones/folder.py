"""A network as a folder that timm opens by itself: `timm.create_model("local-dir:FOLDER")`."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from preseason.backbones.base import Backbone, Preprocessing
from preseason.backbones.encoders import Encoder, from_folder, random_encoder, save_encoder
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
    folder.mkdir(parents=True)
    chosen = backbone.network.state_dict() if tensors is None else tensors
    save_file({key: value.detach().cpu().contiguous() for key, value in chosen.items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(_config(backbone, labels), indent=2), "utf-8")


def load_network(folder: Path, facts: Mapping[str, Any]) -> Backbone:
    """The backbone that `save_network` wrote.

    Args:
        facts: `backbone_facts` of it, from the model's manifest.

    Raises:
        ModelFolderError: a file is missing or does not fit.
    """
    from preseason.backbones.timm_networks import create, split_of
    from preseason.backbones.weights import load_into, read_tensors

    try:
        if facts["preprocessing"].get("tokens"):
            return from_folder(folder, facts["name"], facts["licence"])
        network = create(facts["architecture"])
        load_into(network, read_tensors(folder / WEIGHTS), str(folder / WEIGHTS))
        given = facts["preprocessing"]
        preprocessing = Preprocessing(
            given["size"], tuple(given["mean"]), tuple(given["std"]), given["resizable"]
        )
        return Backbone(facts["name"], network, split_of(network), preprocessing, facts["licence"])
    except (PreseasonError, KeyError, TypeError) as error:
        raise ModelFolderError(f"The network in {folder} cannot be loaded: {error}") from error


def backbone_facts(backbone: Backbone) -> dict[str, Any]:
    """Name, architecture, preprocessing and licence as plain values."""
    return {
        "name": backbone.name,
        "architecture": architecture(backbone),
        "preprocessing": asdict(backbone.preprocessing),
        "licence": backbone.licence,
        "weights_id": backbone.weights_id,
    }


def architecture(backbone: Backbone) -> str:
    """timm's name of the architecture; transformers' class of an encoder."""
    if isinstance(backbone, Encoder):
        return type(backbone.network).__name__
    config: dict[str, Any] = backbone.network.pretrained_cfg  # type: ignore[assignment]
    return str(config["architecture"])


def random_copy(backbone: Backbone, seed: int) -> Backbone:
    """The same network with random weights, as its library draws them."""
    from preseason.backbones.timm_networks import create, split_of

    if isinstance(backbone, Encoder):
        return random_encoder(backbone, seed)
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    network = create(architecture(backbone))
    torch.set_rng_state(state)
    name = f"{backbone.name} with random weights"
    return Backbone(name, network, split_of(network), backbone.preprocessing, "none")


def _config(backbone: Backbone, labels: tuple[str, ...]) -> dict[str, Any]:
    network: Any = backbone.network
    given = {k: v for k, v in network.pretrained_cfg.items() if isinstance(v, str | int | float | tuple)}
    own = backbone.preprocessing
    side = (3, own.size, own.size)
    changed = {"mean": own.mean, "std": own.std, "input_size": side, "interpolation": "bilinear"}
    named = {"label_names": list(labels)} if labels else {}
    classes = len(labels) or network.num_classes
    return {
        "architecture": architecture(backbone),
        "num_classes": classes,
        "num_features": network.num_features,
        "pretrained_cfg": given | changed | {"num_classes": classes},
        **named,
    }
