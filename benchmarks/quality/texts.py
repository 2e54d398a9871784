"""Accuracy from few labels and many: `python benchmarks/quality/texts.py TABLE --text COLUMN --label COLUMN`.

A fixed part of the table is held out; from the rest a number of texts of each class is drawn, several
times, and a model is fitted on them with the settings of a fit. Rows of the feature bank are computed once.
"""

import argparse
import csv
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

import preseason
from preseason.data.dataset import Sample
from preseason.data.files import Columns
from preseason.runtime.progress import Silent
from preseason.tasks.reading import read

HEADER = (
    f"{'a class':>7} {'draw':>4} {'n':>6} {'right':>6} {'f1':>6} {'linear':>6} {'tfidf':>6} {'s':>6}  kept"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--text", required=True, help="column of the texts")
    parser.add_argument("--label", required=True, help="column of the labels")
    parser.add_argument("--counts", default="8,64,512,all", help="texts of each class to learn from")
    parser.add_argument("--draws", type=int, default=5, help="of each count; all texts are fitted once")
    parser.add_argument("--held-out", type=int, default=2000)
    parser.add_argument("--budget", help="time of one fit; that of a fit by default")
    parser.add_argument("--unfreeze", help="0 leaves fine-tuning out")
    parser.add_argument("--head", help="one way instead of all")
    parser.add_argument("--cache", help="feature bank; a temporary one by default")
    parser.add_argument("--tables", type=Path, help="write the drawn and held-out texts there, fit nothing")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    if asked.tables:
        write_tables(asked)
        return
    print("python " + " ".join(sys.argv), f"\n{HEADER}", flush=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="preseason-texts-") as folder:
        asked.cache = asked.cache or f"{folder}/cache"
        learn, test = sides(asked)
        for count in asked.counts.split(","):
            draws = 1 if count == "all" else asked.draws
            mine = [row_of(count, draw, learn, test, asked, Path(folder)) for draw in range(draws)]
            rows += mine
            right, f1 = ([100 * row[name] for row in mine] for name in ("accuracy", "macro_f1"))
            print(
                f"{count:>7} mean {np.mean(right):13.1f} {np.mean(f1):6.1f}   "
                f"deviation {np.std(right):.1f}, of {len(mine)} draws",
                flush=True,
            )
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "fits": rows}, indent=1), "utf-8")


def sides(asked: argparse.Namespace) -> tuple[list[Sample], list[Sample]]:
    """Samples to draw from and the held-out ones; retweets of a text are on one side."""
    samples = read(asked.table, Silent(), Columns(asked.text, asked.label)).dataset.samples
    order = np.random.default_rng(0).permutation(len(samples))
    test = [samples[i] for i in order[: asked.held_out]]
    groups = {sample.group for sample in test if sample.group is not None}
    learn = [samples[i] for i in order[asked.held_out :] if samples[i].group not in groups]
    return learn, test


def write_tables(asked: argparse.Namespace) -> None:
    """`held-out.csv` and `COUNT-DRAW.csv` with columns text and label, for other tools to learn from."""
    learn, test = sides(asked)
    asked.tables.mkdir(parents=True, exist_ok=True)
    write_table(asked.tables / "held-out.csv", test)
    for count in asked.counts.split(","):
        for draw in range(1 if count == "all" else asked.draws):
            write_table(asked.tables / f"{count}-{draw}.csv", drawn_from(learn, count, draw))


def write_table(path: Path, samples: list[Sample]) -> int:
    """How many rows, columns text and label."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [(str(sample.source), sample.label) for sample in samples]
        csv.writer(file).writerows([("text", "label"), *rows])
    return len(rows)


def row_of(
    count: str, draw: int, learn: list[Sample], test: list[Sample], asked: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Fit once, print a line and give its figures."""
    begin = time.perf_counter()
    table = folder / "drawn.csv"
    rows = write_table(table, drawn_from(learn, count, draw))
    model = preseason.fit(
        table, cache=asked.cache, seed=draw, budget_s=asked.budget, unfreeze=asked.unfreeze, head=asked.head
    )
    said = model.predictor.answer(test, model.extractors, Silent(), keep=True).probabilities.argmax(1)
    true = [str(each.label) for each in test]
    answers = [model.labels[place] for place in said]
    right = float(np.mean([one == other for one, other in zip(answers, true, strict=True)]))
    f1 = float(f1_score(true, answers, average="macro"))
    seconds, beside = time.perf_counter() - begin, model.record.baselines
    linear, words = (100 * beside.get(name, float("nan")) for name in ("linear", "tfidf"))
    print(
        f"{count:>7} {draw:4} {rows:6} {100 * right:6.1f} {100 * f1:6.1f} {linear:6.1f} {words:6.1f} "
        f"{seconds:6.0f}  {model.record.head}",
        flush=True,
    )
    tried = {item.name: item.accuracy for item in model.record.candidates}
    kept, facts = model.record.head, {"count": count, "draw": draw, "n": rows}
    return facts | {"accuracy": right, "macro_f1": f1, "crossfitted": tried, "kept": kept, "seconds": seconds}


def drawn_from(learn: list[Sample], count: str, draw: int) -> list[Sample]:
    """`count` samples of each class, or all."""
    if count == "all":
        return learn
    rng = np.random.default_rng(draw)
    chosen: list[Sample] = []
    for label in sorted({str(sample.label) for sample in learn}):
        mine = [sample for sample in learn if sample.label == label]
        chosen += [mine[i] for i in rng.choice(len(mine), min(int(count), len(mine)), replace=False)]
    return chosen


if __name__ == "__main__":
    main()
