"""Which weights are trained: low-rank adapters (LoRA), the last blocks, or everything."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from preseason.distributed.data_parallel import ProcessGroup, is_spread, like, whole
from preseason.errors import UsageError
from preseason.language.quiet_transformers import quiet_transformers

RANK = 16
SCALE = 32
LEFT_ALONE = 3
"""One in so many blocks, the lowest, gets no adapter: what it gives is computed once."""

RATES = {"lora": 1e-3, "full": 2e-5}


@dataclass(frozen=True)
class Tuning:
    """A network made ready for training.

    Attributes:
        network: the transformers model; adapters stand inside it.
        adapted: the peft model around it, None without adapters.
        kind: `lora`, `last N blocks` or `all`, as said in reports.
        learning_rate: a peak rate that suits it.
        cut: index of the first block with trained weights; 0 where something below the blocks is trained too.
    """

    network: Any
    adapted: Any
    kind: str
    learning_rate: float
    cut: int = 0

    def trained(self) -> dict[str, nn.Parameter]:
        """The weights that are trained, by name."""
        return {name: weight for name, weight in self.network.named_parameters() if weight.requires_grad}

    def state(self) -> dict[str, Tensor]:
        """Copies of the trained weights; where they are spread over workers, whole ones on the CPU."""
        return {name: _copy(weight.detach()) for name, weight in self.trained().items()}

    def load(self, state: dict[str, Tensor]) -> None:
        """Put trained weights back.

        Raises:
            KeyError: other weights than those trained here.
        """
        with torch.no_grad():
            for name, weight in self.trained().items():
                weight.copy_(like(state[name], weight))

    def merged(self) -> Any:
        """The network with its adapters folded in: an ordinary transformers model. Ends the tuning."""
        return self.network if self.adapted is None else self.adapted.merge_and_unload()


def _copy(weight: Tensor) -> Tensor:
    return whole(weight).cpu() if is_spread(weight) else weight.clone()


def tune(network: Any, unfreeze: str, seed: int, cut: int | None = None) -> Tuning:
    """Make `network` trainable: `auto` adds adapters to linear layers, N frees the last N blocks.

    Low-rank adaptation: Hu et al. 2021, arXiv 2106.09685; on all linear layers of a block as in Dettmers et
    al. 2023.

    Args:
        cut: adapters stand in the blocks from this one on; None leaves out the lowest third.

    Raises:
        UsageError: the network has fewer blocks.
    """
    torch.manual_seed(seed)
    if unfreeze == "auto":
        cut = len(blocks_of(network)) // LEFT_ALONE if cut is None else cut
        return Tuning(network, _adapted(network, cut), "lora", RATES["lora"], cut)
    network.requires_grad_(unfreeze == "all")
    if unfreeze == "all":
        return Tuning(network, None, "all weights", RATES["full"])
    blocks = blocks_of(network)
    count = int(unfreeze)
    if not 1 <= count <= len(blocks):
        raise UsageError(
            f"unfreeze={unfreeze}: the model has {len(blocks)} blocks and no head of its own to train. "
            "Expected "
            f"1 to {len(blocks)}, all, or auto for low-rank adapters."
        )
    for block in blocks[-count:]:
        block.requires_grad_(True)
    return Tuning(network, None, f"last {count} blocks", RATES["full"], len(blocks) - count)


def count_trained(network: Any, unfreeze: str) -> int:
    """About how many weights `tune` would train; adapters are so few that they do not count."""
    if unfreeze == "auto":
        return 0
    if unfreeze == "all":
        return sum(weight.numel() for weight in network.parameters())
    last = blocks_of(network)[-int(unfreeze) :]
    return sum(weight.numel() for block in last for weight in block.parameters())


def spread(tuning: Tuning, team: ProcessGroup, kind: torch.dtype | None) -> None:
    """Spread the network's weights over the workers, block by block; the embeddings every worker keeps whole.

    Args:
        kind: dtype to compute in, None for float32.
    """
    network = tuning.network
    ends = (network.get_input_embeddings(), network.get_output_embeddings())
    for end in ends:
        end.to(team.device)
    kept = {weight for end in ends for weight in end.parameters()}
    team.spread(getattr(network, network.base_model_prefix), blocks_of(network), kept, kind)


def blocks_of(network: Any) -> nn.ModuleList:
    """The transformer's blocks: the longest list of modules in it."""
    lists = [part for part in network.modules() if isinstance(part, nn.ModuleList)]
    return max(lists, key=len)


def _adapted(network: Any, cut: int) -> Any:
    from peft import LoraConfig, get_peft_model

    network.requires_grad_(False)
    settings = LoraConfig(
        r=RANK,
        lora_alpha=SCALE,
        lora_dropout=0.0,
        target_modules=linear_layers(network, cut),
        task_type="CAUSAL_LM",
    )
    with quiet_transformers():
        return get_peft_model(network, settings)


def linear_layers(network: Any, cut: int) -> list[str]:
    """Names of the linear layers in the blocks from `cut` on."""
    from transformers.pytorch_utils import Conv1D

    inside = {id(part) for block in blocks_of(network)[cut:] for part in block.modules()}
    return [
        name
        for name, part in network.named_modules()
        if isinstance(part, nn.Linear | Conv1D) and id(part) in inside
    ]
