"""How well the checks of trust do, on planted faults: `python benchmarks/quality/trust.py DATA [DATA ...]`.

Each DATA is a folder of photos or clips by label, or a table of texts (`TABLE:text column:label column`).

  labels       5 % of all labels flipped: precision and recall of the labels called wrong
  copies       copies with another size and format, some under another label: precision and recall (photos)
  strangers    each class left out in turn and asked: AUROC, share named against the share allowed
  calibration  expected calibration error on a held-out half, where that has 500 examples or more
  curve        accuracy foretold at two and four times the labels, against what came true
  time         seconds of the checks over those of the fit without fine-tuning
"""

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import preseason
from preseason.data.dataset import File, Sample, Source
from preseason.data.labels import targets_of
from preseason.evaluation.learning_curve import curve_of_short
from preseason.evaluation.linear_probe import fit_predict, shorten
from preseason.models.classifier import Model
from preseason.models.prediction import predict_batch
from preseason.openset.detection import auroc, thin
from preseason.runtime.progress import Silent

FLIPPED, COPIED = 0.05, 0.05
ALLOWED = 1 / 20
DRAWS = 6


@dataclass
class Data:
    """One data set.

    Attributes:
        samples: as the audit left them.
        folder: for tables that are made of it.
    """

    name: str
    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    folder: Path
    settings: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def table(self, labels: list[str], chosen: np.ndarray, parts: list[str] | None = None) -> Path:
        """A table of the chosen samples under these labels (and parts)."""
        path = self.folder / f"{self.name}-{len(list(self.folder.iterdir()))}.csv"
        files = bool(self.samples[0].source.name)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["path" if files else "text", "label", "group", "part"])
            for place in chosen.tolist():
                sample = self.samples[place]
                given = sample.path.resolve() if files else sample.source
                part = parts[place] if parts else ""
                writer.writerow([given, labels[place], self.samples[place].group or f"own {place}", part])
        return path

    def fit(self, table: Path, **more: Any) -> Model:
        """A model of such a table."""
        model = preseason.fit(table, **(self.settings | more))
        assert isinstance(model, Model)
        return model

    def tell(self, check: str, **figures: Any) -> None:
        """Print a line of figures and keep them."""
        told = "  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items())
        print(f"{self.name:20} {check:12} {told}", flush=True)
        self.rows.append({"data": self.name, "check": check, **figures})


def labels(data: Data, seed: int) -> None:
    """Flip some labels; see which are called wrong."""
    rng = np.random.default_rng(seed)
    given = [str(sample.label) for sample in data.samples]
    flipped = rng.choice(len(given), max(1, round(FLIPPED * len(given))), replace=False)
    for place in flipped.tolist():
        given[place] = str(rng.choice([label for label in data.labels if label != given[place]]))
    wrong = {_resolved(data.samples[place]).shown(200) for place in flipped.tolist()}
    record = data.fit(data.table(given, np.arange(len(given)))).record
    found = [item["path"] for item in record.trust["label_errors"]["suspects"]]
    hits = len(wrong & set(found))
    data.tell(
        "labels", flipped=len(wrong), named=len(found), precision=hits / max(len(found), 1),
        recall=hits / len(wrong), first=len(wrong & set(found[: len(wrong)])) / len(wrong),
        accuracy=record.score.value, kept=record.head,
    )  # fmt: skip


def copies(data: Data, seed: int) -> None:
    """Plant copies, half of them under another label; see which the audit finds."""
    if not data.samples[0].source.name or data.samples[0].path.suffix == ".mp4":
        return
    rng = np.random.default_rng(seed)
    folder = data.folder / f"copies-{data.name}-{seed}"
    before = {frozenset(cluster) for cluster in _clusters(data)}
    planted: dict[str, str] = {}
    for label in data.labels:
        (folder / label).mkdir(parents=True)
    for place, sample in enumerate(data.samples):
        (folder / str(sample.label) / f"{place}{sample.path.suffix}").symlink_to(sample.path.resolve())
    chosen = rng.choice(len(data.samples), round(COPIED * len(data.samples)), replace=False)
    for number, place in enumerate(chosen.tolist()):
        sample = data.samples[place]
        others = [name for name in data.labels if name != sample.label]
        label = str(rng.choice(others)) if number % 2 else str(sample.label)
        target = folder / label / f"copy-of-{place}.{('png', 'jpg', 'webp')[number % 3]}"
        with Image.open(sample.path) as picture:
            scale = float(rng.uniform(0.4, 0.9))
            size = (max(32, int(picture.width * scale)), max(32, int(picture.height * scale)))
            picture.convert("RGB").resize(size).save(target)
        planted[target.stem] = str(place)
    audit = preseason.read(folder)
    stems = [[audit.dataset.samples[i].path.stem for i in cluster] for cluster in audit.clusters]
    found = {stem for cluster in stems for stem in cluster if planted.get(stem) in cluster}
    across = {audit.dataset.samples[i].path.stem for cluster in audit.mixed for i in cluster} & set(planted)
    false = [c for c in stems if not set(c) & set(planted) and frozenset(c) not in before]
    crossed = [stem for number, stem in enumerate(planted) if number % 2]
    data.tell(
        "copies", planted=len(planted), recall=len(found) / len(planted),
        precision=len(found) / max(len(found) + len(false), 1),
        across_recall=len(across & set(crossed)) / max(len(crossed), 1),
        across_false=len(across - set(crossed)),
    )  # fmt: skip


def _clusters(data: Data) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for place, sample in enumerate(data.samples):
        groups.setdefault(sample.group or f"own {place}", []).append(str(place))
    return [members for members in groups.values() if len(members) > 1]


def strangers(data: Data, seed: int) -> None:
    """Leave each class out, fit, and ask it."""
    if len(data.labels) < 4:
        return
    given = [str(sample.label) for sample in data.samples]
    areas, named, inside, answers, seen = [], [], [], [], []
    for label in data.labels:
        known = np.array([place for place, name in enumerate(given) if name != label])
        outside = [data.samples[place] for place, name in enumerate(given) if name == label]
        model = data.fit(data.table(given, known), strangers=str(ALLOWED), seed=seed)
        told = model.record.trust["strangers"]
        asked, _ = predict_batch(model.extractors, model.predictor, model.known, outside, Silent())
        areas.append(auroc(model.record.answers.distance, asked.distance))
        named.append(float((asked.distance <= model.known.threshold).mean()))
        inside.append(told["named_low"] <= named[-1] <= told["named_high"])
        answers.append(told["answers"])
        if model.known.evidence is not None:
            parts = model.predictor.answer(outside, model.extractors, Silent()).parts
            assert parts is not None
            shown = model.known.evidence.references.any(axis=1)
            seen.append(auroc(model.record.answers.distance[shown], asked.distance[parts.any(axis=1)]))
    if seen:
        data.tell("strangers", seed=seed, auroc_with_part=float(np.mean(seen)), lowest_with_part=min(seen))
    data.tell(
        "strangers", seed=seed, auroc=float(np.mean(areas)), lowest=float(np.min(areas)), allowed=ALLOWED,
        named=float(np.mean(named)), most=float(np.max(named)), answers=float(np.mean(answers)),
        inside=f"{sum(inside)}/{len(inside)}",
    )  # fmt: skip


def calibration(data: Data, seed: int) -> None:
    """Fit on one half, judge on the other."""
    rng = np.random.default_rng(seed)
    if len(data.samples) < 1000:
        return
    parts = ["train" if turn else "test" for turn in rng.integers(2, size=len(data.samples))]
    table = data.table([str(s.label) for s in data.samples], np.arange(len(data.samples)), parts)
    record = data.fit(table, refit=False).record
    ece = record.metrics["ece"].value
    data.tell("calibration", n=record.score.n, accuracy=record.score.value, ece=ece)


def curve(data: Data, seed: int) -> None:
    """Foretell from a quarter of the labels; see what twice and four times as many give."""
    model = data.fit(data.table([str(s.label) for s in data.samples], np.arange(len(data.samples))))
    candidate = next(
        fitted for fitted in model.predictor.candidates if fitted.candidate.spec.kept != "raw"
    ).candidate
    from preseason.engine.extract import Order
    from preseason.inference.features import Features

    found = model.extractors.extractor(candidate.spec).extract(
        [Order(s) for s in data.samples], Silent(), "rows"
    )
    rows = shorten(Features.of([found.rows]).pooled())
    targets = targets_of(data.samples, data.labels)
    foretold, true, inside = [], [], []
    for draw in range(DRAWS):
        rng = np.random.default_rng((seed, draw))
        order = rng.permutation(len(rows))
        held, pool = np.split(order, [int(0.3 * len(order))])
        quarter = pool[thin(targets[pool], len(pool) // 4)]
        told = curve_of_short(rows[quarter], targets[quarter], np.arange(len(quarter)), data.labels)
        for forecast in told.forecasts[1:]:
            part = pool if forecast.times == 4 else pool[thin(targets[pool], len(pool) // 2)]
            right = float((fit_predict(rows, targets, len(data.labels), part, held) == targets[held]).mean())
            foretold.append(forecast.accuracy)
            true.append(right)
            inside.append(forecast.low <= right <= forecast.high)
    if foretold:
        off = np.array(foretold) - np.array(true)
        data.tell(
            "curve", times_2=f"{np.mean(foretold[::2]):.3f} for {np.mean(true[::2]):.3f}",
            times_4=f"{np.mean(foretold[1::2]):.3f} for {np.mean(true[1::2]):.3f}",
            off=float(np.abs(off).mean()), inside=f"{sum(inside)}/{len(inside)}",
        )  # fmt: skip


def time(data: Data, seed: int) -> None:
    """The checks over the rest of the fit; give a fresh --cache, or reading is not counted."""
    record = data.fit(data.table([str(s.label) for s in data.samples], np.arange(len(data.samples)))).record
    seconds = dict(record.seconds)
    checks = seconds.pop("checks of trust")
    data.tell(
        "time", checks=checks, fit=sum(seconds.values()), share=checks / sum(seconds.values()),
        each=json.dumps(record.trust["seconds"]),
    )  # fmt: skip


CHECKS: dict[str, Callable[[Data, int], None]] = {
    "labels": labels,
    "copies": copies,
    "strangers": strangers,
    "calibration": calibration,
    "curve": curve,
    "time": time,
}


def _resolved(sample: Sample) -> Source:
    return File(sample.path.resolve()) if sample.source.name else sample.source


def opened(text: str, most: int, folder: Path, settings: dict[str, Any]) -> Data:
    """The data set that a command names."""
    path, _, columns = text.partition(":")
    columns_named = dict(zip(("text", "label"), columns.split(":"), strict=False)) if columns else {}
    from preseason.data.files import Columns

    audit = preseason.read(path, columns=Columns(**columns_named))
    samples = audit.dataset.samples
    if len(samples) > most:
        targets = targets_of(samples, audit.dataset.labels)
        order = np.random.default_rng(0).permutation(len(samples))
        samples = tuple(samples[order[i]] for i in thin(targets[order], most))
    return Data(Path(path).stem, samples, audit.dataset.labels, folder, settings)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="+")
    parser.add_argument("--only", default=",".join(CHECKS), help="checks to run, separated by commas")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--most", type=int, default=2000, help="examples of a data set that are used")
    parser.add_argument("--head", default="auto")
    parser.add_argument("--backbone", default="auto")
    parser.add_argument("--budget", default="4m", help="time of one fit")
    parser.add_argument("--cache", help="feature bank; a temporary one by default")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="preseason-trust-") as name:
        cache = asked.cache or f"{name}/cache"
        settings = {
            "head": asked.head,
            "backbone": asked.backbone,
            "unfreeze": "0",
            "budget_s": asked.budget,
            "cache": cache,
        }
        (Path(name) / "tables").mkdir()
        for text in asked.data:
            data = opened(text, asked.most, Path(name) / "tables", settings)
            for check in asked.only.split(","):
                for seed in range(asked.seeds if check in ("labels", "copies", "strangers") else 1):
                    CHECKS[check](data, seed)
            rows += data.rows
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "checks": rows}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
