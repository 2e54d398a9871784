"""A whole fit of many examples: memory of the process and seconds, and what a kill -9 costs.

    python benchmarks/speed/large_fit.py --counts 10000,30000,100000 [--head attention] [--kill] [--copies]

Photos are drawn noise of 32 x 32 pixels in three classes. A few of them are read by a small network with
random weights; the rows of all others are those repeated with a class's own mean and noise, and lie in the
bank before the fit begins, which therefore reads no photo through the network but checks, groups, trains,
calibrates and writes the model as any other. `anonymous_mb` is memory that cannot be taken back, at its
peak; `resident_mb` has pages of the mapped bank as well. With `--kill` each fit is killed (SIGKILL) up to a
minute after its candidates begin, and the figures are those of the same command given again. Near
copies among the photos are looked for with `--copies` only: that takes time with the square of their number
(`copies_s` tells it of the first 2,000 and 4,000).
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from preseason.backbones.timm_networks import create
from preseason.data import near_duplicates
from preseason.data.audit import fingerprint
from preseason.engine.bank import Shelf

CLASSES, SIZE, FEW = ("a", "b", "c"), 32, 120
NETWORK = "test_resnet"
WITHOUT_COPIES = """
import sys
from preseason.cli.main import run
from preseason.data import near_duplicates
near_duplicates.pairs = lambda thumbs: iter(())
sys.exit(run(sys.argv[1:]))
"""


def draw(root: Path, count: int) -> None:
    """So many photos, a folder for each class."""
    chance = np.random.default_rng(0)
    for name in CLASSES:
        (root / name).mkdir(parents=True)
    for number in range(count):
        pixels = chance.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        Image.fromarray(pixels).save(root / CLASSES[number % 3] / f"{number:07}.png", compress_level=1)


def fill(cache: Path, root: Path) -> tuple[int, ...]:
    """Rows of all photos for every shelf that the fit of a few has made; the shape of the last."""
    chance, shape = np.random.default_rng(1), ()
    photos = sorted(root.rglob("*.png"))
    for folder in sorted((cache / "bank").iterdir()):
        told = json.loads((folder / "shelf.json").read_text("utf-8"))
        shape = tuple(told["row_shape"])
        shelf = Shelf(folder, shape, told["what"], told["dtype"])
        known = [line.split()[0] for file in folder.glob("*.keys") for line in file.read_text().splitlines()]
        base = shelf.rows(known)[:].astype(np.float32)
        means = 0.5 * base.std(axis=0) * chance.normal(size=(len(CLASSES), *shape)).astype(np.float32)
        noise = 0.5 * base.std(axis=0) * chance.normal(size=(64, *shape)).astype(np.float32)
        with shelf.writer() as writer:
            for number, photo in enumerate(photos):
                key = fingerprint(photo)
                if not shelf.missing([key]):
                    continue
                kind = CLASSES.index(photo.parent.name)
                row = base[number % len(base)] + means[kind] + noise[chance.integers(len(noise))]
                writer.append(key, row)
    return shape


def copies_s(count: int) -> float:
    """Seconds of looking for near copies among so many pictures of noise."""
    thumbs = np.random.default_rng(0).integers(0, 256, (count, 48, 54), np.uint8)
    begin = time.monotonic()
    assert not list(near_duplicates.pairs(thumbs))
    return time.monotonic() - begin


def command(data: Path, place: Path, weights: Path, head: str, copies: bool) -> list[str]:
    words = ["fit", str(data), "-o", str(place / "model"), "--cache", str(place / "cache"), "--json", "-q"]
    words += ["--backbone", NETWORK, "--weights", str(weights), "--image-size", str(SIZE), "--head", head]
    program = ["-m", "preseason"] if copies else ["-c", WITHOUT_COPIES]
    return [sys.executable, *program, *words, "--unfreeze", "0", "--budget", "6h"]


def watched(line: list[str], kill_after_s: float | None = None) -> dict[str, float]:
    """Seconds and peaks of one fit, in megabytes; killed so long after its training began where asked."""
    begin, peaks = time.monotonic(), {"anonymous_mb": 0.0, "resident_mb": 0.0}
    place = Path(line[line.index("--cache") + 1])
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(line, stdout=out)
        training: float | None = None
        while process.poll() is None:
            time.sleep(0.2)
            status = Path(f"/proc/{process.pid}/status").read_text("ascii")
            for name, field in (("anonymous_mb", "RssAnon:"), ("resident_mb", "VmRSS:")):
                told = status.partition(field)[2].split()
                peaks[name] = max(peaks[name], float(told[0]) / 1024 if told else 0.0)
            if kill_after_s is not None and training is None and list(place.glob("fits/*")):
                training = time.monotonic()
            if training is not None and time.monotonic() - training > kill_after_s:
                process.kill()
                process.wait()
                return {"killed_after_s": time.monotonic() - begin}
        if process.returncode:
            sys.exit(f"the fit ended with {process.returncode}: {' '.join(line)}")
        out.seek(0)
        found: dict[str, Any] = json.loads(out.read())
    return {"seconds": time.monotonic() - begin, **peaks, "accuracy": found["metrics"]["accuracy"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--counts", default="10000,30000,100000")
    parser.add_argument("--head", default="linear", choices=("linear", "attention"))
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--copies", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found, chance = [{"copies_s": {count: copies_s(count) for count in (2000, 4000)}}], random.Random(0)
    print(found[0], flush=True)
    for count in map(int, given.counts.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            place, weights = Path(folder), Path(folder) / "random.safetensors"
            torch.manual_seed(0)
            save_file(create(NETWORK).state_dict(), weights)
            draw(place / "few", FEW)
            watched(command(place / "few", place, weights, given.head, given.copies))
            shutil.rmtree(place / "model")
            draw(place / "photos", count)
            shape = fill(place / "cache", place / "photos")
            line = command(place / "photos", place, weights, given.head, given.copies)
            row: dict[str, Any] = {"examples": count, "row": list(shape)}
            row |= watched(line, chance.uniform(1, 60)) if given.kill else {}
            row |= watched(line)
            found.append(row)
            print(row, flush=True)
    if given.json:
        given.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
