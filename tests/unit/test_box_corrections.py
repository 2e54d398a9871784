"""Boxes that a person put right are kept as a data set that a fit reads."""

import json
from pathlib import Path

import pytest

import preseason
import tiny_pitches
from preseason.data.boxes import LabelledBox
from preseason.serving.box_corrections import box_counts, boxes_of, keep_boxes, names_in
from preseason.serving.faults import RequestError
from preseason.tasks.base import tasks

LABELS = tiny_pitches.LABELS
BALL = {"label": "ball", "x0": -0.2, "y0": 0.25, "x1": 0.5, "y1": 0.75}


def test_what_is_kept_is_read_as_it_was_drawn_the_last_time(tmp_path: Path) -> None:
    drawn = tiny_pitches.write(tmp_path / "drawn", 2)
    kept = tmp_path / "corrections" / "finder"
    referee = LabelledBox("referee", 0.5, 0.1, 0.6, 0.4)
    first, second = (drawn / f"pitch-00{n}.png" for n in (0, 1))
    keep_boxes(kept, LABELS, first, [referee])
    keep_boxes(kept, LABELS, first, (*boxes_of(json.dumps([BALL]), LABELS), referee))
    keep_boxes(kept, LABELS, second, [])
    assert names_in(kept) == [*LABELS, "referee"]
    assert box_counts(kept) == {"ball": 1, "referee": 1}
    assert preseason.read(kept).account.examples == 2, "an empty picture is labelled: nothing is there"
    job = tasks.get("detection")
    boxes = {len(sample.boxes or ()): sample.boxes for sample in job.read(kept, job.accept).samples}
    assert set(boxes) == {0, 2}
    ball = next(box for box in boxes[2] or () if box.label == "ball")
    assert (ball.x0, ball.y0, ball.x1, ball.y1) == pytest.approx((0, 0.25, 0.5, 0.75), abs=1e-5)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{}", "expected a JSON list"),
        ("[" * 100_000, "expected a JSON list"),
        ('["ball"]', "Box 1 is none"),
        (json.dumps([BALL, BALL | {"x1": "wide"}]), "Box 2 is none"),
        (json.dumps([BALL | {"x1": float("inf")}]), "Box 1 is none"),
        (json.dumps([BALL | {"y1": True}]), "Box 1 is none"),
        (json.dumps([BALL | {"x1": -0.1}]), "Box 1 has no size"),
        (json.dumps([BALL | {"label": "  "}]), "cannot be a label"),
        (json.dumps([BALL] * 1001), "at most 1000"),
    ],
)
def test_what_is_no_box_is_refused(given: str, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        boxes_of(given, LABELS)
