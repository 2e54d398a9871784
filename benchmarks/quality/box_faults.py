"""Planted faults of boxes, and which of them a fit names: `python benchmarks/quality/box_faults.py DATA`.

Of the boxes of the labelled pictures some are taken away, given another class, drawn twice (a little moved)
or drawn too loosely, each kind in as many pictures of its own; then a model is fitted and its suspects are
compared with what was planted. Suspects that were not planted may be faults that the data had before.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import preseason
from preseason.data.boxes import FoundBox, LabelledBox
from preseason.diagnostics.box_errors import KINDS
from preseason.inference.detection.peaks import overlaps
from preseason.media.image import decode
from preseason.report.box_files import write_data_set
from preseason.results import PictureBoxes
from preseason.tasks.reading import read

SHIFT, LOOSER = 0.04, 0.5
"""Of a box's sides: how far a second box is moved, and how far a loose one reaches beyond on one side."""


@dataclass(frozen=True)
class Planted:
    kind: str
    picture: str
    at: LabelledBox


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--each", type=int, default=25, help="faults of each kind")
    parser.add_argument("--most", type=int, default=150, help="pictures that are taken")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget")
    parser.add_argument("--cache")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv))
    with tempfile.TemporaryDirectory() as folder:
        planted = plant(asked.data, Path(folder), asked.each, asked.most, random.Random(asked.seed))
        model = preseason.fit(folder, budget_s=asked.budget, seed=asked.seed, cache=asked.cache)
        suspects = model.record.trust["label_errors"]["suspects"]
    right, found = Counter[str](), set[Planted]()
    for each in suspects:
        hit = next((p for p in planted if p not in found and fits(p, each)), None)
        if hit is not None:
            found.add(hit)
            right[hit.kind] += 1
    print(f"{len(suspects)} suspects, {len(found)} of them planted; found of each kind:")
    for kind in KINDS:
        print(f"  {kind}: {right[kind]} of {sum(p.kind == kind for p in planted)}")


def plant(data: Path, target: Path, each: int, most: int, rng: random.Random) -> list[Planted]:
    """A copy of some pictures in YOLO's layout with faults among their boxes; gives the faults."""
    dataset = read(data).dataset
    samples = [sample for sample in dataset.samples if sample.boxes]
    rng.shuffle(samples)
    planted: list[Planted] = []
    pictures = []
    for number, sample in enumerate(samples[:most]):
        boxes = list(sample.boxes or ())
        if number < each * len(KINDS):
            kind, place = KINDS[number % len(KINDS)], rng.randrange(len(boxes))
            chosen = boxes.pop(place)
            planted.append(Planted(kind, sample.path.stem, chosen))
            boxes += spoilt(kind, chosen, dataset.labels, rng)
        width, height = size_of(sample.path)
        drawn = (FoundBox(b.label, 1.0, b.x0, b.y0, b.x1, b.y1) for b in boxes)
        pictures.append(PictureBoxes(str(sample.path), width, height, tuple(drawn)))
    target.rmdir()
    write_data_set("yolo", pictures, dataset.labels, target)
    return planted


def spoilt(kind: str, box: LabelledBox, labels: Sequence[str], rng: random.Random) -> list[LabelledBox]:
    """What stands in the place of a box."""
    wide, high = box.x1 - box.x0, box.y1 - box.y0
    if kind == "missing":
        return []
    if kind == "class":
        return [replace(box, label=rng.choice([label for label in labels if label != box.label]))]
    if kind == "double":
        moved = replace(box, x0=box.x0 + SHIFT * wide, y1=box.y1 - SHIFT * high)
        return [box, moved]
    if rng.random() < 0.5:
        return [replace(box, x0=max(0.0, box.x0 - LOOSER * wide), y0=max(0.0, box.y0 - LOOSER * high))]
    return [replace(box, x1=min(1.0, box.x1 + LOOSER * wide), y1=min(1.0, box.y1 + LOOSER * high))]


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture."""
    height, width = decode(path).shape[:2]
    return width, height


def fits(planted: Planted, suspect: dict[str, Any]) -> bool:
    """Whether a suspect is the planted fault: its kind, its picture, and its place by a third."""
    if suspect["kind"] != planted.kind or Path(suspect["path"]).stem != planted.picture:
        return False
    places = np.array([suspect[key] for key in ("box", "suggested_box") if suspect[key]], np.float32)
    at = np.array([[planted.at.x0, planted.at.y0, planted.at.x1, planted.at.y1]], np.float32)
    return bool(overlaps(at, places).max() >= 1 / 3)


if __name__ == "__main__":
    main()
