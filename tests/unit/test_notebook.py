"""How results show themselves in a notebook."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preseason.data.boxes import FoundBox
from preseason.data.dataset import Skipped
from preseason.results import PictureBoxes, Prediction, Predictions


def answer(given: str, label: str = "salah", unknown: bool = False) -> Prediction:
    return Prediction(given, label, 0.75, unknown, {label: 0.75, "other": 0.25})


def test_answers_show_a_picture_the_label_and_how_sure(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.fromarray(np.full((300, 200, 3), 90, np.uint8)).save(photo)
    shown = Predictions((answer(str(photo)), answer("no file", unknown=True)))._repr_html_()
    assert shown.count("data:image/jpeg;base64,") == 1
    assert "75 %" in shown
    assert "75 % (unknown)" in shown


def test_nothing_that_comes_from_the_data_becomes_html() -> None:
    evil = "<script>alert(1)</script>"
    shown = Predictions((answer(evil, evil),), (Skipped(evil, evil),))._repr_html_()
    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;") == 4


def test_only_the_first_of_many_answers_are_shown() -> None:
    assert "... and 30 more" in Predictions(tuple(answer(str(n)) for n in range(50)))._repr_html_()


def test_answers_become_a_table_of_pandas_and_of_polars() -> None:
    found = Predictions((answer("1.jpg"), answer("2.jpg", unknown=True)))
    for name in ("pandas", "polars"):
        pytest.importorskip(name)
        frame = getattr(found, f"to_{name}")()
        assert list(frame.columns) == ["input", "label", "probability", "unknown", "p(salah)", "p(other)"]
        assert frame["unknown"].to_list() == [False, True]


def test_a_box_is_a_row_in_pixels() -> None:
    boxes = (FoundBox("ball", 0.5, 0.1, 0.2, 0.3, 0.4),)
    found = Predictions((PictureBoxes("a.jpg", 200, 100, boxes), PictureBoxes("b.jpg", 9, 9, ())))
    assert found.rows() == [
        {"input": "a.jpg", "label": "ball", "score": 0.5, "x0": 20, "y0": 20, "x1": 60, "y1": 40}
    ]
    assert "ball" in found._repr_html_()
