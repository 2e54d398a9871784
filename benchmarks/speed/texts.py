"""Texts a second, frozen encoder: `python benchmarks/speed/texts.py TABLE --text COLUMN --label COLUMN`.

The engine against eager torch in float32, same weights, on the same texts in turns within one run. Eager
torch is measured twice: in batches as the texts come, as most scripts do it, and sorted by length.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from preseason import backbones
from preseason.backbones.embedded import ENCODER
from preseason.backbones.encoders import Encoder
from preseason.data.files import Columns
from preseason.engine.extract import Extractor
from preseason.engine.passes import FeatureSpec
from preseason.engine.tokens import Windows
from preseason.runtime.progress import Silent
from preseason.runtime.threads import available, limit_torch
from preseason.tasks.reading import read
from preseason.tasks.texts import TextDecoder

BATCH = 32
COMPARED = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--text", required=True, help="column of the texts")
    parser.add_argument("--label", required=True, help="column of the labels")
    parser.add_argument("--backbone", default=ENCODER)
    parser.add_argument("--texts", type=int, default=10_000, help="how many, at most")
    parser.add_argument("--tokens", type=int, default=128, help="the most of a text that is read")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv), flush=True)
    samples = read(asked.table, Silent(), Columns(asked.text, asked.label)).dataset.samples
    figures = measured([str(each.source) for each in samples[: asked.texts]], asked)
    for name, value in figures.items():
        print(f"{name:>40} {value:,.4g}" if isinstance(value, float) else f"{name:>40} {value}")
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, **figures}, indent=1), "utf-8")


def measured(texts: list[str], asked: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each side, the median over turns, their ratio, and how far the rows are apart."""
    encoder = backbones.load(asked.backbone)
    assert isinstance(encoder, Encoder)
    limit_torch()
    windows = Windows(encoder, asked.tokens, 1)
    with tempfile.TemporaryDirectory(prefix="preseason-texts-") as folder:
        extractor = Extractor(encoder, FeatureSpec(asked.tokens), TextDecoder(), Path(folder), "cpu")
        extractor.prepare(print)
        sides: dict[str, Callable[[], NDArray[np.float32]]] = {
            "engine": lambda: engine_rows(extractor, texts),
            "eager": lambda: eager_rows(encoder, windows, texts, in_order=True),
            "eager, sorted by length": lambda: eager_rows(encoder, windows, texts, in_order=False),
        }
        # The sides are compared by a few texts, and are warm afterwards.
        some = texts[:COMPARED]
        rows = engine_rows(extractor, some), eager_rows(encoder, windows, some, in_order=False)
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(asked.rounds):
            for name, run in sides.items():
                begin = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - begin)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    apart, usual = np.abs(rows[0] - rows[1]), np.abs(rows[1])
    return {
        "texts": len(texts),
        "threads": available(),
        "precision": extractor.precision,
        **{f"{name}, texts a second": len(texts) / taken for name, taken in medians.items()},
        "engine over eager": medians["eager"] / medians["engine"],
        "engine over eager sorted by length": medians["eager, sorted by length"] / medians["engine"],
        "largest difference": float(apart.max()),
        "of the largest value": float(apart.max() / usual.max()),
        "mean difference over mean value": float(apart.mean() / usual.mean()),
    }


def engine_rows(extractor: Extractor, texts: list[str]) -> NDArray[np.float32]:
    """Means of the last layer [n, d], through the engine and its batches."""
    out: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), 512):
        examples = [np.array([text], object) for text in texts[start : start + 512]]
        out += [_last_mean(row[0], extractor) for row in extractor.rows(examples, print)]
    return np.stack(out)


def _last_mean(row: NDArray[np.float32], extractor: Extractor) -> NDArray[np.float32]:
    width = extractor.backbone.width
    return row[: len(row) // 3][-width:]


@torch.inference_mode()
def eager_rows(encoder: Encoder, windows: Windows, texts: list[str], in_order: bool) -> NDArray[np.float32]:
    """Means of the last layer [n, d] by transformers, with tokenizing, in batches of 32."""
    tokens = windows.of(texts)
    order = np.arange(len(tokens)) if in_order else np.argsort([-len(each) for each in tokens], kind="stable")
    out = np.zeros((len(texts), encoder.width), np.float32)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        padded = torch.from_numpy(windows.padded([tokens[i] for i in chosen]))
        there = padded >= 0
        network: Any = encoder.network
        hidden = network(input_ids=padded.clamp(min=0), attention_mask=there.long()).last_hidden_state
        mean = (hidden * there.unsqueeze(-1)).sum(1) / there.sum(1, keepdim=True)
        out[chosen] = mean.numpy()
    return out


if __name__ == "__main__":
    main()
