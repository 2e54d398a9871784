"""VideoMAE of transformers (Tong et al. 2022, arXiv 2203.12602)."""

from typing import Any

from torch import Tensor, nn

from preseason.backbones.base import Split, clip_families
from preseason.backbones.families.chains import Borrowing, Chain
from preseason.backbones.video.pooling import FirstToken, MeanOfTokens


class Tubes(Borrowing):
    """Clips to tokens, none of them masked."""

    borrowed = ("videomae.embeddings",)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens [n, t x l, d]."""
        tokens: Tensor = self.network.videomae.embeddings(x.transpose(1, 2), None)
        return tokens


def split(network: Any) -> Split:
    """Tubes and attention layers (13 in the base network)."""
    config, model = network.config, network.videomae
    blocks: list[nn.Module] = [Tubes(network), *model.encoder.layer]
    if model.layernorm is not None:
        blocks[-1] = Chain(blocks[-1], model.layernorm)
    names = ("tubes", *(f"layer.{index}" for index in range(len(model.encoder.layer))))
    embed = FirstToken() if network.fc_norm is None else MeanOfTokens(network.fc_norm)
    return Split(names, tuple(blocks), "NTLC", 0, embed, steps=config.num_frames // config.tubelet_size)


clip_families.add("VideoMAEForVideoClassification", split)
