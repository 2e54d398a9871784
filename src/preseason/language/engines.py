"""Which decoder a model talks with: OpenVINO in eight bits where its answers stay those of float32."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from preseason.errors import first_line
from preseason.language.decoding import Decoder, Logits, TorchDecoder
from preseason.language.openvino_decoder import OpenVinoDecoder
from preseason.runtime.progress import Progress

TOLERANCE = 0.08
"""The most that the next word's probabilities may differ in total variation (half the sum of differences)."""

TRIED = 12
"""Tokens after which the two are compared."""


def decoder_for(network: Any, key: str, cache: Path, progress: Progress) -> Decoder:
    """The decoder to talk with; on CUDA, and where OpenVINO cannot follow, that of transformers.

    Args:
        key: names the converted network in the cache: it must change with the weights.
    """
    plain = TorchDecoder(network)
    if network.get_input_embeddings().weight.device.type == "cuda":
        return plain
    kept = cache / "networks" / f"{key}-chat8-ov{version('openvino')}.xml"
    if not kept.is_file():
        progress.say("Converting the model for faster answers (once) ...")
    try:
        fast = OpenVinoDecoder(network, bits=8, kept=kept)
        away = difference(plain, fast, [int(token) for token in _some_tokens(network)])
    except Exception as error:
        reason = first_line(error)
        progress.say(
            f"OpenVINO cannot run this model ({reason}); using transformers instead, which is slower."
        )
        return plain
    if away > TOLERANCE:
        progress.say(
            f"In 8 bits its answers would change ({away:.2f} of the probability), so float32 is kept."
        )
        return plain
    return fast


def difference(plain: Decoder, fast: Decoder, tokens: list[int]) -> float:
    """Mean total variation of the next word's probabilities, after a prompt and after one more token."""
    pairs = [
        (plain.start(tokens[:-1]), fast.start(tokens[:-1])),
        (plain.step(tokens[-1]), fast.step(tokens[-1])),
    ]
    return float(np.mean([0.5 * np.abs(_chances(one) - _chances(other)).sum() for one, other in pairs]))


def _chances(logits: Logits) -> Logits:
    raised = np.exp(logits.astype(np.float64) - logits.max())
    chances: Logits = (raised / raised.sum()).astype(np.float32)
    return chances


def _some_tokens(network: Any) -> Any:
    """Tokens from all over the vocabulary, the same each time."""
    size = network.get_input_embeddings().weight.shape[0]
    return np.random.default_rng(0).integers(0, size, TRIED)
