"""Accuracy of every head over time and of the default: `python benchmarks/quality/clips.py DATA`.

DATA is a folder with one folder of clips for each play. Every clip is judged by a model that has not seen it;
near-copies lie in one fold. What the frozen network sees is computed once for all heads and seeds.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import preseason
from preseason.tasks.base import tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--heads", default=",".join((*tasks.get("clips").heads, "auto")))
    parser.add_argument("--cache", help="feature bank; a temporary one by default")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv), f"\n{'head':12} {'seed':>4} {'right':>6} {'ece':>6} {'s':>5}  kept")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="preseason-quality-") as folder:
        for head in asked.heads.split(","):
            mine = [row_of(asked.data, head, seed, asked.cache or folder) for seed in range(asked.seeds)]
            right = [100 * row["accuracy"] for row in mine]
            print(f"{head:12} mean {np.mean(right):6.1f}   deviation {np.std(right):.1f}", flush=True)
            rows += mine
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "fits": rows}, indent=1), "utf-8")


def row_of(data: Path, head: str, seed: int, cache: str) -> dict[str, Any]:
    """Fit once, print a line and give its figures; the default has its own budget."""
    settings = {} if head == "auto" else {"head": head, "unfreeze": 0, "budget_s": "1h"}
    begin = time.perf_counter()
    record = preseason.fit(data, seed=seed, cache=cache, **settings).record
    seconds, score = time.perf_counter() - begin, record.score
    ece = record.metrics["ece"].value
    print(
        f"{head:12} {seed:4} {100 * score.value:6.1f} {ece:6.3f} {seconds:5.0f}  {record.head}",
        flush=True,
    )
    return {
        "head": head,
        "seed": seed,
        "n": score.n,
        "accuracy": score.value,
        "low": score.low,
        "high": score.high,
        "ece": ece,
        "kept": record.head,
        "tried": {item.name: item.accuracy for item in record.candidates},
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
