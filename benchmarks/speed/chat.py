"""Tokens a second of generation and of training, each over transformers in float32, in one run.

`python benchmarks/speed/chat.py` (needs preseason[chat]) or with `--backbone NAME_OR_FOLDER`.

Generation: the ways take turns, so that a busy machine disturbs all alike; the median over the rounds is
told,
with the largest difference of the next word's log-probabilities from those of float32 over a text of 200
tokens.
Training: one step of low-rank adaptation (forward, backward) on texts of this project's own documentation,
padded
one by one with the whole output head as the usual loop does, and packed with the head cut to the words that
occur.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from preseason.language.base import Base, load_base
from preseason.language.decoding import TorchDecoder
from preseason.language.gemma import NAME
from preseason.language.openvino_decoder import OpenVinoDecoder
from preseason.language.packing import pack, pieces_of
from preseason.language.samples import Example
from preseason.language.speed import seconds_of_product
from preseason.language.training import timed_step
from preseason.language.trunk import Trunk
from preseason.language.tuning import tune
from preseason.language.vocabulary import Head
from preseason.places import cache_folder
from preseason.progress import Silent
from preseason.threads import limit_torch

ROOT = Path(__file__).parents[2]
PROMPT = "The ball is swung in from the corner, the keeper comes out, and"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backbone", default=NAME)
    parser.add_argument("--only", default="generation,training")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=32, help="tokens generated in a round")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv))
    limit_torch()
    base = load_base(asked.backbone, None, cache_folder(), Silent())
    figures: dict[str, Any] = {"command": sys.argv}
    if "generation" in asked.only:
        figures["generation"] = generation(base, asked.rounds, asked.tokens)
    if "training" in asked.only:
        figures["training"] = training(base, asked.rounds)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1), "utf-8")


def generation(base: Base, rounds: int, tokens: int) -> dict[str, Any]:
    """Tokens a second of each way, over `generate` in float32."""
    prompt = base.tokenizer(PROMPT)["input_ids"]
    ways: dict[str, Callable[[], float]] = {
        "transformers generate, f32": lambda: generated(base.network, prompt, tokens, None),
        "transformers generate, f32, static cache": lambda: generated(base.network, prompt, tokens, "static"),
        "transformers, our loop, f32": lambda: decoded(plain, prompt, tokens),
    }
    plain = TorchDecoder(base.network)
    differences: dict[str, float] = {}
    for bits in (32, 8):
        decoder = OpenVinoDecoder(base.network, bits)
        differences[decoder.name] = difference(plain, decoder, base)
        ways[decoder.name] = lambda decoder=decoder: decoded(decoder, prompt, tokens)
    if seconds_of_product(torch.bfloat16) < 4 * seconds_of_product(torch.float32):
        import copy

        half = copy.deepcopy(base.network).to(torch.bfloat16)
        ways["transformers generate, bf16"] = lambda: generated(half, prompt, tokens, None)
    return told(ways, rounds, "transformers generate, f32", differences)


def told(
    ways: dict[str, Callable[[], float]], rounds: int, first: str, beside: dict[str, float]
) -> dict[str, Any]:
    """Median speed of each way, taking turns, and its ratio to `first`."""
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for name, way in ways.items():
        way()  # warm up
        del name
    for _ in range(rounds):
        for name, way in ways.items():
            speeds[name].append(way())
    base = float(np.median(speeds[first]))
    found = {}
    for name, values in speeds.items():
        middle = float(np.median(values))
        note = f"   differs by {beside[name]:.2g}" if name in beside else ""
        print(f"{name:44} {middle:8.1f} tokens/s  {middle / base:6.2f} x{note}", flush=True)
        found[name] = {"tokens_per_s": values, "ratio": middle / base, "difference": beside.get(name)}
    return found


def generated(network: Any, prompt: list[int], tokens: int, cache: str | None) -> float:
    """Tokens a second of transformers' own loop."""
    ids = torch.tensor([prompt])
    settings = {} if cache is None else {"cache_implementation": cache, "disable_compile": True}
    begin = time.perf_counter()
    network.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        min_new_tokens=tokens,
        max_new_tokens=tokens,
        **settings,
    )
    return tokens / (time.perf_counter() - begin)


def decoded(decoder: Any, prompt: list[int], tokens: int) -> float:
    """Tokens a second of a decoder, the prompt included."""
    begin = time.perf_counter()
    logits = decoder.start(prompt)
    for _ in range(tokens - 1):
        logits = decoder.step(int(logits.argmax()))
    return tokens / (time.perf_counter() - begin)


def difference(plain: Any, other: Any, base: Base) -> float:
    """Mean loss of 100 next words of the README by `other`, less that by `plain` (natural logarithms)."""
    ids = base.tokenizer((ROOT / "README.md").read_text("utf-8"))["input_ids"][:101]
    return float(np.mean(losses(other, ids)) - np.mean(losses(plain, ids)))


def losses(decoder: Any, ids: list[int]) -> list[float]:
    """Negative log-probability of each token after the first."""
    found, logits = [], decoder.start(ids[:1])
    for token in ids[1:]:
        shifted = logits - logits.max()
        found.append(float(np.log(np.exp(shifted).sum()) - shifted[token]))
        logits = decoder.step(token)
    return found


def training(base: Base, rounds: int) -> dict[str, Any]:
    """Tokens a second of a training step, over padded single paragraphs with the whole head in float32."""
    texts = [
        part
        for path in sorted(ROOT.glob("docs/*.md"))
        for part in path.read_text("utf-8").split("\n\n")
        if len(part) > 80
    ]
    examples = [Example(str(at), text=text) for at, text in enumerate(texts)]
    pieces = pieces_of(base.tokenizer, examples, 256)
    padding = int(base.tokenizer.pad_token_id)
    packed = pack(pieces, 256, padding)
    tune(base.network, "auto", 0, cut=0)
    trunk = Trunk(base.network, 0, None, torch.float32, 256, Silent())
    whole, cut = Head(base.network, packed, whole=True), Head(base.network, packed)
    longest = max(len(piece.ids) for piece in pieces[:4])
    # As a collator pads them: each piece in a row of its own.
    rows = [pack([piece], longest, padding) for piece in pieces[:4]]
    padded = type(packed)(
        *(np.concatenate([getattr(row, name) for row in rows]) for name in ("ids", "positions", "targets"))
    )
    some = packed.some(slice(0, 2))

    def speed(head: Head, blocks: Any) -> float:
        return float(blocks.learnt / timed_step(trunk, head, blocks, None))

    ways = {
        "padded, whole head, f32": lambda: speed(whole, padded),
        "packed, whole head, f32": lambda: speed(whole, some),
        f"packed, {cut.size:,} words, f32": lambda: speed(cut, some),
    }
    return told(ways, rounds, "padded, whole head, f32", {})


if __name__ == "__main__":
    main()
