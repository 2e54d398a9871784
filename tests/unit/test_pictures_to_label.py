"""Which pictures to draw boxes on next: where most errors are to be expected, unlike one another."""

from pathlib import Path

import numpy as np
import pytest

from preseason.analysis.pictures_to_label import contents, expected_errors
from preseason.data.boxes import FoundBox
from preseason.data.dataset import File, Sample
from preseason.evaluation.choosing import choose_by
from preseason.inference.answers import BoxPredictions


def found(score: float, x: float, label: str = "ball") -> FoundBox:
    return FoundBox(label, score, x, 0.1, x + 0.1, 0.2)


def answers(*pictures: tuple[FoundBox, ...]) -> BoxPredictions:
    samples = tuple(Sample(File(Path(f"{i}.jpg")), boxes=()) for i in range(len(pictures)))
    return BoxPredictions(samples, ("ball", "player"), pictures, (0.5, 0.3))


def test_ghosts_are_boxes_that_count_and_missed_things_those_that_do_not() -> None:
    given = answers((found(0.8, 0.1), found(0.4, 0.5), found(0.4, 0.7, "player")), ())
    assert expected_errors(given) == pytest.approx(np.array([[0.2 + 0.6, 0.4], [0, 0]]))


def test_pictures_are_compared_by_what_lies_where() -> None:
    seen = contents(answers((found(0.9, 0.0),), (found(0.9, 0.85),), (found(0.9, 0.0, "player"),), ()))
    assert seen.shape == (4, 2 * 16)
    assert (seen[:3] @ seen[:3].T)[np.triu_indices(3, 1)] == pytest.approx(0)
    assert not seen[3].any()


def test_of_a_scene_one_picture_comes_before_its_likes() -> None:
    same = (found(0.55, 0.1), found(0.55, 0.6))
    given = answers(same, same, same, (found(0.7, 0.9, "player"),), ())
    order = choose_by(expected_errors(given).sum(1), contents(given), 5)
    assert order[:2].tolist() == [0, 3]
    assert sorted(order.tolist()) == [0, 1, 2, 3, 4]
