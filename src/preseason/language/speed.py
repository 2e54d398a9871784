"""Measured speed: in which type this machine computes, and how many seconds a forward pass takes."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from preseason.language.packing import Blocks
from preseason.language.scoring import hidden_states
from preseason.language.trunk import matrices_in

TRIED_TOKENS = 128


def fastest_type(step: Callable[[torch.dtype | None], float], device: str) -> torch.dtype | None:
    """bfloat16 where a measured step is faster by a tenth with it, else None (float32).

    Processors without bfloat16 work it out in float32 many times more slowly, so one product of matrices
    is tried before a whole step.

    Args:
        step: seconds of one step with that type.
    """
    if device == "cuda":
        return torch.bfloat16
    if seconds_of_product(torch.bfloat16) > seconds_of_product(torch.float32):
        return None
    return torch.bfloat16 if step(torch.bfloat16) < 0.9 * step(None) else None


def name_of_type(kind: torch.dtype | None) -> str:
    """What a type is called in records; None is float32."""
    return "float32" if kind is None else str(kind).removeprefix("torch.")


def type_called(name: str) -> torch.dtype | None:
    """The type of that name, as of `name_of_type`."""
    return torch.bfloat16 if name == "bfloat16" else None


def seconds_of_product(kind: torch.dtype) -> float:
    """Seconds of a matrix product of 256 x 640 by 640 x 2048, the fastest of three."""
    left, right = torch.ones(256, 640, dtype=kind), torch.ones(640, 2048, dtype=kind)
    return min(_seconds(lambda: left @ right) for _ in range(3))


def seconds_of_forward(network: Any, blocks: Blocks, kind: torch.dtype | None) -> float:
    """Seconds for a token of the blocks of the network, without its head; the faster of two tries."""
    one = blocks.some(slice(0, 1))
    size = min(TRIED_TOKENS, one.ids.shape[1])
    short = Blocks(one.ids[:, :size], one.positions[:, :size], one.targets[:, :size])
    network.eval()
    context = computing(kind, device_of(network))
    with matrices_in(network, kind, trained=True), torch.inference_mode(), context:
        seconds = min(_seconds(lambda: hidden_states(network, short)) for _ in range(2))
    return float(seconds / size)


def device_of(network: Any) -> str:
    """`cpu` or `cuda`."""
    return str(network.get_input_embeddings().weight.device.type)


def computing(kind: torch.dtype | None, device: str) -> Any:
    """A context in which matrices are multiplied in that type."""
    return nullcontext() if kind is None else torch.autocast(device, kind)


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
