"""Fitted heads as torch modules over rows: what a graph can hold of them.

Each module maps rows float32 [n, parts, d] (or maps [n, looks, c, h, w]) to logits [n, c], the embedding
[n, e] and the attention [n, parts], which is None for heads that look at the whole.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from preseason.arrays.rows import MIN_LENGTH
from preseason.arrays.scaling import Scale
from preseason.errors import ExportError
from preseason.heads.attention import network_of as attention_network
from preseason.heads.lora import LoraHead
from preseason.heads.mlp import network_of as mlp_network
from preseason.heads.sequence import SequenceHead
from preseason.heads.tail import TailHead, mean_and_change
from preseason.inference.heads.attention import AttentionHead
from preseason.inference.heads.linear import LinearHead
from preseason.inference.heads.mlp import MlpHead
from preseason.inference.heads.moments import MomentsHead
from preseason.inference.heads.names import NamesHead
from preseason.inference.heads.prototype import SHARPNESS, PrototypeHead
from preseason.inference.heads.statistics import StatisticsHead
from preseason.inference.parts import MAX_VALUE, Scales

Said = tuple[Tensor, Tensor, Tensor | None]


class Scaled(nn.Module):
    """Rows brought to the scale that a head was fitted on."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, scale: Scale | Scales) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(np.asarray(scale.mean, np.float32)))
        self.register_buffer("deviation", torch.from_numpy(np.asarray(scale.deviation, np.float32)))
        self.kinds = torch.from_numpy(scale.kinds) if isinstance(scale, Scales) else None

    def forward(self, rows: Tensor) -> Tensor:
        """Scaled rows."""
        if self.kinds is None:
            return (rows - self.mean) / self.deviation
        return ((rows - self.mean[self.kinds]) / self.deviation[self.kinds]).clamp(-MAX_VALUE, MAX_VALUE)


class LinearModule(nn.Module):
    """A linear head."""

    weight: Tensor
    bias: Tensor

    def __init__(self, head: LinearHead) -> None:
        super().__init__()
        self.scale = Scaled(head.scale)
        self.register_buffer("weight", torch.from_numpy(np.ascontiguousarray(head.weight, np.float32)))
        self.register_buffer("bias", torch.from_numpy(np.asarray(head.bias, np.float32)))

    def forward(self, rows: Tensor) -> Said:
        """From the first part, which is the whole."""
        scaled = self.scale(rows[:, 0])
        return scaled @ self.weight + self.bias, scaled, None


class PrototypeModule(nn.Module):
    """A prototype head."""

    means: Tensor

    def __init__(self, head: PrototypeHead) -> None:
        super().__init__()
        self.scale = Scaled(head.scale)
        self.register_buffer("means", torch.from_numpy(np.ascontiguousarray(head.means, np.float32)))

    def forward(self, rows: Tensor) -> Said:
        """Cosines to the class means."""
        scaled = self.scale(rows[:, 0])
        unit = scaled / scaled.norm(dim=1, keepdim=True).clamp_min(MIN_LENGTH)
        return SHARPNESS * unit @ self.means.T, unit, None


class MlpModule(nn.Module):
    """A dense head on the whole's features or on a flattened map."""

    def __init__(self, head: MlpHead) -> None:
        super().__init__()
        self.scale, self.network = Scaled(head.scale), mlp_network(head)

    def forward(self, rows: Tensor) -> Said:
        """From the first part."""
        first = rows[:, 0]
        embedded = first if first.ndim == 2 else first.flatten(2).mean(2)
        return self.network(self.scale(first.flatten(1))), embedded, None


class AttentionModule(nn.Module):
    """Gated attention over parts."""

    def __init__(self, head: AttentionHead) -> None:
        super().__init__()
        self.scale, self.network = Scaled(head.scales), attention_network(head)

    def forward(self, rows: Tensor) -> Said:
        """From all parts."""
        scaled = self.scale(rows)
        hidden, weights = self.network.weigh(scaled)
        spread = weights.unsqueeze(-1)
        return self.network.classifier((spread * hidden).sum(1)), (spread * scaled).sum(1), weights


class OverTimeModule(nn.Module):
    """A linear head on what moments of a sound, or frames of a clip, have in common and how they differ."""

    def __init__(self, head: MomentsHead | StatisticsHead) -> None:
        super().__init__()
        self.linear, self.frames = LinearModule(head.linear), max(head.frames, 1)
        self.summary = _of_moments if isinstance(head, MomentsHead) else _of_frames
        self.views = head.views if isinstance(head, MomentsHead) else 1

    def forward(self, rows: Tensor) -> Said:
        """From the whole of each moment, averaged over the views."""
        regions = rows.shape[1] // (self.frames * self.views)
        parted = rows.reshape(rows.shape[0], self.frames, self.views, regions, rows.shape[2])[:, :, :, 0]
        summed = torch.stack([self.summary(parted[:, :, view]) for view in range(self.views)]).mean(0)
        return self.linear(summed[:, None])  # type: ignore[no-any-return]


class SequenceModule(nn.Module):
    """A head that reads moments or frames in order."""

    def __init__(self, head: SequenceHead) -> None:
        super().__init__()
        self.scale, self.frames = Scaled(head.scales), head.frames
        self.network = copy.deepcopy(head.network).to("cpu")

    def forward(self, rows: Tensor) -> Said:
        """From the whole of each moment."""
        scaled = self.scale(_wholes(rows, self.frames))
        return self.network(scaled), scaled.mean(1), None


def _wholes(rows: Tensor, frames: int) -> Tensor:
    """The whole of each moment, without its regions: [n, t, d]."""
    return rows.reshape(rows.shape[0], frames, rows.shape[1] // frames, rows.shape[2])[:, :, 0]


def _of_moments(moments: Tensor) -> Tensor:
    """As `preseason.inference.moments` summarises."""
    count = moments.shape[1]
    if count == 1:
        return moments[:, 0]
    halves = moments[:, : count // 2].mean(1), moments[:, count // 2 :].mean(1)
    spread = moments.var(1, correction=0).sqrt()
    return torch.cat([moments.mean(1), moments.amax(1), spread, *halves], dim=1)


def _of_frames(shown: Tensor) -> Tensor:
    """As `preseason.inference.frames` summarises."""
    if shown.shape[1] == 1:
        return shown.mean(1)
    motion = (shown[:, 1:] - shown[:, :-1]).abs().mean(1)
    return torch.cat([shown.mean(1), shown.var(1, correction=0).sqrt(), motion], dim=1)


class TailModule(nn.Module):
    """Fine-tuned blocks over the maps of every look, whose answers are averaged."""

    def __init__(self, head: TailHead) -> None:
        super().__init__()
        # A copy: what is exported is traced on the CPU, wherever the model itself lies.
        self.tail = copy.deepcopy(head.tail).to("cpu")
        self.frames = head.tail.frames

    def forward(self, rows: Tensor) -> Said:
        """From maps [n, looks, c, h, w]; of a look with moments [n, moments x looks, ...]."""
        views = rows
        if self.frames:
            apart = rows.reshape(rows.shape[0], self.frames, rows.shape[1] // self.frames, *rows.shape[2:])
            views = apart.transpose(1, 2)
        count = views.shape[1]
        flat = views.flatten(0, 1)
        vectors = self._of_clips(flat) if self.frames else self._vectors(flat)
        if self.tail.reader is None:
            embedded = vectors
            logits = self.tail.classifier(vectors)
        else:
            each = self._vectors(flat.flatten(0, 1)).reshape(-1, self.frames, self.tail.backbone.width)
            embedded, logits = vectors, self.tail.classifier(each)
        said = logits.reshape(-1, count, logits.shape[1]).log_softmax(-1)
        split = embedded.reshape(-1, count, embedded.shape[1])
        shown = split[:, 0] if self.frames else split.mean(1)
        return said.logsumexp(1) - float(np.log(count)), shown, None

    def _of_clips(self, maps: Tensor) -> Tensor:
        """Mean over the moments of an example and mean change between them, [n, 2 d]."""
        each = self._vectors(maps.flatten(0, 1)).reshape(-1, self.frames, self.tail.backbone.width)
        return mean_and_change(each, self.frames // self.tail.shown)

    def _vectors(self, maps: Tensor) -> Tensor:
        # Padding, known only when a batch is there, is not cut off: a graph takes its input as it is.
        backbone = self.tail.backbone
        vectors: Tensor = backbone.split.embed(backbone.run(maps, start=self.tail.cut))
        return vectors


class NamesModule(nn.Module):
    """A linear head on the last layer's mean at length 1."""

    weight: Tensor
    bias: Tensor

    def __init__(self, head: NamesHead) -> None:
        super().__init__()
        self.span = slice(*head.span)
        self.register_buffer("weight", torch.from_numpy(np.ascontiguousarray(head.weight, np.float32)))
        self.register_buffer("bias", torch.from_numpy(np.asarray(head.bias, np.float32)))

    def forward(self, rows: Tensor) -> Said:
        """From the first part, which is the whole."""
        vectors = rows[:, 0, self.span]
        unit = vectors / vectors.norm(dim=1, keepdim=True).clamp_min(MIN_LENGTH)
        return unit @ self.weight + self.bias, unit, None


MODULES: dict[type, Callable[[Any], nn.Module]] = {
    LinearHead: LinearModule,
    PrototypeHead: PrototypeModule,
    MlpHead: MlpModule,
    AttentionHead: AttentionModule,
    TailHead: TailModule,
    LoraHead: TailModule,
    NamesHead: NamesModule,
    MomentsHead: OverTimeModule,
    StatisticsHead: OverTimeModule,
    SequenceHead: SequenceModule,
}


def module_of(head: Any) -> nn.Module:
    """The head as a module.

    Raises:
        ExportError: heads of its kind are not exported.
    """
    make = MODULES.get(type(head))
    if make is None:
        kinds = ", ".join(each.__name__.removesuffix("Head").lower() for each in MODULES)
        raise ExportError(
            f"A {type(head).__name__} cannot be exported: expected one of {kinds}. Fit again with --head "
            "linear or attention, or use preseason serve."
        )
    return make(head).eval()
