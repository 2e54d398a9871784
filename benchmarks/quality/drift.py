"""Alarms of the drift check: `python benchmarks/quality/drift.py DATA... --cache FOLDER`.

Each data set of pictures is split in halves, several times. A linear head learns from one half, cross-fitted
as a fit does; batches of the other half are then compared with it as they are (an alarm is a false one) and
altered: grey, darkened, blurred, cut out of the middle, mirrored and turned. Told is how often there was an
alarm, and the loss of accuracy that was expected beside the true one.
"""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from preseason import backbones
from preseason.arrays.scaling import rotation_of, scale_of
from preseason.data.dataset import File, Sample
from preseason.data.labels import targets_of
from preseason.data.split import folds, group_numbers
from preseason.evaluation.calibration import fit_temperature
from preseason.heads.linear import logistic_regression
from preseason.inference.features import Features
from preseason.inference.predictor import FeatureExtractors, orders_for, plain_rows
from preseason.inference.probabilities import softmax
from preseason.openset.drift import drift_of, sketch_of, world_of
from preseason.recipe import Recipe
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Silent
from preseason.runtime.threads import one_blas_thread
from preseason.tasks.reading import read, task_for

STRENGTH = 3.0


def middle(image: Image.Image) -> Image.Image:
    w, h = image.size
    return image.crop((int(0.25 * w), int(0.25 * h), int(0.75 * w), int(0.75 * h)))


def blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(image.size) / 100))


ALTERED: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda image: image,
    "grey": lambda image: image.convert("L").convert("RGB"),
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.35),
    "blurred": blurred,
    "cut out": middle,
    "turned": lambda image: ImageOps.mirror(image).rotate(20, expand=False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--batches", default="12,25,50,100")
    parser.add_argument(
        "--altered", default=",".join(ALTERED), help="which alterations; `as it is` for texts"
    )
    parser.add_argument("--cache")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv), flush=True)
    with tempfile.TemporaryDirectory(prefix="preseason-drift-") as folder, one_blas_thread():
        found = {path.name: measured(path, asked, Path(folder)) for path in asked.data}
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "sets": found}, indent=1), "utf-8")


def measured(path: Path, asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Share of alarms and losses for each alteration and batch size."""
    rows, targets, groups = features(path, asked, folder)
    sizes = [int(size) for size in asked.batches.split(",")]
    tally: dict[tuple[str, int], list[tuple[bool, float, float]]] = defaultdict(list)
    for split in range(asked.splits):
        for name, size, *told in verdicts(rows, targets, groups, split, sizes):
            tally[name, size].append(tuple(told))
    print(f"{path.name}: {len(targets)} pictures, {asked.splits} splits; alarms with batches of {sizes}")
    out = {}
    for name in rows:
        shares = [float(np.mean([each[0] for each in tally[name, size]])) for size in sizes]
        expected, true = np.mean([each[1:] for size in sizes for each in tally[name, size]], axis=0)
        shown = " ".join(f"{100 * share:5.0f} %" for share in shares)
        print(
            f"  {name:>10}: {shown}   points lost: expected {100 * expected:5.1f}, true {100 * true:5.1f}",
            flush=True,
        )
        out[name] = {"alarms": dict(zip(sizes, shares, strict=True)), "expected": expected, "true": true}
    return out


def features(
    path: Path, asked: argparse.Namespace, folder: Path
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Rows [n, d] of every alteration, targets and groups."""
    task = task_for(path)
    audit = read(path, Silent())
    samples = audit.dataset.samples
    backbone = backbones.load(task.backbone)
    extractors = FeatureExtractors(backbone, task.decoder(backbone), cache_folder(asked.cache), "cpu")
    candidate = task.candidates(Recipe(), backbone, samples)[0]
    rows = {}
    for name in dict.fromkeys(["as it is", *asked.altered.split(",")]):
        alter = ALTERED[name]
        if asked.altered == "as it is":
            found = extractors.extractor(candidate.spec).extract(
                orders_for(candidate, samples, None, ()), Silent(), "reading"
            )
            rows[name] = plain_rows(candidate, Features.of([found.rows]))
            continue
        changed = [altered(sample, alter, folder / path.name / name) for sample in samples]
        named = [Sample(File(each), fingerprint=task.fingerprint(Sample(File(each)))) for each in changed]
        found = extractors.extractor(candidate.spec).extract(
            orders_for(candidate, named, None, ()), Silent(), "reading"
        )
        rows[name] = plain_rows(candidate, Features.of([found.rows]))
    return rows, targets_of(samples, audit.dataset.labels), group_numbers(samples)


def altered(sample: Sample, alter: Callable[[Image.Image], Image.Image], folder: Path) -> Path:
    target = folder / f"{sample.fingerprint}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    image = ImageOps.exif_transpose(Image.open(sample.path)).convert("RGB")
    image.thumbnail((480, 480))
    alter(image).save(target, compress_level=1)
    return target


def verdicts(
    rows: dict[str, np.ndarray], targets: np.ndarray, groups: np.ndarray, split: int, sizes: list[int]
) -> list[tuple[str, int, bool, float, float]]:
    rng = np.random.default_rng(split)
    order = rng.permutation(np.unique(groups))
    train = np.flatnonzero(np.isin(groups, order[: len(order) // 2]))
    held = rng.permutation(np.flatnonzero(~np.isin(groups, order[: len(order) // 2])))
    classes = int(targets.max()) + 1
    own = rows["as it is"][train]
    scale = scale_of(own)
    width = np.sqrt(np.float32(own.shape[1]))
    rotation = rotation_of(scale(own) / width, 0)
    short = scale(own) / width @ rotation
    pairs = folds(targets[train], groups[train], 4, split)
    said, number = np.zeros((len(train), classes), np.float32), np.zeros(len(train), np.int64)
    heads = []
    for fold, (learn, ask) in enumerate(pairs):
        head = logistic_regression(short[learn], targets[train][learn], classes, STRENGTH / short.shape[1])
        heads.append(head)
        said[ask], number[ask] = short[ask] @ head[0] + head[1], fold
    heat = fit_temperature(said, targets[train])
    sketch = sketch_of(lambda: [own])
    labels = tuple(str(c) for c in range(classes))
    reference_distribution = world_of(
        labels, sketch(own), softmax(said, heat), targets[train], number, groups[train]
    )
    out = []
    for size in sizes:
        batch = held[:size]
        right = {}
        for name, each in rows.items():
            new = scale(each[batch]) / width @ rotation
            answers = np.mean([softmax(new @ w + b, heat) for w, b in heads], axis=0)
            right[name] = float((answers.argmax(1) == targets[batch]).mean())
            found = drift_of(
                reference_distribution, reference_distribution.residuals(sketch(each[batch]), answers, labels)
            )
            expected = (found.usual or 0) - (found.expected or 0)
            usual = float(reference_distribution.right.mean())
            out.append((name, size, found.verdict == "other", expected, usual - right[name]))
    return out


if __name__ == "__main__":
    main()
