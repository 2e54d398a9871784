"""Peak memory and seconds of a linear or an attention head against the number of examples, simulated.

    python benchmarks/speed/many.py [--head attention] [--counts 20000,200000,2000000] [--json FILE]

Rows are drawn when they are read, so that only what the head itself holds is counted: float16 [parts, width]
with a class's own mean. Each count runs in a process of its own. `grew_mb` is anonymous memory at its peak
less that before the fit; pages of files, which the system takes back when it needs them, are not counted.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from preseason.heads.attention import AttentionConfig
from preseason.heads.base import TrainingSet, heads
from preseason.inference.features import Features

CLASSES, PARTS, WIDTH = 3, 26, 64
BLOCK = 4096


class Drawn:
    """Rows float16 [n, parts, width] that follow from their number alone."""

    def __init__(self, count: int, parts: int) -> None:
        self.shape = (count, parts, WIDTH)
        rng = np.random.default_rng(0)
        self.noise = rng.normal(size=(BLOCK + 1024, WIDTH)).astype(np.float16)
        self.means = 0.5 * rng.normal(size=(CLASSES, WIDTH)).astype(np.float16)

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        # Two shifts of one noise: no two of many million rows are the same.
        index = np.asarray(index)
        own = self.noise[index % BLOCK] + self.noise[index // BLOCK % 1024 + index % 997]
        rows = np.repeat(own[:, None], self.shape[1], axis=1)
        rows += self.means[index % CLASSES][:, None]
        return rows


def anonymous_mb() -> float:
    status = Path("/proc/self/status").read_text("ascii")
    return float(status.partition("RssAnon:")[2].split()[0]) / 1024


def fit(head: str, count: int) -> dict[str, float]:
    """One fit in this process."""
    linear = head == "linear"
    source = Drawn(count, 1 if linear else PARTS)
    targets = np.arange(count) % CLASSES
    rng = np.random.default_rng(1)
    validation = np.sort(rng.choice(count, count // 4, replace=False))
    folds = [(np.setdiff1d(np.arange(count), validation), validation)]
    config = None if linear else AttentionConfig(epochs=1)
    training_set = TrainingSet(Features.of([source]), targets, CLASSES, folds, 0, config=config)
    before, peak, stop = anonymous_mb(), [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            peak[0] = max(peak[0], anonymous_mb())

    watching = threading.Thread(target=watch)
    watching.start()
    begin = time.monotonic()
    fitted = heads.get(head).fit(training_set)
    seconds = time.monotonic() - begin
    stop.set()
    watching.join()
    few = np.arange(0, count, max(1, count // 3000))
    right = (fitted.logits(training_set.features.take(few)).argmax(axis=1) == targets[few]).mean()
    return {"rows": count, "seconds": seconds, "grew_mb": peak[0] - before, "right": float(right)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--head", default="linear", choices=("linear", "attention"))
    parser.add_argument("--counts", default="20000,200000,2000000")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        print(json.dumps(fit(given.head, given.alone)))
        return
    found = []
    for count in given.counts.split(","):
        command = [sys.executable, __file__, "--head", given.head, "--alone", count]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(done.stdout))
        print(found[-1], flush=True)
    if given.json:
        given.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
