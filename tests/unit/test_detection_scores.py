"""What scores of boxes are worth, how pictures are fed, and which faults a report names."""

from dataclasses import replace

import numpy as np
import pytest

from preseason.data.boxes import FoundBox, LabelledBox
from preseason.data.dataset import Sample, Text
from preseason.evaluation.matching import pairings
from preseason.inference.answers import BoxPredictions
from preseason.inference.detection.peaks import Found, joined
from preseason.inference.detection.plan import decide, plan_from
from preseason.problems.base import problems
from preseason.results import Figure
from preseason.training.detection.worth import calibrate, right_ones

LEVELS = {4: 2, 8: 3, 16: 5, 32: 7}


def test_a_labelled_box_is_found_once_by_the_surest() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    found = Found(boxes, np.array([0.5, 0.9, 0.8], np.float32), np.array([0, 0, 1]))
    assert right_ones(found, boxes[[0, 2]], np.array([0, 0])).tolist() == [False, True, False]
    assert right_ones(found, np.zeros((0, 4), np.float32), np.zeros(0, np.int64)).tolist() == [False] * 3


def many(count: int, seed: int = 0) -> tuple[list[Found], list[np.ndarray], list[np.ndarray]]:
    """Pictures of one thing each, found with a raw score whose square is the chance that it is right."""
    rng = np.random.default_rng(seed)
    found, boxes = [], []
    for score in rng.random(count).astype(np.float32):
        place = np.array([[0, 0, 1, 1]], np.float32) if rng.random() < score**2 else np.array([[3, 3, 4, 4]])
        found.append(Found(place.astype(np.float32), np.array([score]), np.array([0])))
        boxes.append(np.array([[0, 0, 1, 1]], np.float32))
    return found, boxes, [np.array([0])] * count


def test_a_calibrated_score_is_the_share_of_right_boxes() -> None:
    curve = calibrate(*many(3000), 2)
    raw = np.array([0.2, 0.5, 0.8], np.float32)
    for label in (0, 1):
        assert np.allclose(curve.apply(raw, np.full(3, label)), raw**2, atol=0.08)
    assert (np.diff(curve.right, axis=1) > 0).all()


def test_the_threshold_gives_the_best_f1_and_a_half_where_nothing_is_known() -> None:
    curve = calibrate(*many(3000), 2)
    assert 0.15 < curve.thresholds[0] < 0.6
    assert curve.thresholds[1] == 0.5
    assert calibrate([], [], [], 2).thresholds.tolist() == [0.5, 0.5]


def boxes_of_side(side: float, count: int = 20) -> list[np.ndarray]:
    return [np.array([[0.1, 0.1, 0.1 + side, 0.1 + side]], np.float32)] * count


@pytest.mark.parametrize(
    ("size", "side", "longest", "stride"),
    [
        (640, 0.2, 640, 8),
        (1920, 0.3, 640, 8),
        (800, 0.018, 800, 4),
        (800, 0.022, 800, 8),
        (800, 0.01, 1216, 4),
        (800, 0.004, 1600, 4),
        (1280, 0.006, 2016, 4),
        (300, 0.3, 448, 8),
    ],
)
def test_the_boxes_decide_how_large_pictures_are_fed(
    size: int, side: float, longest: int, stride: int
) -> None:
    plan = decide(np.full((20, 2), size), boxes_of_side(side), LEVELS)
    assert plan.longest == pytest.approx(longest, abs=32)
    assert plan.longest % 32 == 0
    assert plan.strides[0] == stride
    assert plan.median == pytest.approx(side * plan.longest, rel=0.01)
    assert f"{plan.median:.0f} pixels" in plan.sentence()
    assert plan_from(plan.values()) == plan


def test_tiny_things_are_sought_in_tiles_that_hold_them_whole() -> None:
    boxes = [np.array([[0.1, 0.1, 0.1 + side, 0.1 + side]], np.float32) for side in (0.003, 0.1) * 10]
    plan = decide(np.full((20, 2), (900, 1600)), boxes, LEVELS)
    assert plan.longest == 3200
    assert plan.tile % 32 == plan.overlap % 32 == 0
    assert plan.overlap >= 0.1 * plan.longest
    assert plan.crop == 416
    tiny = decide(np.full((20, 2), (900, 1600)), boxes_of_side(0.003), LEVELS)
    assert (tiny.overlap, tiny.crop) == (64, 256)
    assert [decide(np.full((20, 2), 800), boxes_of_side(s), LEVELS).crop for s in (0.2, 0.24, 0.4)] == [
        256,
        320,
        416,
    ]
    assert f"tiles of {plan.tile}" in plan.sentence()
    assert plan_from(plan.values()) == plan
    tiles = plan.tiles((900, 1600))
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.9, (500, 2))
    things = np.hstack([corners, corners + np.array([0.1, 0.1 * 16 / 9])]).astype(np.float32)
    owned = np.stack([tile.owns(things) for tile in tiles])
    assert (owned.sum(axis=0) == 1).all()
    for tile, mine in zip(tiles, owned, strict=True):
        inside = things[mine].clip(0, 1)
        assert (inside[:, :2] >= np.array(tile.part[:2]) - 1e-6).all()
        assert (inside[:, 2:] <= np.array(tile.part[2:]) + 1e-6).all()


def test_what_two_tiles_find_of_one_thing_is_one_box() -> None:
    one = Found(np.array([[0.1, 0.1, 0.2, 0.2]], np.float32), np.array([0.5], np.float32), np.array([0]))
    other = Found(
        np.array([[0.1, 0.1, 0.21, 0.2], [0.8, 0.8, 0.9, 0.9]], np.float32),
        np.array([0.9, 0.1], np.float32), np.array([0, 0]),
    )  # fmt: skip
    assert joined([one, other]).scores.tolist() == pytest.approx([0.9, 0.1])


def test_precision_is_told_by_size_in_pixels_of_the_picture() -> None:
    there = (LabelledBox("ball", 0.1, 0.1, 0.12, 0.12), LabelledBox("ball", 0.5, 0.5, 0.9, 0.9))
    found = (FoundBox("ball", 0.9, 0.1, 0.1, 0.12, 0.12),)
    sample = Sample(Text("1"), boxes=there)
    problem = problems.get("detection")
    unsized = BoxPredictions((sample,), ("ball",), (found,))
    assert "ap_small" not in problem.measure(unsized)
    figures = problem.measure(replace(unsized, sizes=((480, 640),)))
    assert figures["ap_small"].value == pytest.approx(1)
    assert figures["ap_large"].value == 0
    assert "ap_medium" not in figures
    values = problem.values(figures)
    assert values["ap_small"] == pytest.approx(1)
    assert problem.figures(values)["ap_large"] == figures["ap_large"]


def test_of_small_things_it_is_told_how_many_are_found_within_their_own_diameter() -> None:
    def ball(
        x: float, y: float, side: float = 8.0, label: str = "ball"
    ) -> tuple[str, float, float, float, float]:
        return label, x / 640, y / 480, (x + side) / 640, (y + side) / 480

    there = [ball(100, 100), ball(200, 100), ball(300, 100), ball(400, 100), ball(500, 300, 60)]
    # 4 and 3 pixels off; 12 off; of another class; one found box cannot answer for two things.
    seen = [ball(104, 103), ball(212, 100), ball(300, 100, label="post"), ball(402, 100), ball(500, 300, 60)]
    sample = Sample(Text("1"), boxes=tuple(LabelledBox(*each) for each in [*there, ball(404, 100)]))
    found = tuple(FoundBox(label, 0.9, *edges) for label, *edges in seen)
    answers = BoxPredictions((sample,), ("ball", "post"), (found,), (0.5, 0.5), ((480, 640),))
    problem = problems.get("detection")
    figures = problem.measure(answers)
    assert figures["found_small"] == Figure(2 / 5, None, None, 5)
    assert figures["ap50"].value < 0.4
    assert problem.figures(problem.values(figures))["found_small"] == figures["found_small"]
    assert "Of 5 small objects (below 32 x 32 pixels), 40.0 % are found" in problem.sentence(figures)
    unsure = replace(answers, found=(tuple(replace(box, score=0.4) for box in found),))
    assert problem.measure(unsure)["found_small"].value == 0
    assert "found_small" not in problem.measure(replace(answers, sizes=()))


def test_a_size_that_the_user_names_is_kept() -> None:
    plan = decide(np.full((20, 2), 800), boxes_of_side(0.02), LEVELS, longest=500)
    assert plan.longest == 512


def test_a_picture_where_nothing_is_or_nothing_was_found_has_its_faults_too() -> None:
    box, found = LabelledBox("ball", 0, 0, 0.1, 0.1), FoundBox("ball", 0.9, 0, 0, 0.1, 0.1)
    samples = tuple(Sample(Text("1"), boxes=boxes) for boxes in ((), (box,), ()))
    answers = BoxPredictions(samples, ("ball",), ((found,), (), ()))
    ghost, missed, empty = pairings(answers)
    assert (ghost.ghosts, missed.missed, empty.faults) == ((found,), (box,), 0)


def test_faults_of_a_picture_are_told_apart() -> None:
    there = (
        LabelledBox("ball", 0, 0, 0.1, 0.1), LabelledBox("human", 0.5, 0.5, 0.7, 0.9),
        LabelledBox("ball", 0.8, 0, 0.9, 0.1),
    )  # fmt: skip
    found = (
        FoundBox("ball", 0.9, 0, 0, 0.1, 0.1), FoundBox("robot", 0.8, 0.5, 0.5, 0.7, 0.9),
        FoundBox("ball", 0.7, 0.3, 0.3, 0.4, 0.4), FoundBox("ball", 0.2, 0.8, 0, 0.9, 0.1),
    )  # fmt: skip
    answers = BoxPredictions((Sample(Text("1"), boxes=there),), ("ball", "human", "robot"), (found,))
    (each,) = pairings(answers)
    assert [(t.label, f.label) for t, f in each.pairs] == [("ball", "ball"), ("human", "robot")]
    assert each.missed == (there[2],)
    assert each.ghosts == (found[2],)
    assert each.faults == 3
