"""Things found on another camera's pictures: `python benchmarks/quality/detection.py LEARN JUDGE`.

LEARN and JUDGE are folders of pictures with boxes; where JUDGE is left out, the test part of LEARN judges.
Told are average precision at 50 to 95, 50 and 75 % overlap, each class, seconds of the fit, and pictures a
second of `predict` over those of the frozen network alone.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import preseason
from preseason.engine.canvas import painted
from preseason.media.image import decode
from preseason.problems.base import problems

TIMED = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("learn", type=Path)
    parser.add_argument("judge", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--cache")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv))
    rows = [row_of(asked, seed) for seed in range(asked.seeds)]
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "fits": rows}, indent=1), "utf-8")


def row_of(asked: Any, seed: int) -> dict[str, Any]:
    """Fit once, print what it brought and give its figures."""
    begin = time.monotonic()
    settings = {"budget_s": asked.budget, "epochs": asked.epochs, "folds": asked.folds, "cache": asked.cache}
    model = preseason.fit(asked.learn, seed=seed, **settings)
    fit_s = time.monotonic() - begin
    problem = problems.get("detection")
    own = problem.values(model.record.metrics)
    judged = own if asked.judge is None else problem.values(model.evaluate(asked.judge).metrics)
    print(f"seed {seed}: {told(judged)}; fit {fit_s:.0f} s; itself says {told(own)}")
    for label, each in judged["per_class"].items():
        print(f"  {label}: AP {100 * each['ap']:.1f}, AP50 {100 * each['ap50']:.1f}, {each['n']} boxes")
    share = speed(model, asked.judge or asked.learn)
    print(f"  pictures a second of predict over the frozen network alone: {share:.2f}")
    return {"seed": seed, "fit_s": fit_s, "own": own, "judged": judged, "speed": share}


def told(values: dict[str, Any]) -> str:
    """The three figures."""
    return ", ".join(f"{name.upper()} {100 * values[name]:.1f}" for name in ("ap", "ap50", "ap75"))


def speed(model: Any, folder: Path) -> float:
    """Seconds of the frozen network alone over those of finding, the same decoded pictures, taken in turn."""
    paths = [each.source.path for each in model.job.read(folder, model.job.accept).samples][:TIMED]
    pictures = [decode(path) for path in paths]
    plan = model.finder.plan
    pictures = [each for each in pictures if each.shape == pictures[0].shape]
    same = [[painted(p, plan.canvas(p.shape[:2], t.part)) for t in plan.tiles(p.shape[:2])] for p in pictures]
    extractor = model.extractors.extractor(plan.spec(same[0][0].shape[:2]))
    list(model.finder.find(pictures[:2]))
    extractor.rows([same[0][0][None]], print)
    alone, whole = [], []
    for _ in range(3):
        begin = time.monotonic()
        for each in same:
            for tile in each:
                extractor.rows([tile[None]], print)
        alone.append((time.monotonic() - begin) / len(same))
        begin = time.monotonic()
        list(model.finder.find(pictures))
        whole.append((time.monotonic() - begin) / len(pictures))
    return float(np.median(alone) / np.median(whole))


if __name__ == "__main__":
    main()
