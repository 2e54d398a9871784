"""Any timm network by name, with weights from a file, the hub cache or, when a name needs it, the hub."""

import math
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from preseason.backbones.base import Backbone, Layout, Split, families
from preseason.backbones.facts import Preprocessing
from preseason.backbones.families.chains import Borrowing, Embed
from preseason.backbones.hubs import hugging_face_answers
from preseason.backbones.weights import load_into, read_tensors
from preseason.errors import UsageError, WeightsError
from preseason.formatting import did_you_mean

TRANSFORMERS = ("VisionTransformer", "SwinTransformer")
TRANSFORMER_SIDE = 224
"""Input side of transformers whose own is larger than 384: 518 px would cost six times as much."""


def build(name: str, weights: str | None) -> Backbone:
    """The timm network `name` with pretrained weights.

    Raises:
        UsageError: timm knows no such name.
        WeightsError: the weights are on this machine neither by `weights` nor in the hub cache, and the
            hub cannot be reached.
    """
    network = create(name)
    if weights is None:
        _load_from_hub(network, name)
    else:
        load_into(network, _filtered(network, read_tensors(Path(weights))), weights)
    licence = str(network.pretrained_cfg.get("license") or "unknown")
    return Backbone(name, network, split_of(network), preprocessing_of(network), licence)


def create(name: str) -> Any:
    """The timm network `name` with random weights.

    Raises:
        UsageError: timm knows no such name.
    """
    import timm

    if not timm.is_model(name):
        raise UsageError(f"There is no backbone {name!r}.{_nearest(name)} `preseason models` lists them.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return timm.create_model(name, pretrained=False, **_arguments(name)).eval()


def split_of(network: nn.Module) -> Split:
    """The blocks of `network`; one single block where its family is not known."""
    kind = type(network).__name__
    if kind in families:
        return families.get(kind)(network)
    layout, prefix = _layout_of(network)
    return Split(("network",), (_Whole(network),), layout, prefix, Embed(network))


def _layout_of(network: Any) -> tuple[Layout, int]:
    """How an unknown network lays out its last map, and how many of its tokens are no part of a map."""
    side, width = network.pretrained_cfg["input_size"][1], network.num_features
    with torch.inference_mode():
        out = network.eval().forward_features(torch.zeros(1, 3, side, side))
    if out.ndim == 3:
        return "NLC", out.shape[1] - math.isqrt(out.shape[1]) ** 2
    return ("NHWC" if out.shape[3] == width != out.shape[1] else "NCHW"), 0


def preprocessing_of(network: Any) -> Preprocessing:
    """What timm's configuration says of the network's input."""
    config = network.pretrained_cfg
    transformer = type(network).__name__ in TRANSFORMERS
    side = network.patch_embed.img_size[0] if transformer else config["input_size"][1]
    resizable = not transformer and not config.get("fixed_input_size", False)
    return Preprocessing(int(side), tuple(config["mean"]), tuple(config["std"]), resizable)


class _Whole(Borrowing):
    borrowed = ("",)

    def forward(self, x: Any) -> Any:
        return self.network.forward_features(x)


def _arguments(name: str) -> dict[str, Any]:
    import timm

    config = timm.get_pretrained_cfg(name)
    large = config is not None and config.input_size[1] > 384
    return {"img_size": TRANSFORMER_SIDE} if large and name.startswith(("vit_", "deit", "swin")) else {}


def _nearest(name: str) -> str:
    import timm

    return did_you_mean(name, timm.list_models())


def _filtered(network: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    """Other projects' key names to timm's, by the architecture's own filter where it has one."""
    import sys

    module = sys.modules[type(network).__module__]
    convert = getattr(module, "checkpoint_filter_fn", None)
    if convert is None:
        return tensors
    converted: dict[str, Any] = convert(tensors, network)
    return converted


def _load_from_hub(network: Any, name: str) -> None:
    from timm.models import load_pretrained

    try:
        if not in_hub_cache(network.pretrained_cfg) and not hugging_face_answers():
            raise ConnectionError("the hub cannot be reached")
        load_pretrained(network, num_classes=network.num_classes)
    except Exception as error:
        raise WeightsError(_absent(network, name), code="PS-W02") from error


def in_hub_cache(config: dict[str, Any]) -> bool:
    """Whether the weights of a timm configuration lie in the hub cache."""
    from huggingface_hub import try_to_load_from_cache

    repository = str(config.get("hf_hub_id") or "")
    names = ("model.safetensors", "pytorch_model.bin")
    return bool(repository) and any(
        isinstance(try_to_load_from_cache(repository, name), str) for name in names
    )


def _absent(network: Any, name: str) -> str:
    config = network.pretrained_cfg
    repository = config.get("hf_hub_id")
    if not repository:
        return f"timm has no pretrained weights for {name}. Pass your own: --weights FILE.safetensors."
    return (
        f"The weights of {name} are not on this machine and the hub cannot be reached. On a machine with a "
        f"network, take model.safetensors from https://huggingface.co/{repository} and pass "
        f"--weights PATH/model.safetensors here. Without a network the embedded efficientnet_lite0 works."
    )
