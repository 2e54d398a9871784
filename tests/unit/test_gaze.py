"""Windows around what counted: where attention was, the windows are."""

import numpy as np
import pytest

from preseason.engine.passes import WHOLE, Box, grid
from preseason.inference.attention_crops import CROPS, heat_map, windows

REGIONS = (WHOLE, *grid(3, 0.5), *grid(4, 4 / 14))


def focus_on(*chosen: int) -> np.ndarray:
    weights = np.full(len(REGIONS), 1e-3, np.float32)
    weights[list(chosen)] = 1
    return weights / weights.sum()


def centre(box: Box) -> tuple[float, float]:
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


def test_windows_are_squares_inside_the_whole_half_of_them_mirrored() -> None:
    for corner in (10, 13, 22, 25):
        found = windows(focus_on(corner), REGIONS, 0)
        assert len(found) == CROPS
        assert sum(box.x1 < box.x0 for box in found) == CROPS // 2
        for box in found:
            x0, x1 = sorted((box.x0, box.x1))
            assert 0 <= x0 < x1 <= 1
            assert 0 <= box.y0 < box.y1 <= 1
            assert x1 - x0 == pytest.approx(box.y1 - box.y0, abs=2e-4)


@pytest.mark.parametrize("part", range(10, 26))
def test_a_window_holds_the_region_that_counted_most(part: int) -> None:
    x, y = centre(REGIONS[part])
    first = windows(focus_on(part), REGIONS, 0)[0]
    assert first.x0 <= x <= first.x1
    assert first.y0 <= y <= first.y1


def test_the_second_peak_gets_windows_too() -> None:
    left, right = 10, 25
    weights = focus_on(left, right)
    weights[right] *= 0.6
    found = [centre(box) for box in windows(weights, REGIONS, 0)]
    for part in (left, right):
        x, y = centre(REGIONS[part])
        assert min(abs(a - x) + abs(b - y) for a, b in found) < 0.15


def test_one_seed_gives_one_set_of_windows_another_shifts_them() -> None:
    weights = focus_on(14)
    assert windows(weights, REGIONS, 3) == windows(weights, REGIONS, 3)
    assert windows(weights, REGIONS, 3) != windows(weights, REGIONS, 4)


def test_even_attention_looks_at_the_middle() -> None:
    for weights in (np.full(len(REGIONS), 1 / len(REGIONS), np.float32), np.zeros(len(REGIONS), np.float32)):
        assert centre(windows(weights, REGIONS, 0)[0]) == pytest.approx((0.5, 0.5), abs=0.1)


def test_heat_adds_up_to_the_attention_of_the_places() -> None:
    weights = np.arange(len(REGIONS), dtype=np.float32)
    heat = heat_map(weights, REGIONS)
    assert heat.shape == (14, 14)
    assert heat.sum() == pytest.approx(weights[1:].sum())


def test_heat_lies_where_the_region_is() -> None:
    heat = heat_map(focus_on(25), (*REGIONS,))
    assert heat[-4:, -4:].sum() > 0.9 * heat.sum()
    assert heat[0, 0] < heat[-1, -1]
