"""Pictures that show nothing, and the rows they give: every stage works on them, without a warning of numpy.

What a network says of pictures of one colour are rows that are equal, nearly equal, or equal for each class;
each stage of a fit is asked about such rows by itself.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from preseason.arrays.scaling import rotation_of, scale_of
from preseason.data import near_duplicates
from preseason.diagnostics.label_errors import suspects
from preseason.diagnostics.split_check import honest_split
from preseason.engine.passes import WHOLE, grid
from preseason.evaluation.calibration import fit_temperature
from preseason.evaluation.choosing import choose
from preseason.evaluation.learning_curve import curve_of_short
from preseason.evaluation.linear_probe import cross_val_predict, shorten
from preseason.heads.base import TrainingSet, heads
from preseason.inference.features import Features
from preseason.inference.pictures import crops_of
from preseason.inference.sketch import Sketch
from preseason.media import image
from preseason.openset.drift import drift_of, sketch_of, world_of
from preseason.openset.probe import probe
from preseason.openset.reference_set import fit_reference_set
from preseason.transferability.measures import h_score, logme, neighbour_accuracy

WIDTH, EACH = 12, 10
KINDS = ("zeros", "equal", "by class", "nearly equal", "one apart", "huge", "one column")


def rows_of(kind: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Features float32 [n, WIDTH] and targets int64 [n]."""
    targets = np.repeat(np.arange(classes), EACH)
    rows = np.zeros((len(targets), WIDTH), np.float32)
    if kind == "equal":
        rows += 0.3
    elif kind == "by class":
        rows += targets[:, None]
    elif kind == "nearly equal":
        rows += 0.3 + 1e-7 * np.random.default_rng(0).normal(size=rows.shape)
    elif kind == "one apart":
        rows[0] = 1
    elif kind == "huge":
        rows += 60000.0 * (targets[:, None] % 2)
    elif kind == "one column":
        rows[:, 0] = np.arange(len(rows))
    return rows.astype(np.float32), targets.astype(np.int64)


def folds_of(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    every = np.arange(count)
    return [(every[every % 4 != number], every[every % 4 == number]) for number in range(4)]


def even(targets: np.ndarray, classes: int) -> np.ndarray:
    return np.full((len(targets), classes), 1 / classes, np.float32)


def fit_head(name: str, rows: np.ndarray, targets: np.ndarray, classes: int) -> np.ndarray:
    features = Features.of([rows[:, None]])
    return (
        heads.get(name).fit(TrainingSet(features, targets, classes, folds_of(len(rows)), 0)).logits(features)
    )


def known(rows: np.ndarray, targets: np.ndarray, classes: int) -> np.ndarray:
    labels = tuple(map(str, range(classes)))
    found, _ = fit_reference_set(
        labels, rows, targets, even(targets, classes), np.arange(len(rows)) % 4, probe
    )
    return found.distance(found.place(rows))


def drift(rows: np.ndarray, targets: np.ndarray, classes: int) -> float:
    labels, said = tuple(map(str, range(classes))), even(targets, classes)
    numbers = np.arange(len(rows))
    sketch: Sketch = sketch_of(lambda: [rows])
    world = world_of(labels, sketch(rows), said, targets, numbers % 4, numbers)
    found = drift_of(world, world.residuals(np.tile(sketch(rows), (3, 1)), np.tile(said, (3, 1)), labels))
    return 0.0 if found.p_value is None else found.p_value


def split(rows: np.ndarray, targets: np.ndarray, classes: int) -> float:
    found = honest_split(shorten(rows), targets, np.arange(len(rows)) // 2, classes)
    return found.honest if found else 0.0


def curve(rows: np.ndarray, targets: np.ndarray, classes: int) -> list[float]:
    found = curve_of_short(shorten(rows), targets, np.arange(len(rows)), tuple(map(str, range(classes))))
    return [each.accuracy for each in found.forecasts]


STAGES: dict[str, Callable[[np.ndarray, np.ndarray, int], Any]] = {
    "linear": lambda x, y, c: fit_head("linear", x, y, c),
    "prototype": lambda x, y, c: fit_head("prototype", x, y, c),
    "rotation": lambda x, y, c: rotation_of(scale_of(x)(x), 0),
    "temperature": lambda x, y, c: fit_temperature(np.tile(x[:, :1], (1, c)), y),
    "label errors": lambda x, y, c: [each.doubt for each in suspects(even(y, c), y)],
    "honest split": split,
    "curve": curve,
    "probe": lambda x, y, c: cross_val_predict(shorten(x), y, c, folds_of(len(x)))[0],
    "unknown": known,
    "drift": drift,
    "next": lambda x, y, c: choose(even(y, c), x, 5),
    "neighbours": lambda x, y, c: neighbour_accuracy(x, y, folds_of(len(x))),
    "logme": lambda x, y, c: logme(x, y),
    "h score": lambda x, y, c: h_score(x, y),
}


SLOW = ("curve", "unknown", "honest split")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stage", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in STAGES])
def test_a_stage_gives_finite_values_on_rows_that_tell_nothing(stage: str, kind: str) -> None:
    for classes in (2, 3):
        rows, targets = rows_of(kind, classes)
        assert np.isfinite(np.asarray(STAGES[stage](rows, targets, classes), np.float64)).all()


sides = st.sampled_from((1, 2, 3, 7, 64, 700))
colours = st.sampled_from(("black", "white", "red", "transparent", "noise"))


def picture(path: Path, height: int, width: int, colour: str) -> Path:
    if colour == "noise":
        drawn = Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))
    elif colour == "transparent":
        drawn = Image.new("RGBA", (width, height), (9, 9, 9, 0))
    else:
        drawn = Image.new("RGB", (width, height), colour)
    drawn.save(path)
    return path


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sides, sides, colours)
def test_a_picture_of_any_shape_is_read_cropped_and_compared(
    tmp_path: Path, height: int, width: int, colour: str
) -> None:
    path = picture(tmp_path / "p.png", height, width, colour)
    pixels = image.decode(path, 480)
    assert min(pixels.shape) >= 1
    assert image.thumbnail_jpeg(pixels)
    crops = crops_of(path, (WHOLE, *grid(2, 0.6)), (64, 64))
    assert crops.shape == (5, 64, 64, 3)
    thumb = near_duplicates.thumbnail(pixels)
    assert near_duplicates.alike(thumb, thumb) == bool(thumb.std() >= near_duplicates.FLAT)
    assert 0 <= near_duplicates.code(thumb) < 2**64


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(("flat", "lively")), max_size=4))
def test_copies_are_looked_for_among_any_pictures(kinds: list[str]) -> None:
    lively = np.random.default_rng(0).integers(0, 256, (48, 54), dtype=np.uint8)
    thumbs = np.zeros((len(kinds), 48, 54), np.uint8)
    for place, kind in enumerate(kinds):
        thumbs[place] = lively if kind == "lively" else 200
    found = {number: others.tolist() for number, others in near_duplicates.pairs(thumbs)}
    same = [place for place, kind in enumerate(kinds) if kind == "lively"]
    expected = {place: [other for other in same if other != place] for place in same if len(same) > 1}
    assert found == expected
