"""A network as a folder that its library opens by itself, and what a manifest says of it."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from preseason.backbones.base import Backbone
from preseason.backbones.facts import origin_of
from preseason.backbones.library import libraries
from preseason.errors import ModelFolderError, PreseasonError


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
    folder.mkdir(parents=True, exist_ok=True)
    chosen = backbone.network.state_dict() if tensors is None else tensors
    libraries.get(backbone.library).save(backbone, folder, chosen, labels)


def load_network(folder: Path, facts: Mapping[str, Any]) -> Backbone:
    """The backbone that `save_network` wrote.

    Args:
        facts: `backbone_facts` of it, from the model's manifest.

    Raises:
        ModelFolderError: a file is missing or does not fit.
    """
    try:
        library, _ = origin_of(facts)
        return libraries.get(library).restore(folder, {**facts, "library": library})
    except (PreseasonError, KeyError, TypeError, ValueError, OSError) as error:
        raise ModelFolderError(f"The network in {folder} cannot be loaded: {error}") from error


def backbone_facts(backbone: Backbone) -> dict[str, Any]:
    """What is known of the network as plain values, enough to answer without loading it."""
    return {
        "name": backbone.name,
        "library": backbone.library,
        "modality": backbone.modality,
        "architecture": libraries.get(backbone.library).architecture(backbone.network),
        "preprocessing": asdict(backbone.preprocessing),
        "licence": backbone.licence,
        "weights_id": backbone.weights_id,
        "blocks": len(backbone),
    }


def random_copy(backbone: Backbone, seed: int) -> Backbone:
    """The same network with random weights, as its library draws them."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    copy = libraries.get(backbone.library).random_copy(backbone)
    torch.set_rng_state(state)
    return copy
