"""Fine-tuning by low-rank additions (LoRA, Hu et al. 2021, arXiv 2106.09685) to the layers above the cut.

Only the additions and the classifier are trained and stored: a hundredth of what a tail takes.
"""

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from preseason.backbones.base import Backbone
from preseason.errors import UsageError
from preseason.errors.packages import require
from preseason.heads.base import heads
from preseason.heads.tail import CLASSIFIER_RATE, Tail, TailHead, TailKind
from preseason.inference.head import restorers

RANK = 8
RATE = 1e-3


class LoraTail(Tail):
    """A tail whose own weights stay as they are; every linear layer above the cut has an addition."""

    def __init__(self, backbone: Backbone, cut: int, classes: int) -> None:
        super().__init__(backbone, cut, classes)
        above = {id(part) for block in self.backbone.split.blocks[cut:] for part in block.modules()}
        names = [
            name
            for name, part in self.network.named_modules()
            if isinstance(part, nn.Linear) and id(part) in above
        ]
        if not names:
            raise UsageError(f"--head lora: {backbone.name} has no linear layers above the cut to add to.")
        _inject(self.network, names)

    def groups(self, rate: float, decay: float = 1.0) -> list[dict[str, Any]]:
        """Parameter groups: the classifier, then all additions at one rate."""
        added = [p for name, p in self.network.named_parameters() if "lora_" in name]
        return [
            {"params": list(self.classifier.parameters()), "lr": CLASSIFIER_RATE},
            {"params": added, "lr": rate},
        ]


class LoraHead(TailHead):
    """A tail with additions; it answers as a tail does."""

    def timm_tensors(self) -> dict[str, Tensor]:
        """Tensors of the network with the additions worked into its own weights."""
        merged = copy.deepcopy(self.tail.network)
        for name, part in list(merged.named_modules()):
            if hasattr(part, "base_layer") and hasattr(part, "merge"):
                part.merge()
                parent, _, own = name.rpartition(".")
                setattr(merged.get_submodule(parent), own, part.get_base_layer())
        return self.named(merged)


class Lora(TailKind):
    """Fits `LoraHead`."""

    kind = "lora"
    rate = RATE

    def make(self, backbone: Backbone, cut: int, classes: int, over_time: Mapping[str, Any]) -> Tail:
        """A tail with additions of zero: it answers as the pretrained network does."""
        return LoraTail(backbone, cut, classes)

    def head(self, tail: Tail, epochs: int) -> TailHead:
        """The fitted head."""
        return LoraHead(tail, epochs, self.kind)


def _inject(network: nn.Module, names: list[str]) -> None:
    require("--head lora", "peft")
    from peft import LoraConfig, inject_adapter_in_model

    settings = LoraConfig(r=RANK, lora_alpha=2 * RANK, lora_dropout=0.05, target_modules=names)
    inject_adapter_in_model(settings, network)


heads.add("lora", Lora())
restorers.add("lora", Lora().restore)
