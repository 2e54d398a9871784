"""Facts about a backbone for `preseason models`, without loading its weights."""

import warnings

import torch

from preseason.backbones.embedded import Embedded
from preseason.backbones.facts import BackboneInfo
from preseason.backbones.timm_networks import in_hub_cache
from preseason.runtime.speeds import measured_speed


def embedded_info(entry: Embedded) -> BackboneInfo:
    """The row of an embedded network."""
    path = entry.path()
    parameters = _parameters(entry.timm_name)
    megabytes = path.stat().st_size / 1e6 if path else parameters * 4 / 1e6
    return BackboneInfo(
        entry.name, "image", entry.licence, parameters, "embedded", path is not None, megabytes,
        measured_speed(entry.name),
    )  # fmt: skip


def timm_info(name: str) -> BackboneInfo:
    """The row of a timm network; available means that its weights lie in the hub cache."""
    import timm

    config = timm.get_pretrained_cfg(name)
    parameters = _parameters(name)
    cached = config is not None and in_hub_cache({"hf_hub_id": config.hf_hub_id})
    licence = str(getattr(config, "license", None) or "unknown")
    source = "hub cache" if cached else "hub"
    return BackboneInfo(
        name, "image", licence, parameters, source, cached, parameters * 4 / 1e6, measured_speed(name)
    )


def _parameters(name: str) -> int:
    import timm

    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = timm.create_model(name)
    return sum(parameter.numel() for parameter in network.parameters())
