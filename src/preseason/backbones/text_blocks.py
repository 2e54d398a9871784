"""Encoders of texts as blocks: embeddings, then every attention layer.

A tensor between blocks is float [n, l, d + 1]: hidden vectors, with 1 for a token and 0 for padding in the
last channel. So one tensor is all that a block needs, and a row of the feature bank holds its own mask.
What goes into the first block is float [n, l, 2], see `digits`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from preseason.backbones.base import Split
from preseason.backbones.families.chains import Borrowing

BASE = 1024
"""Token numbers are split by this, so that float16, which is exact up to 2048, holds them."""


def digits(tokens: Tensor) -> Tensor:
    """Token numbers int [n, l], -1 for padding, as float [n, l, 2]; padding is -1 in both."""
    high = torch.div(tokens, BASE, rounding_mode="floor")
    low = torch.where(tokens < 0, tokens, tokens - BASE * high)
    return torch.stack([high, low], dim=-1).float()


def numbers(x: Tensor) -> Tensor:
    """Token numbers int64 [n, l] of `digits`; padding is negative."""
    whole: Tensor = (x[..., 0] * BASE + x[..., 1]).round().long()
    return whole


def with_mask(hidden: Tensor, mask: Tensor) -> Tensor:
    """Hidden vectors [n, l, d] and mask [n, l] as one tensor."""
    return torch.cat([hidden, mask.unsqueeze(-1).to(hidden.dtype)], dim=-1)


class Embeddings(Borrowing):
    """Token numbers to the first hidden vectors."""

    borrowed = ("embeddings", "embeddings_project")

    def __init__(self, network: nn.Module, padding: int) -> None:
        super().__init__(network)
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """Digits [n, l, 2] to [n, l, d + 1]."""
        found = numbers(x)
        tokens = torch.where(found < 0, self.padding, found)
        hidden = self.network.embeddings(tokens)
        if hasattr(self.network, "embeddings_project"):
            hidden = self.network.embeddings_project(hidden)
        return with_mask(hidden, found >= 0)


class PlainLayer(nn.Module):
    """A layer that takes hidden vectors and which tokens may be attended to."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """[n, l, d + 1] to the same shape."""
        hidden, mask = x[..., :-1], x[..., -1]
        return with_mask(_first(self.layer(hidden, attention_mask=_visible(mask))), mask)


class BiasedLayer(Borrowing):
    """A layer of MPNet, which also takes a bias by distance that all layers share."""

    borrowed = ("encoder.relative_attention_bias",)

    def __init__(self, network: nn.Module, layer: nn.Module) -> None:
        super().__init__(network)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """[n, l, d + 1] to the same shape."""
        hidden, mask = x[..., :-1], x[..., -1]
        lowest = torch.finfo(hidden.dtype).min
        hidden_from = (1 - mask[:, None, None]).to(hidden.dtype) * lowest
        bias = self.network.encoder.compute_position_bias(hidden)
        return with_mask(_first(self.layer(hidden, hidden_from, bias)), mask)


class DisentangledLayer(Borrowing):
    """A layer of DeBERTa v2 and v3, whose relative positions lie with the encoder."""

    borrowed = ("encoder.rel_embeddings", "encoder.LayerNorm")

    def __init__(self, network: nn.Module, layer: nn.Module, convolution: nn.Module | None) -> None:
        super().__init__(network)
        self.layer, self.convolution = layer, convolution

    def forward(self, x: Tensor) -> Tensor:
        """[n, l, d + 1] to the same shape."""
        hidden, mask = x[..., :-1], x[..., -1]
        encoder = self.network.encoder
        out = _first(
            self.layer(
                hidden,
                encoder.get_attention_mask(mask.to(torch.int64)),
                relative_pos=encoder.get_rel_pos(hidden),
                rel_embeddings=encoder.get_rel_embedding(),
            )
        )
        if self.convolution is not None:
            out = self.convolution(hidden, out, mask)
        return with_mask(out, mask)


class DisentangledEmbeddings(Embeddings):
    """DeBERTa's embeddings, which set padding to zero."""

    def forward(self, x: Tensor) -> Tensor:
        """Digits [n, l, 2] to [n, l, d + 1]."""
        found = numbers(x)
        mask = found >= 0
        return with_mask(
            self.network.embeddings(torch.where(mask, found, self.padding), mask=mask.to(torch.float32)), mask
        )


class WholeEncoder(Borrowing):
    """An encoder of a family that is not known here, as one block."""

    borrowed = ("",)

    def __init__(self, network: nn.Module, padding: int) -> None:
        super().__init__(network)
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """Digits [n, l, 2] to [n, l, d + 1]."""
        found = numbers(x)
        mask = found >= 0
        tokens = torch.where(mask, found, self.padding)
        out = self.network(input_ids=tokens, attention_mask=mask.to(torch.int64))
        return with_mask(out.last_hidden_state, mask)


class MeanOfTokens(nn.Module):
    """The vector of a text: the mean of its tokens, padding apart."""

    def forward(self, x: Tensor) -> Tensor:
        """[n, l, d + 1] to [n, d]."""
        mask = x[..., -1:]
        mean: Tensor = (x[..., :-1] * mask).sum(1) / mask.sum(1).clamp_min(1)
        return mean


def split_of(network: Any) -> Split:
    """The blocks of a transformers encoder; one single block where its family is not known."""
    padding = int(getattr(network.config, "pad_token_id", None) or 0)
    kind = type(network).__name__
    if kind not in FAMILIES:
        return Split(("network",), (WholeEncoder(network, padding),), "NLM", 0, MeanOfTokens())
    blocks = FAMILIES[kind](network, padding)
    names = ("embeddings", *(f"layers.{index}" for index in range(len(blocks) - 1)))
    return Split(names, tuple(blocks), "NLM", 0, MeanOfTokens())


def _plain(network: Any, padding: int) -> list[nn.Module]:
    return [Embeddings(network, padding), *(PlainLayer(layer) for layer in network.encoder.layer)]


def _distilled(network: Any, padding: int) -> list[nn.Module]:
    return [Embeddings(network, padding), *(PlainLayer(layer) for layer in network.transformer.layer)]


def _biased(network: Any, padding: int) -> list[nn.Module]:
    return [Embeddings(network, padding), *(BiasedLayer(network, layer) for layer in network.encoder.layer)]


def _disentangled(network: Any, padding: int) -> list[nn.Module]:
    layers = [
        DisentangledLayer(network, layer, network.encoder.conv if index == 0 else None)
        for index, layer in enumerate(network.encoder.layer)
    ]
    return [DisentangledEmbeddings(network, padding), *layers]


FAMILIES: dict[str, Callable[[Any, int], list[nn.Module]]] = {
    "BertModel": _plain,
    "CamembertModel": _plain,
    "DebertaV2Model": _disentangled,
    "DistilBertModel": _distilled,
    "ElectraModel": _plain,
    "MPNetModel": _biased,
    "RobertaModel": _plain,
    "XLMRobertaModel": _plain,
}
"""How the encoders of each transformers class fall into blocks."""


def _visible(mask: Tensor) -> Tensor:
    """Mask [n, l] as bool [n, 1, 1, l]: every token sees every token of its text."""
    return mask[:, None, None].bool()


def _first(out: Any) -> Tensor:
    found: Tensor = out if isinstance(out, Tensor) else out[0]
    return found
