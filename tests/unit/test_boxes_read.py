"""Pictures with boxes in four layouts give the same things in the same places."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny_pitches
from preseason.data import layouts
from preseason.tasks.base import tasks
from preseason.tasks.reading import task_for

COUNT = 3
WIDE, HIGH = tiny_pitches.SIZE


def yolo(root: Path) -> Path:
    return tiny_pitches.write(root, COUNT)


def _pictures(root: Path) -> list[tuple[str, list[tuple[str, float, float, float, float]]]]:
    root.mkdir(parents=True, exist_ok=True)
    told = []
    for seed in range(COUNT):
        picture, things = tiny_pitches.pitch(seed)
        picture.save(root / f"{seed}.png")
        told.append((f"{seed}.png", [(tiny_pitches.LABELS[label], *edges) for label, *edges in things]))
    return told


def coco(root: Path) -> Path:
    images, boxes = [], []
    for number, (name, things) in enumerate(_pictures(root)):
        images.append({"id": number, "file_name": name, "width": WIDE, "height": HIGH})
        for label, x0, y0, x1, y1 in things:
            kind = 7 if label == "ball" else 3
            boxes.append({"id": len(boxes), "image_id": number, "category_id": kind,
                          "bbox": [x0, y0, x1 - x0, y1 - y0]})  # fmt: skip
    kinds = [{"id": 7, "name": "ball"}, {"id": 3, "name": "player"}]
    content = {"images": images, "annotations": boxes, "categories": kinds}
    (root / "_annotations.coco.json").write_text(json.dumps(content), "utf-8")
    return root


def voc(root: Path) -> Path:
    for name, things in _pictures(root):
        objects = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{x0 + 1:.0f}</xmin><ymin>{y0 + 1:.0f}</ymin>"
            f"<xmax>{x1:.0f}</xmax><ymax>{y1:.0f}</ymax></bndbox></object>"
            for label, x0, y0, x1, y1 in things
        )
        size = f"<size><width>{WIDE}</width><height>{HIGH}</height><depth>3</depth></size>"
        text = f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"
        (root / name).with_suffix(".xml").write_text(text, "utf-8")
    return root


@pytest.mark.parametrize("write", [yolo, coco, voc])
def test_layouts_of_boxes_give_the_same_things(write: Callable[[Path], Path], tmp_path: Path) -> None:
    root = write(tmp_path / "boxes")
    assert task_for(root).name == "detection"
    assert layouts.find_boxes(root) == write.__name__
    found = tasks.get("detection").read(root, tasks.get("detection").accept)
    assert found.labels == tiny_pitches.LABELS
    assert len(found.samples) == COUNT
    for seed, sample in enumerate(sorted(found.samples, key=lambda each: str(each.source))):
        things = [(tiny_pitches.LABELS[label], *edges) for label, *edges in tiny_pitches.pitch(seed)[1]]
        read = sorted(sample.boxes or (), key=lambda box: (box.label, box.x0))
        for box, (label, *edges) in zip(read, sorted(things), strict=True):
            assert box.label == label
            there = [box.x0 * WIDE, box.y0 * HIGH, box.x1 * WIDE, box.y1 * HIGH]
            assert there == pytest.approx(edges, abs=1.01)


def test_an_empty_label_file_says_nothing_is_there_and_none_that_nobody_looked(tmp_path: Path) -> None:
    root = tiny_pitches.write(tmp_path, 3)
    (root / "pitch-000.txt").write_text("", "utf-8")
    (root / "pitch-001.txt").unlink()
    found = tasks.get("detection").read(root, tasks.get("detection").accept)
    assert {sample.source.name: len(sample.boxes or ()) for sample in found.samples} == {
        "pitch-000.png": 0, "pitch-002.png": 4,
    }  # fmt: skip
    assert any("label" in each.reason for each in found.skipped)


def test_photos_without_boxes_stay_photos(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        tiny_pitches.pitch(1)[0].save(tmp_path / label / "1.png")
    assert task_for(tmp_path).name == "photos"
