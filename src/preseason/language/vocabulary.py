"""The output head cut to the words that occur, with an estimate of what the words left out would add.

Two thirds of the arithmetic of a small model with a large vocabulary is its output head, and a club's texts
use
a twentieth of the words. Leaving the others out of the softmax altogether would teach the model nothing
against
them, and mislead: so every step draws some of them and weighs them up (importance sampling of the partition
function; Jean et al. 2015, arXiv 1412.2007). Judged, and generated from, is the whole vocabulary.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from preseason.language.packing import IGNORED, Blocks
from preseason.language.scoring import capped

DRAWN = 512
"""Words left out that are drawn in each step."""

WORTH_CUTTING = 0.5
"""Cut where the head becomes this part of itself or less."""


class Head:
    """The loss of hidden states, over the words that occur or over all.

    Args:
        network: its output embeddings are read anew in each step where they are trained.
        blocks: what is learnt; its targets are the words that occur.
        whole: use all words whatever the share.
    """

    def __init__(self, network: Any, blocks: Blocks, whole: bool = False) -> None:
        self.network = network
        self.layer = network.get_output_embeddings()
        device, size = self.layer.weight.device, len(self.layer.weight)
        used = np.unique(blocks.targets[blocks.targets != IGNORED])
        self.cut = not whole and len(used) + DRAWN <= WORTH_CUTTING * size
        self.words = torch.from_numpy(used).to(device)
        self.place = torch.full((size,), -1, dtype=torch.int64, device=device)
        self.place[self.words] = torch.arange(len(used), device=device)
        rest = np.setdiff1d(np.arange(size), used)
        self.rest = torch.from_numpy(rest).to(device)
        self.frozen = not self.layer.weight.requires_grad
        self.kept = self._rows(self.words) if self.cut and self.frozen else None

    @property
    def size(self) -> int:
        """Words in the softmax of a step."""
        return len(self.words) + DRAWN if self.cut else len(self.layer.weight)

    def loss(self, states: Tensor, targets: Tensor, generator: torch.Generator) -> Tensor:
        """Mean cross-entropy of states [k, d] and targets int64 [k]."""
        if not self.cut:
            logits = self._logits(states, (self.layer.weight, getattr(self.layer, "bias", None)))
            return torch.nn.functional.cross_entropy(logits, targets)
        inside = self._logits(states, self.kept or self._rows(self.words))
        drawn = self.rest[torch.randperm(len(self.rest), generator=generator)[:DRAWN].to(self.rest.device)]
        # Each drawn word stands for as many as were left out of the draw.
        outside = self._logits(states, self._rows(drawn)) + math.log(len(self.rest) / len(drawn))
        logits = torch.cat([inside, outside], dim=1)
        return torch.nn.functional.cross_entropy(logits, self.place[targets])

    def _rows(self, words: Tensor) -> tuple[Tensor, Tensor | None]:
        bias = getattr(self.layer, "bias", None)
        return self.layer.weight[words], None if bias is None else bias[words]

    def _logits(self, states: Tensor, rows: tuple[Tensor, Tensor | None]) -> Tensor:
        weight, bias = rows
        return capped(self.network, torch.nn.functional.linear(states.to(weight.dtype), weight, bias))
