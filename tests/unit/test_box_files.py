"""What was found, written as data sets that the layouts read again, and cut out for models of photos."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preseason.data.boxes import FoundBox
from preseason.data.files import Accept
from preseason.data.layouts.base import layouts
from preseason.errors import UsageError
from preseason.media.image import check
from preseason.report.box_files import FORMS, write_crops, write_data_set
from preseason.results import PictureBoxes

LABELS = ("ball", "win/draw", "../player")
SIZE = (200, 100)


@pytest.fixture
def found(tmp_path: Path) -> list[PictureBoxes]:
    """Three pictures, two of one name: two boxes, one box at the edge, none."""
    boxes = [
        (FoundBox("ball", 0.9, 0.1, 0.2, 0.3, 0.5), FoundBox("../player", 0.6, 0.5, 0.25, 0.75, 1.0)),
        (FoundBox("win/draw", 0.7, 0.0, 0.0, 1.0, 1.0),),
        (),
    ]
    pictures = []
    for number, each in enumerate(boxes):
        path = tmp_path / ("one" if number else "other") / f"{max(number, 1)}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((SIZE[1], SIZE[0], 3), 40 * number, np.uint8)).save(path)
        pictures.append(PictureBoxes(str(path), *SIZE, each))
    return pictures


@pytest.mark.parametrize("form", sorted(FORMS))
def test_a_data_set_is_read_again_as_it_was_found(
    form: str, found: list[PictureBoxes], tmp_path: Path
) -> None:
    write_data_set(form, found, LABELS, tmp_path / "out")
    assert layouts.get(form).matches(tmp_path / "out")
    read = layouts.get(form).read(tmp_path / "out", Accept(check, "pictures"))
    assert not read.skipped
    there = sorted(read.samples, key=lambda sample: sample.path.name)
    assert [sample.path.name for sample in there] == ["1-2.jpg", "1.jpg", "2.jpg"]
    wanted = {"1.jpg": found[0], "1-2.jpg": found[1], "2.jpg": found[2]}
    for sample in there:
        own = {(box.label, box.x0, box.y0, box.x1, box.y1) for box in sample.boxes or ()}
        told = {(box.label, box.x0, box.y0, box.x1, box.y1) for box in wanted[sample.path.name].boxes}
        assert sample.boxes is not None
        assert {each[0] for each in own} == {each[0] for each in told}
        for one, other in zip(sorted(own), sorted(told), strict=True):
            assert one[1:] == pytest.approx(other[1:], abs=0.5 / min(SIZE))


def test_nothing_that_is_there_is_overwritten(found: list[PictureBoxes], tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").touch()
    with pytest.raises(UsageError, match="holds something already"):
        write_data_set("yolo", found, LABELS, tmp_path / "full")


def test_crops_lie_in_a_folder_for_each_class_and_nowhere_else(
    found: list[PictureBoxes], tmp_path: Path
) -> None:
    cut = write_crops(found, tmp_path / "crops")
    assert sorted(path.relative_to(tmp_path).as_posix() for path in cut) == [
        "crops/%2E.%2Fplayer/1-2.jpg", "crops/ball/1-1.jpg", "crops/win%2Fdraw/1-1.jpg",
    ]  # fmt: skip
    with Image.open(tmp_path / "crops/ball/1-1.jpg") as picture:
        assert picture.size == (40, 30)
    assert {place for place, _ in cut.values()} == {0, 1}
    again = write_crops(found, tmp_path / "crops")
    assert not set(again) & set(cut), "crops of an earlier run stay"
