"""One step over blocks of tokens, alone or as a part of what several workers do together."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from preseason.arrays.types import Ints
from preseason.distributed.data_parallel import SingleProcess
from preseason.language.packing import IGNORED, Blocks
from preseason.language.speed import computing, device_of
from preseason.language.trunk import Trunk
from preseason.language.vocabulary import Head


class Step(nn.Module):
    """Blocks to their mean loss, as one module: what shares gradients finds the trained weights in it."""

    def __init__(self, network: nn.Module, trunk: Trunk, head: Head) -> None:
        super().__init__()
        self.network = network
        self._trunk, self._head = trunk, head

    def forward(self, blocks: Blocks, generator: torch.Generator) -> Tensor:
        """The mean loss of the blocks' learnt tokens; the words that are drawn follow from `generator`."""
        states, targets = self._trunk.hidden_states(blocks)
        return self._head.loss(states, targets, generator)


def share_of(learn: Blocks, chosen: Ints, team: SingleProcess) -> tuple[Blocks, float]:
    """This worker's blocks of a step, and the weight of their mean loss in the mean over all workers.

    A worker for which none is left does one with others, at weight 0: all must take part.
    """
    mine = team.part(chosen)
    blocks = learn.some(mine if len(mine) else chosen[:1])
    if len(mine) == len(chosen):
        return blocks, 1.0
    part = blocks.learnt if len(mine) else 0
    return blocks, team.size * part / learn.some(chosen).learnt


def held_out_loss(
    trunk: Trunk, head: Head, held: Blocks, batch: int, autocast: torch.dtype | None, team: SingleProcess
) -> float:
    """Mean loss of the held-out tokens whose words are in the cut vocabulary."""
    network = trunk.network
    network.eval()
    parts = [held.some(slice(at, at + batch)) for at in range(0, len(held), batch)]
    counted = [(at, part) for at, part in enumerate(_inside(part, head) for part in parts) if part.learnt]
    total, count = 0.0, 0.0
    for turn in range(0, len(counted), team.size):
        # A worker for which no part is left goes through the last: spread weights are fetched by all at once.
        at, part = counted[min(turn + team.rank, len(counted) - 1)]
        with torch.no_grad(), team.collective(), computing(autocast, device_of(network)):
            states, targets = trunk.hidden_states(part)
            loss = head.loss(states, targets, torch.Generator().manual_seed(at * batch))
        if turn + team.rank < len(counted):
            total, count = total + float(loss) * len(targets), count + len(targets)
    total, count = team.all_reduce([total, count])
    return total / max(count, 1)


def _inside(blocks: Blocks, head: Head) -> Blocks:
    """The blocks, words left out that the cut head does not know."""
    if not head.cut:
        return blocks
    known = head.place.cpu().numpy() >= 0
    inside = np.where(blocks.targets == IGNORED, False, known[np.maximum(blocks.targets, 0)])
    return Blocks(blocks.ids, blocks.positions, np.where(inside, blocks.targets, IGNORED))


def timed_step(trunk: Trunk, head: Head, blocks: Blocks, autocast: torch.dtype | None) -> float:
    """Seconds of one forward and backward pass, the faster of two; the weights stay as they are."""
    return min(_one_step(trunk, head, blocks, autocast) for _ in range(2))


def _one_step(trunk: Trunk, head: Head, blocks: Blocks, autocast: Any) -> float:
    begin = time.monotonic()
    trunk.network.train()
    with computing(autocast, device_of(trunk.network)):
        states, targets = trunk.hidden_states(blocks)
        loss = head.loss(states, targets, torch.Generator().manual_seed(0))
    loss.backward()  # type: ignore[no-untyped-call]
    trunk.network.zero_grad(set_to_none=True)
    return time.monotonic() - begin
