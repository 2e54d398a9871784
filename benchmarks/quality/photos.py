"""Accuracy of the default settings over several seeds: `python benchmarks/quality/photos.py DATA [DATA ...]`.

Each DATA is a folder with one folder of photos for each label. With `--grey`, copies without colour are tried
as well: players in one shirt are told apart by less. Every photo is judged by a model that has not seen it.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import preseason

HEADER = (
    f"{'data':28} {'seed':>4} {'n':>5} {'right':>7} {'linear':>7} {'scratch':>7} {'ece':>6} {'s':>6}  kept"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", help="time of one fit; by default that of every fit")
    parser.add_argument("--grey", action="store_true", help="also try copies without colour")
    parser.add_argument("--backbone", default="auto", help="as of `preseason fit`: auto also reads faces")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--cache", help="feature bank; a temporary one by default")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv), f"\n{HEADER}")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="preseason-quality-") as folder:
        cache = asked.cache or f"{folder}/cache"
        grey = [grey_copy(data, Path(folder) / f"{data.name}-grey") for data in asked.data if asked.grey]
        for data in [*asked.data, *grey]:
            mine = [
                row_of(data, seed, asked.budget, cache, asked.backbone)
                for seed in range(asked.first_seed, asked.first_seed + asked.seeds)
            ]
            rows += mine
            right = [100 * row["accuracy"] for row in mine]
            print(f"{data.name:28} mean {np.mean(right):12.1f}   deviation {np.std(right):.1f}", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "fits": rows}, indent=1), "utf-8")


def row_of(data: Path, seed: int, budget: str | None, cache: str, backbone: str) -> dict[str, Any]:
    """Fit once, print a line and give its figures."""
    begin = time.perf_counter()
    record = preseason.fit(data, seed=seed, budget_s=budget, cache=cache, backbone=backbone).record
    seconds, score, beside = time.perf_counter() - begin, record.score, record.baselines
    ece = record.metrics["ece"].value
    linear, scratch = (100 * beside.get(name, float("nan")) for name in ("linear", "scratch"))
    print(
        f"{data.name:28} {seed:4} {score.n:5} {100 * score.value:7.1f} {linear:7.1f} {scratch:7.1f} "
        f"{ece:6.3f} {seconds:6.0f}  {record.head}; unknown {record.unknown_auroc or float('nan'):.2f}",
        flush=True,
    )
    return {
        "data": data.name,
        "seed": seed,
        "n": score.n,
        "accuracy": score.value,
        "low": score.low,
        "high": score.high,
        "ece": ece,
        "baselines": beside,
        "kept": record.head,
        "tried": {item.name: item.accuracy for item in record.candidates},
        "networks": record.networks,
        "unknown_auroc": record.unknown_auroc,
        "judged": record.split["by"],
        "seconds": seconds,
    }


def grey_copy(source: Path, target: Path) -> Path:
    """The photos of `source` without colour; files that are no pictures are left out."""
    for path in sorted(source.glob("*/*")):
        try:
            with Image.open(path) as picture:
                grey = picture.convert("L")
        except (OSError, SyntaxError):
            continue
        place = target / path.parent.name / f"{path.stem}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        grey.save(place)
    return target


if __name__ == "__main__":
    main()
