"""A picture on its canvas: whole, never squeezed, and its boxes there and back."""

import numpy as np
import pytest

from preseason.engine.canvas import Canvas, canvas_for, painted
from preseason.engine.passes import WHOLE, Box


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (1080, 1920), (37, 501), (1, 1)])
@pytest.mark.parametrize("longest", [64, 500, 800])
def test_sides_are_multiples_of_32_and_the_aspect_stays(size: tuple[int, int], longest: int) -> None:
    canvas = canvas_for(size, longest)
    assert canvas.height % 32 == 0
    assert canvas.width % 32 == 0
    assert max(canvas.inner_height, canvas.inner_width) == longest
    assert 0 <= canvas.height - canvas.inner_height < 32
    scales = canvas.inner_height / size[0], canvas.inner_width / size[1]
    assert abs(scales[0] - scales[1]) * min(size) <= 1


@pytest.mark.parametrize("part", [WHOLE, WHOLE.mirrored(), Box(0.25, 0.0, 1.0, 0.5)])
def test_boxes_come_back_to_where_they_were(part: Box) -> None:
    canvas = canvas_for((300, 500), 333, part)
    boxes = np.array([[0.3, 0.1, 0.6, 0.4], [0.5, 0.2, 0.9, 0.45]], np.float32)
    placed = canvas.placed(boxes)
    assert (placed[:, :2] < placed[:, 2:]).all()
    assert np.allclose(canvas.lifted(placed), boxes, atol=1e-5)


def test_a_box_lies_on_its_pixels_also_mirrored() -> None:
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[12:24, 70:90] = 255
    box = np.array([[0.7, 0.2, 0.9, 0.4]], np.float32)
    for part in (WHOLE, WHOLE.mirrored()):
        canvas = canvas_for((60, 100), 200, part)
        shown = painted(picture, canvas)
        x0, y0, x1, y1 = canvas.placed(box)[0].round().astype(int)
        assert shown.shape == (128, 224, 3)
        assert shown[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].min() > 250
        assert shown[: canvas.inner_height, : max(x0 - 3, 0)].max(initial=0) < 5


def test_what_the_picture_does_not_reach_is_grey() -> None:
    shown = painted(np.full((50, 100, 3), 255, np.uint8), canvas_for((50, 100), 100))
    assert (shown[50:] == 124).all()
    assert (shown[:50, :100] == 255).all()


def test_boxes_are_cut_off_at_the_edges() -> None:
    canvas = Canvas(32, 64, 30, 60)
    found = canvas.lifted(np.array([[-5.0, -1.0, 70.0, 31.0]], np.float32))
    assert found.tolist() == [[0, 0, 1, 1]]
