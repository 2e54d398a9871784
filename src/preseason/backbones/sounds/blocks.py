"""Networks of attention over sounds, as transformers defines them, in blocks: a front end, then every layer.

The audio spectrogram transformer (Gong et al. 2021, arXiv 2104.01778), wav2vec 2.0 (Baevski et al. 2020,
arXiv 2006.11477), HuBERT (Hsu et al. 2021, arXiv 2106.07447), WavLM (Chen et al. 2022, arXiv 2110.13900) and
the encoder of Whisper (Radford et al. 2022, arXiv 2212.04356). All of them read waves of any length here:
where positions are learnt for one length, a shorter sound takes as many of them as it needs.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.backbones.base import Split
from preseason.backbones.families.chains import Borrowing, Chain
from preseason.backbones.sounds.base import MeanOverTime
from preseason.backbones.sounds.front import KaldiBands, Standardised, WhisperBands
from preseason.media.mel import Mel

SIDE = 2
"""Tokens in front of those of the spectrogram: of the class and of distillation."""
AUDIOSET = {"mean": -4.2677393, "std": 4.5689974}
"""Of log-mel bands of AudioSet, for spectrogram transformers that do not say."""


class Patches(Borrowing):
    """Waves to patches of their spectrogram with positions.

    Positions are cut from the middle of the time they were learnt for, and stretched for longer sounds, as
    Gong et al. do.
    """

    borrowed = ("embeddings",)

    def __init__(self, network: Any, front: KaldiBands) -> None:
        super().__init__(network)
        self.front = front

    def forward(self, waves: Tensor) -> Tensor:
        """Tokens [n, 2 + bands x t, d]."""
        own = self.network.embeddings
        patches = own.patch_embeddings.projection(self.front(waves).transpose(1, 2)[:, None])
        tokens = (patches + self.positions(patches.shape[3])).flatten(2).transpose(1, 2)
        first = torch.cat([own.cls_token, own.distillation_token], dim=1) + own.position_embeddings[:, :SIDE]
        return torch.cat([first.expand(tokens.shape[0], -1, -1), tokens], dim=1)

    def positions(self, steps: int) -> Tensor:
        """Of the patches, [1, d, bands, steps]."""
        own = self.network.embeddings
        bands, learnt = own.get_shape(own.config)
        learnt_ones: Tensor = own.position_embeddings[:, SIDE:].transpose(1, 2)
        table = learnt_ones.reshape(1, -1, bands, learnt)
        if steps > learnt:
            return functional.interpolate(table, (bands, steps), mode="bilinear", align_corners=False)
        start = (learnt - steps) // 2
        return table[..., start : start + steps]


class Sides(Borrowing):
    """The vector of a sound: the mean of the tokens in front."""

    def forward(self, x: Tensor) -> Tensor:
        """[n, l, d] to [n, d]."""
        return x[:, :SIDE].mean(1)


class Waves(Borrowing):
    """Waves to the first hidden vectors, 50 a second, by convolutions."""

    borrowed: tuple[str, ...] = ("feature_extractor", "feature_projection", "encoder.pos_conv_embed")

    def __init__(self, network: Any, standardised: bool, normed: bool) -> None:
        super().__init__(network)
        self.front = Standardised() if standardised else nn.Identity()
        self.normed = normed
        if normed:
            self.borrowed = (*Waves.borrowed, "encoder.layer_norm")

    def forward(self, waves: Tensor) -> Tensor:
        """[n, t, d]."""
        network = self.network
        heard = network.feature_extractor(self.front(waves)).transpose(1, 2)
        projected = network.feature_projection(heard)
        x: Tensor = projected[0] if isinstance(projected, tuple) else projected
        x = x + network.encoder.pos_conv_embed(x)
        found: Tensor = network.encoder.layer_norm(x) if self.normed else x
        return found


class GatedAttention(Borrowing):
    """WavLM's attention, whose bias by distance is kept with its first layer and gated by every layer."""

    borrowed = ("encoder.layers.0.attention.rel_attn_embed",)

    def __init__(self, network: Any, attention: Any) -> None:
        super().__init__(network)
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        """[n, t, d] to the same shape."""
        own, heads = self.attention, (self.attention.num_heads, -1)
        shared = self.network.encoder.layers[0].attention.compute_bias(x.shape[1], x.shape[1])
        split = torch.unflatten(x, 2, heads).transpose(1, 2)
        gates = own.gru_rel_pos_linear(split).unflatten(3, (2, 4)).sum(-1).sigmoid()
        opened = gates[..., :1] * (gates[..., 1:] * own.gru_rel_pos_const - 1.0) + 2.0
        query, key, value = (
            torch.unflatten(part(x), 2, heads).transpose(1, 2)
            for part in (own.q_proj, own.k_proj, own.v_proj)
        )
        scores = own.scaling * query @ key.transpose(2, 3) + opened * shared
        weights = functional.dropout(scores.softmax(-1), own.dropout, own.training)
        out: Tensor = own.out_proj((weights @ value).transpose(1, 2).flatten(2))
        return out


class GatedLayer(nn.Module):
    """A layer of WavLM; `before` says that what goes into its parts is normalised, not what comes out."""

    def __init__(self, network: Any, layer: Any, before: bool) -> None:
        super().__init__()
        self.layer, self.before = layer, before
        self.attention = GatedAttention(network, layer.attention)

    def forward(self, x: Tensor) -> Tensor:
        """[n, t, d] to the same shape."""
        layer = self.layer
        if self.before:
            x = x + layer.dropout(self.attention(layer.layer_norm(x)))
            x = x + layer.feed_forward(layer.final_layer_norm(x))
        else:
            x = layer.layer_norm(x + layer.dropout(self.attention(x)))
            x = layer.final_layer_norm(x + layer.feed_forward(x))
        return x


class Bands(Borrowing):
    """Waves to Whisper's first hidden vectors, 50 a second, with as many positions as there are."""

    borrowed = ("conv1", "conv2", "embed_positions")

    def __init__(self, network: Any, front: WhisperBands) -> None:
        super().__init__(network)
        self.front = front

    def forward(self, waves: Tensor) -> Tensor:
        """[n, t, d].

        Raises:
            ValueError: longer than the network has positions for.
        """
        own = self.network
        x = functional.gelu(own.conv2(functional.gelu(own.conv1(self.front(waves))))).transpose(1, 2)
        positions = own.embed_positions.weight
        if x.shape[1] > len(positions):
            raise ValueError(f"{x.shape[1]} steps of time are more than the network's {len(positions)}")
        found: Tensor = x + positions[: x.shape[1]]
        return found


class WhisperLayer(nn.Module):
    """A layer that asks for a mask."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """[n, t, d] to the same shape."""
        out: Tensor = self.layer(x, None)
        return out


def spectrogram_split(network: Any, heard: Mapping[str, Any]) -> Split:
    """Patches and layers of an audio spectrogram transformer."""
    config = network.config
    mel = Mel(window=400, fft=512, bands=config.num_mel_bins)
    front = KaldiBands(mel, heard["mean"], 2 * heard["std"])
    blocks: list[nn.Module] = [Patches(network, front), *network.layers]
    blocks[-1] = Chain(blocks[-1], network.layernorm)
    bands = network.embeddings.get_shape(config)[0]
    return Split(_names(blocks), tuple(blocks), "NLC", SIDE, Sides(network), bands=bands)


def wave_split(network: Any, heard: Mapping[str, Any]) -> Split:
    """Convolutions and layers of wav2vec 2.0, HuBERT and WavLM."""
    before = bool(network.config.do_stable_layer_norm)
    gated = network.config.model_type == "wavlm"
    layers = network.encoder.layers
    blocks: list[nn.Module] = [Waves(network, heard["standardised"], normed=not before)]
    blocks += [GatedLayer(network, layer, before) if gated else layer for layer in layers]
    if before:
        blocks[-1] = Chain(blocks[-1], network.encoder.layer_norm)
    return Split(_names(blocks), tuple(blocks), "NLC", 0, MeanOverTime())


def whisper_split(network: Any, heard: Mapping[str, Any]) -> Split:
    """Convolutions and layers of Whisper's encoder."""
    from transformers.audio_utils import mel_filter_bank

    bank = mel_filter_bank(
        num_frequency_bins=201,
        num_mel_filters=network.config.num_mel_bins,
        min_frequency=0.0,
        max_frequency=8000.0,
        sampling_rate=16_000,
        norm="slaney",
        mel_scale="slaney",
    )
    blocks: list[nn.Module] = [
        Bands(network, WhisperBands(bank.astype(np.float32))),
        *map(WhisperLayer, network.layers),
    ]
    blocks[-1] = Chain(blocks[-1], network.layer_norm)
    return Split(_names(blocks), tuple(blocks), "NLC", 0, MeanOverTime())


SPLITS: dict[str, Callable[[Any, Mapping[str, Any]], Split]] = {
    "audio-spectrogram-transformer": spectrogram_split,
    "wav2vec2": wave_split,
    "hubert": wave_split,
    "wavlm": wave_split,
    "whisper": whisper_split,
}
"""How the networks of each model type of transformers fall into blocks."""


def _names(blocks: list[nn.Module]) -> tuple[str, ...]:
    return ("front", *(f"layers.{index}" for index in range(len(blocks) - 1)))
