"""Speed of generation and of training a language model, each over transformers in float32, in one run.

`python benchmarks/speed/chat.py --data DATA` takes about five minutes on two quiet cores, `--only style`
or `--only training` half of it. DATA: dialogues or texts as `fit` reads them; preseason[chat] must be there.

Generation: the ways take turns, so that a busy machine disturbs all alike; the median over the rounds is
told, with the difference of the mean loss from that of float32 over a text of 100 tokens.
Training: the Hugging Face Trainer (low-rank adapters on all linear layers, float32, each example padded to
the longest of its batch) for `--seconds`, and ours on the same texts: tokens a second without padding, the
perplexity of held-out texts over the whole vocabulary, and the seconds until ours is as low as theirs.
"""

import argparse
import copy
import json
import sys
import tempfile
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
from preseason.language.reading import read_corpus
from preseason.language.scoring import log_likelihoods, perplexity
from preseason.language.speed import computing, fastest_type, seconds_of_forward, seconds_of_product
from preseason.language.split import HELD_OUT, divide
from preseason.language.training import Run, TrainingConfig
from preseason.language.trunk import Trunk, matrices_in
from preseason.language.tuning import tune
from preseason.language.vocabulary import Head
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Silent
from preseason.runtime.threads import limit_torch

ROOT = Path(__file__).parents[2]
PROMPT = "The ball is swung in from the corner, the keeper comes out, and"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backbone", default=NAME)
    parser.add_argument("--only", default="generation,training")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=32, help="tokens generated in a round")
    parser.add_argument("--data", type=Path, help="what to train on; for training")
    parser.add_argument("--seconds", type=float, default=60, help="training time of the Trainer")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    if "training" in asked.only and asked.data is None:
        parser.error("training needs --data, or name --only generation")
    print("python " + " ".join(sys.argv))
    limit_torch()
    base = load_base(asked.backbone, None, cache_folder(), Silent())
    figures: dict[str, Any] = {"command": sys.argv}
    if "generation" in asked.only:
        figures["generation"] = style(base, asked.rounds, asked.tokens)
    if "training" in asked.only:
        figures["training"] = training(base, asked.data, asked.seconds)
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1), "utf-8")


def style(base: Base, rounds: int, tokens: int) -> dict[str, Any]:
    """Tokens a second of each way, over `generate` in float32."""
    prompt = base.tokenizer(PROMPT)["input_ids"]
    candidates: dict[str, Callable[[], float]] = {
        "transformers generate, f32": lambda: generated(base.network, prompt, tokens, None),
        "transformers generate, f32, static cache": lambda: generated(base.network, prompt, tokens, "static"),
        "transformers, our loop, f32": lambda: decoded(plain, prompt, tokens),
    }
    plain = TorchDecoder(base.network)
    differences: dict[str, float] = {}
    for bits in (32, 8):
        decoder = OpenVinoDecoder(base.network, bits)
        differences[decoder.name] = difference(plain, decoder, base)
        candidates[decoder.name] = lambda decoder=decoder: decoded(decoder, prompt, tokens)
    if seconds_of_product(torch.bfloat16) < 4 * seconds_of_product(torch.float32):
        half = copy.deepcopy(base.network).to(torch.bfloat16)
        candidates["transformers generate, bf16"] = lambda: generated(half, prompt, tokens, None)
    return told(candidates, rounds, "transformers generate, f32", differences)


def told(
    candidates: dict[str, Callable[[], float]], rounds: int, first: str, beside: dict[str, float]
) -> dict[str, Any]:
    """Median speed of each way, taking turns, and its ratio to `first`."""
    speeds: dict[str, list[float]] = {name: [] for name in candidates}
    for name, candidate in candidates.items():
        candidate()  # warm up
        del name
    for _ in range(rounds):
        for name, candidate in candidates.items():
            speeds[name].append(candidate())
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


def training(base: Base, data: Path, seconds: float) -> dict[str, Any]:
    """The Trainer and ours on the same texts."""
    sides = divide(read_corpus(data), HELD_OUT, 0)
    length = 128 if any(example.messages for example in sides.learn) else 256
    learn, held = (pieces_of(base.tokenizer, side, length) for side in (sides.learn, sides.held))
    padding = int(base.tokenizer.pad_token_id)
    packed, judged = pack(learn, length, padding), pack(held, length, padding)
    judged = judged.some(np.linspace(0, len(judged) - 1, min(12, len(judged))).astype(int))
    kind = fastest_type(lambda kind: seconds_of_forward(base.network, packed, kind), "cpu")
    before = perplexity_of(base.network, judged, kind)
    print(f"held-out perplexity before: {before:.1f} ({judged.learnt} tokens)", flush=True)
    theirs = trainer(base, learn, judged, seconds, kind)
    told_run("Trainer, padded, f32", theirs)
    ours = ours_for(base, packed, judged, seconds, kind)
    told_run("ours", ours)
    print(f"tokens a second: {ours['tokens_per_s'] / theirs['tokens_per_s']:.1f} x", flush=True)
    equal = seconds_to(base, packed, judged, theirs["perplexity"], seconds, kind)
    if equal is None:
        print("ours did not come as low as the Trainer within its time", flush=True)
    else:
        print(f"as low as the Trainer after {equal:.1f} s: {seconds / equal:.1f} x", flush=True)
    return {"before": before, "trainer": theirs, "ours": ours, "seconds_to_equal": equal}


def told_run(name: str, run: dict[str, float]) -> None:
    """One line."""
    print(
        f"{name:24} {run['tokens_per_s']:8.1f} tokens/s in {run['seconds']:.0f} s, "
        f"perplexity {run['perplexity']:.1f}",
        flush=True,
    )


def trainer(base: Base, pieces: list[Any], judged: Any, seconds: float, kind: Any) -> dict[str, float]:
    """The Hugging Face Trainer for that long; its tokens are those of the examples, without padding."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    network = copy.deepcopy(base.network)
    adapted = tune(network, "auto", 0, cut=0).adapted
    order = np.random.default_rng(0).permutation(len(pieces))
    rows = [
        {
            "input_ids": pieces[at].ids.tolist(),
            "labels": np.where(pieces[at].learn, pieces[at].ids, -100).tolist(),
        }
        for at in order
    ]
    seen = [0, 0.0]

    def padded(batch: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in batch)
        seen[0] += sum(len(row["input_ids"]) for row in batch)

        def filled(name: str, value: int) -> torch.Tensor:
            return torch.tensor([row[name] + [value] * (longest - len(row[name])) for row in batch])

        mask = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in batch]
        return {
            "input_ids": filled("input_ids", 0),
            "labels": filled("labels", -100),
            "attention_mask": torch.tensor(mask),
        }

    class Clock(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            seen[1] = time.monotonic() - begin
            control.should_training_stop = seen[1] >= seconds

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=4, learning_rate=1e-3, num_train_epochs=4, report_to=[],
            lr_scheduler_type="constant_with_warmup", warmup_steps=8, save_strategy="no",
            logging_strategy="no", disable_tqdm=True, use_cpu=True, seed=0,
        )  # fmt: skip
        run = Trainer(
            model=adapted, args=arguments, train_dataset=rows, data_collator=padded, callbacks=[Clock()]
        )
        begin = time.monotonic()
        run.train()
    perplexity = perplexity_of(network, judged, kind)
    return {"tokens_per_s": seen[0] / seen[1], "seconds": seen[1], "perplexity": perplexity}


def ours_for(base: Base, packed: Any, judged: Any, seconds: float, kind: Any) -> dict[str, float]:
    """Our training for that long, with an empty bank."""
    network = copy.deepcopy(base.network)
    tuning = tune(network, "auto", 0)
    batch = max(1, 1024 // packed.ids.shape[1])
    config = TrainingConfig(4, batch, tuning.learning_rate, seconds, 0, autocast=kind)
    with tempfile.TemporaryDirectory() as folder, matrices_in(network, kind):
        trunk = Trunk(network, tuning.cut, Path(folder), kind or torch.float32, packed.ids.shape[1], Silent())
        begin = time.monotonic()
        trained = Run(tuning, Head(network, packed), packed, judged, config, trunk).run(None, Silent())
        spent = time.monotonic() - begin
    perplexity = perplexity_of(network, judged, kind)
    return {"tokens_per_s": trained.tokens_per_s, "seconds": spent, "perplexity": perplexity}


def seconds_to(
    base: Base, packed: Any, judged: Any, wanted: float, seconds: float, kind: Any
) -> float | None:
    """Seconds of our training, from the beginning, after which the perplexity is as low as `wanted`."""
    for share in (0.05, 0.1, 0.2, 0.4, 0.7, 1.0):
        found = ours_for(base, packed, judged, share * seconds, kind)
        told_run(f"ours, {share:.0%} of the time", found)
        if found["perplexity"] <= wanted:
            return found["seconds"]
    return None


def perplexity_of(network: Any, judged: Any, kind: Any) -> float:
    """Over the whole vocabulary."""
    with matrices_in(network, kind, trained=True), computing(kind, "cpu"):
        return perplexity(np.concatenate(list(log_likelihoods(network, judged))))


if __name__ == "__main__":
    main()
