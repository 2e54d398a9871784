"""Average precision of boxes, as COCO counts it, with bounds by group.

The figures are those of faster-coco-eval, which gives what pycocotools gives.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from preseason.arrays.types import Ints
from preseason.data.boxes import FoundBox, LabelledBox
from preseason.data.split import group_numbers
from preseason.evaluation.matching import within_diameter
from preseason.inference.answers import BoxPredictions
from preseason.results import Figure

UNIT = 1000
"""Sides of the square that pictures of unknown size are measured on: overlaps are the same in any unit."""
AREAS = ("small", "medium", "large")
"""COCO's sizes of boxes: below 32 x 32 pixels of the picture, up to 96 x 96, and above."""
SMALL = 32.0
NEAR = "found_small"
"""The figure of small boxes whose middle was found within their own diameter."""
Z_95 = 1.959964
MAX_BLOCKS = 12
"""Parts that are left out in turn for the bounds; groups are dealt out to them."""


@dataclass(frozen=True)
class Precision:
    """Average precision, each 0..1; None where no box of that kind is labelled.

    Attributes:
        ap: mean over overlaps of 0.5 to 0.95.
        ap50, ap75: at an overlap of 0.5 and 0.75.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None


def average_precision(answers: BoxPredictions) -> tuple[Precision, dict[str, Precision]]:
    """Of all classes together, as their mean, and of each class."""
    judge = _judge(answers)
    return _means(judge, range(len(answers.labels))), {
        label: _means(judge, [place]) for place, label in enumerate(answers.labels)
    }


def by_size(answers: BoxPredictions) -> dict[str, float]:
    """Average precision 0..1 of small, medium and large boxes, where pictures' sizes are known."""
    if not answers.sizes or not (judge := _judge(answers)):
        return {}
    found = {name: _means(judge, None, place + 1).ap for place, name in enumerate(AREAS)}
    return {name: value for name, value in found.items() if value is not None}


def bounds(answers: BoxPredictions, value: float) -> tuple[float, float]:
    """Bounds of the average precision at 95 %, by leaving out groups in turn (the jackknife, Tukey 1958)."""
    groups = group_numbers(answers.samples)
    blocks = min(MAX_BLOCKS, len(np.unique(groups)))
    if blocks < 2:
        return 0.0, 1.0
    block = groups % blocks
    left = [_without(answers, np.flatnonzero(block != number)) for number in range(blocks)]
    found = np.array([precision for each in left if (precision := _means(_judge(each), None).ap) is not None])
    if len(found) < 2:
        return 0.0, 1.0
    spread = float(np.sqrt((len(found) - 1) * np.mean((found - found.mean()) ** 2)))
    return max(0.0, value - Z_95 * spread), min(1.0, value + Z_95 * spread)


def figures_of(answers: BoxPredictions) -> dict[str, Figure]:
    """`ap` with its bounds, `ap50`, `ap75`, `ap_small` and the other sizes that there are, and of each class.

    `found_small` is recall at the threshold, of `within_diameter`. Those of a class with labelled boxes are
    called `CLASS: ap`.
    """
    if not any(sample.boxes for sample in answers.samples):
        return {name: Figure(0.0, 0.0 if name == "ap" else None, 1.0 if name == "ap" else None, 0)
                for name in ("ap", "ap50", "ap75")}  # fmt: skip
    n = len(answers.samples)
    whole, classes = average_precision(answers)
    lead = whole.ap or 0.0
    low, high = bounds(answers, lead)
    found = {"ap": Figure(lead, min(low, lead), max(high, lead), n)}
    found |= {name: Figure(getattr(whole, name) or 0.0, None, None, n) for name in ("ap50", "ap75")}
    found |= {f"ap_{name}": Figure(value, None, None, n) for name, value in by_size(answers).items()}
    if near := within_diameter(answers, SMALL):
        found[NEAR] = Figure(near[0], None, None, near[1])
    there: defaultdict[str, int] = defaultdict(int)
    for sample in answers.samples:
        for box in sample.boxes or ():
            there[box.label] += 1
    for label, precision in classes.items():
        if there[label]:
            for name in ("ap", "ap50", "ap75"):
                value = getattr(precision, name) or 0.0
                found[f"{label}: {name}"] = Figure(value, None, None, there[label])
    return found


def _without(answers: BoxPredictions, kept: Ints) -> BoxPredictions:
    samples = tuple(answers.samples[i] for i in kept)
    found = tuple(answers.found[i] for i in kept)
    sizes = tuple(answers.sizes[i] for i in kept) if answers.sizes else ()
    return replace(answers, samples=samples, found=found, sizes=sizes)


def _judge(answers: BoxPredictions) -> Any:
    """The evaluation of faster-coco-eval, accumulated; None where nothing was found or is there."""
    from faster_coco_eval import COCO, COCOeval_faster

    number = {label: place + 1 for place, label in enumerate(answers.labels)}
    sizes = answers.sizes or ((UNIT, UNIT),) * len(answers.samples)
    there = [
        _entry(image, number[box.label], box, sizes[image]) | {"id": 0, "iscrowd": 0}
        for image, sample in enumerate(answers.samples)
        for box in sample.boxes or ()
        if box.label in number
    ]
    there = [each | {"id": place + 1} for place, each in enumerate(there)]
    found = [
        _entry(image, number[box.label], box, sizes[image]) | {"score": box.score}
        for image, boxes in enumerate(answers.found)
        for box in boxes
    ]
    if not there or not found:
        return None if not there else False
    images = [{"id": image, "height": high, "width": wide} for image, (high, wide) in enumerate(sizes)]
    categories = [{"id": place, "name": label} for label, place in number.items()]
    truth = COCO({"images": images, "annotations": there, "categories": categories}, print_function=_silent)
    judge = COCOeval_faster(truth, truth.loadRes(found), "bbox", print_function=_silent)
    judge.evaluate()
    judge.accumulate()
    return judge


def _entry(image: int, category: int, box: LabelledBox | FoundBox, size: tuple[int, int]) -> dict[str, Any]:
    high, wide = size
    corner = [wide * box.x0, high * box.y0]
    sides = [wide * (box.x1 - box.x0), high * (box.y1 - box.y0)]
    return {
        "image_id": image,
        "category_id": category,
        "bbox": corner + sides,
        "area": sides[0] * sides[1],
    }


def _means(judge: Any, classes: Sequence[int] | None, area: int = 0) -> Precision:
    """Of some classes, or of all: precision [overlaps, recalls, classes, areas, most] without what is not."""
    if judge is None or judge is False:
        return Precision(*((None,) * 3 if judge is None else (0.0,) * 3))
    precision = judge.eval["precision"][:, :, :, area, -1]
    chosen = precision if classes is None else precision[:, :, list(classes)]
    parts = (chosen, chosen[0], chosen[5])
    return Precision(*(float(part[part > -1].mean()) if (part > -1).any() else None for part in parts))


def _silent(*said: object) -> None:
    """Nothing is printed."""
