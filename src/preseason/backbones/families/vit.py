"""Vision transformers: patches with their positions, then every attention block."""

from typing import Any

from torch import Tensor, nn

from preseason.backbones.base import Split, families
from preseason.backbones.families.chains import Borrowing, Chain, Embed


class PatchTokens(Borrowing):
    """Pictures to tokens with positions, as timm's `forward_features` begins."""

    borrowed = ("patch_embed", "cls_token", "reg_token", "pos_embed", "norm_pre")

    def forward(self, x: Tensor) -> Tensor:
        """Tokens [n, prefix + patches, d]."""
        network = self.network
        tokens: Tensor = network.norm_pre(network.patch_drop(network._pos_embed(network.patch_embed(x))))
        return tokens


def split(network: Any) -> Split:
    """Patch tokens and attention blocks; the final norm goes with the last one."""
    blocks: list[nn.Module] = [PatchTokens(network), *network.blocks]
    blocks[-1] = Chain(blocks[-1], network.norm)
    names = ("patches", *(f"blocks.{index}" for index in range(len(network.blocks))))
    return Split(names, tuple(blocks), "NLC", network.num_prefix_tokens, Embed(network))


families.add("VisionTransformer", split)
