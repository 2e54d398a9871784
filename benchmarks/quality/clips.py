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
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--backbone", default="auto", help="as of `preseason fit`: auto also reads motion")
    parser.add_argument("--budget", help="of the default settings; their own by default")
    parser.add_argument("--cache", help="feature bank; a temporary one by default")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv), f"\n{'head':12} {'seed':>4} {'right':>6} {'ece':>6} {'s':>5}  kept")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="preseason-quality-") as folder:
        for head in asked.heads.split(","):
            seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
            mine = [row_of(asked, head, seed, asked.cache or folder) for seed in seeds]
            right = [100 * row["accuracy"] for row in mine]
            print(f"{head:12} mean {np.mean(right):6.1f}   deviation {np.std(right):.1f}", flush=True)
            rows += mine
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "fits": rows}, indent=1), "utf-8")


def row_of(asked: argparse.Namespace, head: str, seed: int, cache: str) -> dict[str, Any]:
    """Fit once, print a line and give its figures; the default has its own budget unless one is named."""
    own = {} if asked.budget is None else {"budget_s": asked.budget}
    settings = own if head == "auto" else {"head": head, "unfreeze": 0, "budget_s": "1h"}
    begin = time.perf_counter()
    record = preseason.fit(asked.data, seed=seed, cache=cache, backbone=asked.backbone, **settings).record
    seconds, score = time.perf_counter() - begin, record.score
    ece = record.metrics["ece"].value
    print(
        f"{head:12} {seed:4} {100 * score.value:6.1f} {ece:6.3f} {seconds:5.0f}  {record.head}",
        *(each["said"] for each in record.networks.values()),
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
        "networks": record.networks,
        "metrics": {name: figure.value for name, figure in record.metrics.items()},
        "tried": {item.name: item.accuracy for item in record.candidates},
        "seconds": seconds,
    }


if __name__ == "__main__":
    main()
