"""Names of classes on pictures: spelled where a font has their letters, else numbered; never boxes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont, features

from preseason.data.boxes import FoundBox
from preseason.report import lettering
from preseason.report.answer_pictures import drawn_confusions
from preseason.report.drawn import draw_boxes

LABELS = ("Tor", "мяч", "μπάλα", "كرة القدم", "足球", "गेंद", "⚽")
SIZE = 13


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Fonts are looked for anew."""
    lettering._paths.cache_clear()
    lettering._font_with.cache_clear()
    yield
    lettering._paths.cache_clear()
    lettering._font_with.cache_clear()


def only(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setattr(lettering, "_folders", lambda: list(folders))


def shows_boxes(text: str) -> bool:
    """Whether a letter looks as one that the font lacks."""
    font = lettering.font_for(text, SIZE)
    lacking = bytes(font.getmask("\uffff"))
    return any(bytes(font.getmask(letter)) == lacking for letter in text if letter != " ")


def test_without_fonts_what_pillow_cannot_write_is_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    names = lettering.names_on_pictures(LABELS, SIZE)
    assert names["Tor"] == "Tor"
    assert [names[label] for label in LABELS[3:]] == ["class 4", "class 5", "class 6", "class 7"]
    assert not any(map(shows_boxes, names.values()))


def test_with_the_fonts_of_this_machine_no_box_is_drawn() -> None:
    names = lettering.names_on_pictures(LABELS, SIZE)
    assert set(names.values()) <= {*LABELS, *(f"class {n}" for n in range(1, 8))}
    assert not any(map(shows_boxes, names.values()))


def test_a_font_that_has_the_letters_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plots = pytest.importorskip("matplotlib", reason="its fonts are those of this test")
    only(monkeypatch, Path(plots.get_data_path()) / "fonts/ttf")
    names = lettering.names_on_pictures(LABELS, SIZE)
    assert [names[label] for label in LABELS[1:3]] == list(LABELS[1:3])
    assert names["足球"] == "class 5"
    assert (names["كرة القدم"] == "كرة القدم") is features.check("raqm")
    font = lettering.font_for("мяч", SIZE)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert "DejaVuSans" in str(font.path)


def test_letters_that_cannot_be_joined_are_not_drawn_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_joins", lambda: False)
    names = lettering.names_on_pictures(LABELS, SIZE)
    assert names["كرة القدم"] == "class 4"
    assert names["गेंद"] == "class 6"


def test_what_is_no_font_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    only(monkeypatch, tmp_path)
    assert lettering.names_on_pictures(("足球",), SIZE) == {"足球": "class 1"}


def test_pictures_carry_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    numbered = drawn_confusions(np.eye(2, dtype=np.int64), ("足球", "门"))
    assert numbered == drawn_confusions(np.eye(2, dtype=np.int64), ("class 1", "class 2"))
    drawn = []
    for label in ("足球", "class 1"):
        picture = Image.new("RGB", (200, 100))
        draw_boxes(picture, [FoundBox(label, 0.9, 0.2, 0.4, 0.8, 0.9)], [label])
        drawn.append(picture)
    assert drawn[0] == drawn[1]
