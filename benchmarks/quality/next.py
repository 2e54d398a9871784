"""Labels that `next` saves: `python benchmarks/quality/next.py DATA... --cache FOLDER`.

For each data set a third is held out. A linear head on the frozen network's features learns from five
examples of each class, then 20 more are labelled at a time: drawn by chance, the least sure ones, by
BADGE, or those that `preseason next` would name. Told is the accuracy after each round, and how many labels
reach what chance reaches with all rounds. Several draws each; the network runs once over each set.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from preseason import backbones
from preseason.arrays.scaling import rotation_of, scale_of
from preseason.data.labels import targets_of
from preseason.evaluation.choosing import choose
from preseason.heads.linear import logistic_regression
from preseason.inference.features import Features
from preseason.inference.frames import summarised
from preseason.inference.predictor import FeatureExtractors, orders_for
from preseason.inference.probabilities import softmax
from preseason.recipe import Recipe
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Silent
from preseason.runtime.threads import one_blas_thread
from preseason.tasks.reading import read, task_for

START, STEP, ROUNDS = 5, 20, 8
Chooser = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]


def by_chance(said: np.ndarray, vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(len(said))[:count]


def least_sure(said: np.ndarray, vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    return np.argsort(said.max(axis=1), kind="stable")[:count]


def as_next(said: np.ndarray, vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    return choose(said, vectors, count)


def badge(said: np.ndarray, vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    """BADGE (Ash et al. 2020, arXiv 1906.03671): k-means++ on the gradients of the last layer."""
    weights = -said
    weights[np.arange(len(said)), said.argmax(axis=1)] += 1
    squares = np.square(weights).sum(1) * np.square(vectors).sum(1)
    taken, nearest, rng = [int(squares.argmax())], np.full(len(said), np.inf), np.random.default_rng(seed)
    while len(taken) < min(count, len(said)):
        inner = (weights @ weights[taken[-1]]) * (vectors @ vectors[taken[-1]])
        nearest = np.minimum(nearest, np.maximum(squares + squares[taken[-1]] - 2 * inner, 0))
        nearest[taken] = 0
        taken.append(int(rng.choice(len(nearest), p=nearest / nearest.sum())))
    return np.array(taken)


CHOOSERS: dict[str, Chooser] = {
    "chance": by_chance,
    "least sure": least_sure,
    "badge": badge,
    "next": as_next,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--cache")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv), flush=True)
    found = {}
    for path in asked.data:
        with one_blas_thread():
            found[path.name] = measured(path, asked)
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "sets": found}, indent=1), "utf-8")


def measured(path: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Curves [rounds + 1] of each chooser, mean over draws."""
    rows, targets, groups = rows_of(path, asked.cache)
    curves = {
        name: np.mean([run(rows, targets, groups, choice, draw) for draw in range(asked.draws)], axis=0)
        for name, choice in CHOOSERS.items()
    }
    labels = START * (targets.max() + 1) + STEP * np.arange(ROUNDS + 1)
    print(f"{path.name}: labels {' '.join(f'{n:5}' for n in labels)}   labels for chance's last", flush=True)
    goal = curves["chance"][-1]
    for name, curve in curves.items():
        need = labels_for(curve, labels, goal)
        shown = " ".join(f"{100 * value:5.1f}" for value in curve)
        print(f"{name:>10}: {' ' * len(path.name)} {shown}   {need}", flush=True)
    return {"labels": labels.tolist()} | {name: curve.tolist() for name, curve in curves.items()}


def labels_for(curve: np.ndarray, labels: np.ndarray, goal: float) -> str:
    """Labels at which a curve first reaches `goal`, between the rounds by a straight line."""
    above = np.flatnonzero(curve >= goal)
    if not len(above):
        return f"over {labels[-1]}"
    last = int(above[0])
    if last == 0:
        return str(labels[0])
    part = (goal - curve[last - 1]) / (curve[last] - curve[last - 1])
    return f"{labels[last - 1] + part * (labels[last] - labels[last - 1]):.0f}"


def rows_of(path: Path, cache: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scaled features [n, r], targets and groups, as the first way of a fit reads them."""
    from preseason.data.split import group_numbers

    task = task_for(path)
    audit = read(path, Silent())
    samples = audit.dataset.samples
    backbone = backbones.load(task.backbone)
    extractors = FeatureExtractors(backbone, task.decoder(backbone), cache_folder(cache), "cpu")
    candidate = task.candidates(Recipe(), backbone, samples)[0]
    found = extractors.extractor(candidate.spec).extract(
        orders_for(candidate, samples, None, ()), Silent(), "reading"
    )
    features = Features.of([found.rows])
    rows = summarised(features, candidate.spec.frames).whole() if candidate.spec.frames else features.whole()
    scaled = scale_of(rows)(rows) / np.sqrt(np.float32(rows.shape[1]))
    short = scaled @ rotation_of(scaled, 0)[:, ::-1][:, :256]
    return short, targets_of(samples, audit.dataset.labels), group_numbers(samples)


def run(rows: np.ndarray, targets: np.ndarray, groups: np.ndarray, choice: Chooser, draw: int) -> np.ndarray:
    """Accuracy on the held-out third after each round."""
    rng = np.random.default_rng(draw)
    held_groups = rng.permutation(np.unique(groups))
    held = np.isin(groups, held_groups[: len(held_groups) // 3])
    pool, classes = rng.permutation(np.flatnonzero(~held)), int(targets.max()) + 1
    known = np.concatenate([pool[targets[pool] == c][:START] for c in range(classes)])
    out = []
    for turn in range(ROUNDS + 1):
        weight, bias = logistic_regression(rows[known], targets[known], classes, 3.0 / rows.shape[1])
        out.append(float(((rows[held] @ weight + bias).argmax(1) == targets[held]).mean()))
        rest = np.setdiff1d(pool, known)
        if turn < ROUNDS and len(rest):
            said = softmax(rows[rest] @ weight + bias)
            known = np.concatenate([known, rest[choice(said, rows[rest], STEP, 100 * draw + turn)]])
    return np.array(out)


if __name__ == "__main__":
    main()
