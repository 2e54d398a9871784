"""Log-likelihoods of tokens over the whole vocabulary, and perplexity."""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from preseason.language.packing import IGNORED, Blocks

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 512
"""Positions whose logits are in memory at a time: 512 x 262,144 float32 are half a gigabyte."""

HEAD_TRIED = 16
"""Tokens on which the head is tried."""

Floats = NDArray[np.float64]


def hidden_states(network: Any, blocks: Blocks) -> "tuple[Tensor, Tensor]":
    """The last hidden states [k, d] at the k positions that are learnt, and their targets int64 [k].

    No attention mask and no cache: see `preseason.language.packing`.
    """
    import torch

    device = network.get_input_embeddings().weight.device
    ids, positions = torch.from_numpy(blocks.ids), torch.from_numpy(blocks.positions)
    targets = torch.from_numpy(blocks.targets).to(device)
    body = getattr(network, network.base_model_prefix)
    output = body(input_ids=ids.to(device), position_ids=positions.to(device), use_cache=False)
    wanted = targets != IGNORED
    return output.last_hidden_state[wanted], targets[wanted]


def head_is_plain(network: Any, blocks: Blocks) -> bool:
    """Whether the network's logits are those of `logits_of`: some families scale or shift them further."""
    import torch

    short = slice(0, 1), slice(0, HEAD_TRIED)
    one = Blocks(blocks.ids[short], blocks.positions[short], blocks.ids[short])
    device = network.get_input_embeddings().weight.device
    with torch.inference_mode():
        states, _ = hidden_states(network, one)
        ours = logits_of(network, states[:8])
        ids, positions = torch.from_numpy(one.ids).to(device), torch.from_numpy(one.positions).to(device)
        theirs = network(input_ids=ids, position_ids=positions, use_cache=False).logits
    theirs = theirs[0, :8]
    return bool(torch.allclose(ours, theirs, rtol=1e-2, atol=1e-2 * float(theirs.abs().max())))


def logits_of(network: Any, states: "Tensor", words: "Tensor | None" = None) -> "Tensor":
    """Logits [k, vocabulary] of hidden states [k, d], of the words at `words` alone where given."""
    import torch

    head = network.get_output_embeddings()
    weight, bias = head.weight, getattr(head, "bias", None)
    if words is not None:
        weight, bias = weight[words], None if bias is None else bias[words]
    return capped(network, torch.nn.functional.linear(states.to(weight.dtype), weight, bias))


def capped(network: Any, logits: "Tensor") -> "Tensor":
    """The logits as float32, softly capped where the family does that."""
    import torch

    limit = getattr(network.config, "final_logit_softcapping", None)
    logits = logits.float()
    return logits if limit is None else limit * torch.tanh(logits / limit)


def log_likelihoods(
    network: Any, blocks: Blocks, advance: Callable[[], None] | None = None
) -> Iterator[Floats]:
    """For each block, the natural log-likelihoods of its learnt tokens, in order, over all words."""
    import torch

    network.eval()
    for at in range(len(blocks)):
        with torch.inference_mode():
            states, targets = hidden_states(network, blocks.some(slice(at, at + 1)))
            parts = [
                _picked(logits_of(network, states[start : start + ROWS]), targets[start : start + ROWS])
                for start in range(0, len(targets), ROWS)
            ]
            found = torch.cat(parts) if parts else torch.zeros(0)
        yield found.double().cpu().numpy()
        if advance is not None:
            advance()


def perplexity(log_likelihood: Floats) -> float:
    """exp of the mean negative log-likelihood of [n] tokens; NaN without tokens."""
    return math.exp(-float(log_likelihood.mean())) if len(log_likelihood) else float("nan")


def perplexity_range(by_block: list[Floats], seed: int = 0, draws: int = 1000) -> tuple[float, float]:
    """95 % of the perplexities of blocks drawn with replacement (bootstrap): what chance alone may change."""
    sums = np.array([values.sum() for values in by_block])
    counts = np.array([len(values) for values in by_block])
    chosen = np.random.default_rng(seed).integers(len(sums), size=(draws, len(sums)))
    means = sums[chosen].sum(axis=1) / np.maximum(counts[chosen].sum(axis=1), 1)
    low, high = np.quantile(np.exp(-means), [0.025, 0.975])
    return float(low), float(high)


def _picked(logits: "Tensor", targets: "Tensor") -> "Tensor":
    import torch

    chosen = logits.gather(1, targets[:, None])[:, 0]
    return chosen - torch.logsumexp(logits, dim=1)
