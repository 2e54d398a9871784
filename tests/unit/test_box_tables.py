"""Tables with a row for each box: columns, units, and what is refused since two readings fit."""

from pathlib import Path

import pytest

import tiny_pitches
from preseason.data import layouts
from preseason.data.dataset import Dataset
from preseason.data.files import Columns
from preseason.errors import DataError, UsageError
from preseason.tasks.base import tasks
from preseason.tasks.reading import accept_of, task_for

WIDE, HIGH = tiny_pitches.SIZE
Corners = tuple[float, float, float, float]


def things(count: int = 3) -> list[tuple[str, str, Corners]]:
    """Name of the picture, class and edges in pixels of each thing."""
    return [
        (f"{seed}.png", tiny_pitches.LABELS[label], (x0, y0, x1, y1))
        for seed in range(count)
        for label, x0, y0, x1, y1 in tiny_pitches.pitch(seed)[1]
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed in range(3):
        tiny_pitches.pitch(seed)[0].save(tmp_path / f"{seed}.png")
    return tmp_path


def write(root: Path, header: str, rows: list[str], name: str = "boxes.csv") -> Path:
    (root / name).write_text("\n".join([header, *rows] if header else rows) + "\n", "utf-8")
    return root


def read(root: Path, columns: Columns | None = None) -> Dataset:
    detection = tasks.get("detection")
    return detection.read(root, accept_of(detection, columns or Columns()))


def check(root: Path) -> Dataset:
    """Found as a table of boxes, and every box where it was drawn."""
    assert layouts.find_boxes(root) == "box_table"
    assert task_for(root).name == "detection"
    found = read(root)
    told = [
        (
            Path(str(sample.source)).name,
            box.label,
            (box.x0 * WIDE, box.y0 * HIGH, box.x1 * WIDE, box.y1 * HIGH),
        )
        for sample in found.samples
        for box in sample.boxes or ()
    ]
    assert len(told) == len(things())
    for (name, label, edges), (wanted_name, wanted_label, wanted) in zip(
        sorted(told), sorted(things()), strict=True
    ):
        assert (name, label) == (wanted_name, wanted_label)
        assert edges == pytest.approx(wanted, abs=0.01)
    return found


def sides(edges: Corners) -> Corners:
    x0, y0, x1, y1 = edges
    return x0, y0, x1 - x0, y1 - y0


def middle(edges: Corners) -> Corners:
    x0, y0, x1, y1 = edges
    return (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0


def fractions(edges: Corners) -> Corners:
    return edges[0] / WIDE, edges[1] / HIGH, edges[2] / WIDE, edges[3] / HIGH


def line(name: str, label: str, values: Corners, separator: str = ",") -> str:
    return separator.join([name, label, *(f"{value:.9g}" for value in values)])


@pytest.mark.parametrize(
    ("header", "of"),
    [
        ("path,label,xmin,ymin,xmax,ymax", lambda e: e),
        ("filename,class,x1,y1,x2,y2", lambda e: e),
        ("input,label,x0,y0,x1,y1", lambda e: e),
        ("image,name,left,top,width,height", sides),
        ("image_id,class_name,x_center,y_center,width,height", middle),
        ("Image Path,Label,xmin,ymin,xmax,ymax", fractions),
        ("image,label,cx,cy,w,h", lambda e: fractions(middle(e))),
        ("image,label,bbox_left,bbox_top,bbox_w,bbox_h", lambda e: fractions(sides(e))),
        ("", lambda e: e),
    ],
)  # fmt: skip
def test_columns_by_their_names_pixels_and_fractions(header: str, of: object, root: Path) -> None:
    assert callable(of)
    rows = [line(name, label, of(edges)) for name, label, edges in things()]
    if not header:
        rows = [f"{name},{','.join(f'{v:.0f}' for v in edges)},{label}" for name, label, edges in things()]
    check(write(root, header, rows))


def test_names_that_leave_it_open_are_settled_by_the_values(root: Path) -> None:
    """A box at the edge of its picture would reach beyond it in the other reading."""
    header = "image,label,x,y,w,h"
    check(write(root, header, [line(name, label, sides(edges)) for name, label, edges in things()]))
    check(write(root, header, [line(name, label, middle(edges)) for name, label, edges in things()]))
    rows = [f'{name},{label},"[{", ".join(map(str, edges))}]"' for name, label, edges in things()]
    check(write(root, "image,label,bbox", rows))


def test_two_plausible_readings_are_refused_and_spelled_out(root: Path) -> None:
    write(root, "image,label,x,y,w,h", ["0.png,ball,80,60,20,10", "1.png,player,70,50,20,30"])
    with pytest.raises(DataError, match=r"from 80, 60 to 100, 70, as the middle, .* from 70, 55 to 90, 65"):
        read(root)
    write(root, "image,label,bbox", ['0.png,ball,"[20, 20, 60, 70]"', '1.png,player,"[10, 10, 40, 80]"'])
    with pytest.raises(DataError, match="Name the columns left,top,width,height or xmin,ymin,xmax,ymax"):
        read(root)
    write(root, "image,label,xmin,ymin,xmax,ymax", ["0.png,ball,0.1,0.1,0.2,0.2", "1.png,ball,10,10,20,20"])
    with pytest.raises(
        DataError, match=r"two units: row 2 has 0.1, 0.1, 0.2, 0.2.* row 3 has 10, 10, 20, 20"
    ):
        read(root)
    write(root, "image;label;xmin;ymin;xmax;ymax", ["0.png;ball;1,234;2;1,500;20"])
    with pytest.raises(DataError, match=r"may be 1\.234 with a comma for the decimal point, or 1234"):
        read(root)


def test_decimal_commas_and_pictures_of_another_machine(root: Path) -> None:
    rows = [
        line(f"C:\\data\\{name}", label, fractions(edges), ";").replace(".", ",").replace(",png", ".png")
        for name, label, edges in things()
    ]
    found = check(write(root, "path;label;xmin;ymin;xmax;ymax", rows))
    assert any("Commas" in note for note in found.notes)
    assert any("in fractions of the picture" in note for note in found.notes)


def test_faults_are_named_and_the_rest_is_read(root: Path) -> None:
    rows = [
        "0.png,ball,10,10,20,20", "0.png,ball,10,10,20,20", "0.png,,30,30,40,40", "0.png,ball,5,5,nan,9",
        "0.png,ball,500,500,600,600", "0.png,ball,7,7,7,9", "gone.png,ball,1,1,2,2", ",ball,1,1,2,2",
        "1.png,,,,,",
    ]  # fmt: skip
    found = read(write(root, "path,label,xmin,ymin,xmax,ymax", rows))
    assert {Path(str(s.source)).name: len(s.boxes or ()) for s in found.samples} == {"0.png": 1, "1.png": 0}
    reasons = " | ".join(each.reason for each in found.skipped)
    for told in (
        "second time",
        "no class",
        "no four numbers",
        "outside",
        "no size",
        "no such file",
        "no path",
    ):
        assert told in reasons, told
    assert "no row of the table names it" in reasons  # 2.png


def test_width_and_height_beside_corners_may_be_of_the_picture_or_of_the_box(root: Path) -> None:
    own = [f"{line(name, label, edges)},{WIDE},{HIGH}" for name, label, edges in things()]
    check(write(root, "filename,class,xmin,ymin,xmax,ymax,width,height", own))
    boxed = [
        f"{line(name, label, edges)},{edges[2] - edges[0]},{edges[3] - edges[1]}"
        for name, label, edges in things()
    ]
    check(write(root, "filename,class,xmin,ymin,xmax,ymax,width,height", boxed))
    wrong = [f"{line(name, label, edges)},{HIGH},{3 * WIDE}" for name, label, edges in things()]
    write(root, "filename,class,xmin,ymin,xmax,ymax,image_width,image_height", wrong)
    with pytest.raises(DataError, match="were drawn on a picture of 120 x 480 pixels, and it has 160 x 120"):
        read(root)


def test_columns_that_the_user_names_go_first(root: Path) -> None:
    rows = [f"{line(name, 'x', edges)},{label}" for name, label, edges in things()]
    write(root, "image,label,xmin,ymin,xmax,ymax,what", rows)
    assert read(root, Columns(label="what")).labels == tiny_pitches.LABELS
    with pytest.raises(UsageError, match=r"--label whta: .* no such column"):
        read(root, Columns(label="whta"))


def test_a_table_of_labels_is_no_table_of_boxes(root: Path) -> None:
    write(root, "image,label,x,y", ["0.png,ball,1,2", "1.png,player,3,4"])
    assert layouts.find_boxes(root) is None
    assert task_for(root).name == "photos"
