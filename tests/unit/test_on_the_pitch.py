"""Teams by kit and places on the pitch: what they are worth on drawn players and drawn views."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import movies
from preseason.cli.teams import teams_lines
from preseason.errors import DataError
from preseason.report.pitch_map import Walk, write_pitch_map
from preseason.runtime.progress import Silent
from preseason.spotting.pitch import FOOTBALL, fitted, path_m, read_pitch, with_place
from preseason.spotting.teams import Teams, cielab, cluster, kit, srgb, with_teams
from preseason.spotting.video_boxes import FrameBoxes, TrackedBox

WIDE, HIGH = 320, 180
RED, BLUE, BLACK, GRASS = (200, 40, 50), (40, 70, 190), (20, 20, 24), (50, 125, 60)
KITS = {1: RED, 2: BLUE, 3: RED, 4: BLUE, 5: RED, 6: BLACK, 7: BLUE}


def frame(number: int, kits: dict[int, tuple[int, int, int]]) -> tuple[NDArray[np.uint8], FrameBoxes]:
    """Players in rows, half of them in shade, with skin, white shorts and grass around them."""
    rng = np.random.default_rng(number)
    picture = Image.fromarray((rng.integers(-10, 10, (HIGH, WIDE, 3)) + GRASS).clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    boxes = []
    for track, shirt in kits.items():
        x, y = 40 * track - 30 + number % 5, 60 + 5 * (track % 3)
        light = 0.65 if track in (3, 4) else 1.0
        worn = tuple(int(light * value) for value in shirt)
        pen.rectangle((x + 6, y + 8, x + 18, y + 32), fill=worn)
        pen.rectangle((x + 8, y, x + 16, y + 8), fill=(190, 150, 120))
        pen.rectangle((x + 6, y + 32, x + 18, y + 44), fill=(230, 230, 230))
        edges = (x / WIDE, y / HIGH, (x + 24) / WIDE, (y + 60) / HIGH)
        boxes.append(TrackedBox("player", 0.9, *edges, track))
    boxes.append(TrackedBox("ball", 0.9, 0.0, 0.0, 0.02, 0.03, 20))
    return np.asarray(picture), FrameBoxes("match.mp4", WIDE, HIGH, tuple(boxes), number + 1, number / 25)


def test_teams_are_told_by_shirts_and_a_referee_is_of_neither(tmp_path: Path) -> None:
    shown = [frame(number, KITS) for number in range(10)]
    path = movies.write(tmp_path / "match.mp4", [pixels for pixels, _ in shown])
    frames, teams = with_teams(path, [boxes for _, boxes in shown], 25, "player", Silent())
    of = {box.track: box.team for box in frames[-1].boxes}
    assert of[1] == of[3] == of[5]
    assert of[2] == of[4] == of[7]
    assert {of[1], of[2]} == {1, 2}
    assert (of[6], of[20]) == (0, None)
    assert teams.told_apart
    red, blue = (np.array(teams.colours[of[track] - 1], float) for track in (1, 2))
    assert np.abs(red - RED).max() < 45
    assert np.abs(blue - BLUE).max() < 45


def test_one_kit_is_no_two_teams_and_it_is_said() -> None:
    rng = np.random.default_rng(0)
    kits = {track: rng.normal((25, 50, 30), 6, (8, 3)).astype(np.float32) for track in range(12)}
    teams = cluster(kits)
    assert not teams.told_apart
    assert "too alike" in teams_lines({"match.mp4": teams})[-1]


def test_fewer_tracks_than_teams() -> None:
    teams = cluster({4: np.zeros((2, 3), np.float32)})
    assert teams == Teams({4: 0}, (), 0.0)
    assert teams_lines({"m.mp4": teams}) == ["m.mp4: too few tracks, or all of one colour: no teams."]
    assert cluster(dict.fromkeys((4, 5), np.zeros((2, 3), np.float32))) == Teams({4: 0, 5: 0}, (), 0.0)


def test_a_green_shirt_on_grass_still_has_a_colour() -> None:
    assert np.isfinite(kit(np.full((30, 12, 3), GRASS, np.uint8))).all()
    assert np.isfinite(kit(np.full((1, 1, 3), 200, np.uint8))).all()


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_cielab_is_that_of_the_standard(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    found = cielab(np.array(rgb, np.uint8))
    assert np.abs(found - lab).max() < 0.05
    assert srgb(found) == rgb


def seen_by(camera: NDArray[np.float64], place: tuple[float, float]) -> tuple[float, float]:
    x, y, w = camera @ (*place, 1.0)
    return float(x / w), float(y / w)


CAMERA = np.array([[12.0, -3.0, 200.0], [0.4, 5.0, 150.0], [0.0005, -0.006, 1.0]])
"""Metres to pixels of a camera on a stand."""
NAMES = (
    "far left corner",
    "near halfway line",
    "Right penalty-spot",
    "far_centre circle",
    "near right corner",
)


def table(path: Path, names: tuple[str, ...]) -> Path:
    rows = ["point,x,y"]
    for name in names:
        place = FOOTBALL[name.lower().replace("-", " ").replace("_", " ")]
        x, y = seen_by(CAMERA, place)
        rows.append(f"{name},{x:.2f},{y:.2f}")
    path.write_text("\n".join(rows))
    return path


def test_places_are_those_that_the_camera_saw(tmp_path: Path) -> None:
    view = read_pitch(table(tmp_path / "points.csv", NAMES))
    assert view.named
    assert view.error_m < 0.05
    for place in FOOTBALL.values():
        assert np.abs(np.subtract(view.on_pitch(*seen_by(CAMERA, place)), place)).max() < 0.1
    x, y = seen_by(CAMERA, (30.0, 20.0))
    box = TrackedBox("player", 0.9, (x - 20) / 1920, (y - 90) / 1080, (x + 20) / 1920, y / 1080, 3)
    (placed,) = with_place(FrameBoxes("m.mp4", 1920, 1080, (box,)), view).boxes
    assert isinstance(placed, TrackedBox)
    assert placed.place_m == pytest.approx((30.0, 20.0), abs=0.1)
    assert placed.track == 3
    assert view.on_pitch(*seen_by(CAMERA, (0.0, 500.0))) is None


def test_own_points_in_metres(tmp_path: Path) -> None:
    corners = [(0, 0), (28, 0), (28, 15), (0, 15)]
    rows = [f"{seen_by(CAMERA, c)[0]},{seen_by(CAMERA, c)[1]},{c[0]},{c[1]}" for c in corners]
    (tmp_path / "court.csv").write_text("\n".join(["x,y,pitch_x,pitch_y", *rows]))
    view = read_pitch(tmp_path / "court.csv")
    assert not view.named
    assert view.on_pitch(*seen_by(CAMERA, (14, 7.5))) == pytest.approx((14, 7.5), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("point,x,y\nfar left corner,1,2", "received 1 points, expected 4"),
        ("point,x\nfar left corner,1", "y is missing"),
        (
            "point,x,y\nthe tree,1,2",
            "line 2: 'the tree' is no point of a football pitch. Known are far left corner",
        ),
        ("point,x,y\nfar left corner,here,2", "line 2: x is 'here', expected a number"),
        ("x,y,pitch_x,pitch_y\n0,0,0,0\n1,1,1,1\n2,2,2,2\n3,3,3,3", "lie on one line"),
        ("x,y,pitch_x,pitch_y\n0,0,0,0\n5,0,5,0\n9,0,9,0\n3,3,3,3", "three of the points lie on one line"),
        ("x,y,pitch_x,pitch_y\n0,0,0,0\n9,9,9,0\n9,0,9,9\n0,9,0,9", "two of them may be exchanged"),
    ],
)
def test_tables_that_say_too_little_are_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(DataError, match=said.replace("'", ".")):
        read_pitch(tmp_path / "points.csv")


def test_a_way_is_measured_without_the_shaking_of_boxes() -> None:
    rng = np.random.default_rng(1)
    times = [number / 5 for number in range(100)]
    still = [(30 + x, 20 + y) for x, y in rng.normal(0, 0.1, (100, 2))]
    runs = [(30 + 5 * time, 20.0) for time in times]
    assert path_m(still, times) < 0.3 * float(np.linalg.norm(np.diff(still, axis=0), axis=1).sum())
    assert path_m(runs, times) == pytest.approx(99, abs=5)
    assert path_m(still[:1], times[:1]) == 0.0


def test_a_map_shows_each_path_in_its_colour(tmp_path: Path) -> None:
    named = read_pitch(table(tmp_path / "points.csv", NAMES))
    walks = {1: Walk(1, [(10, 10), (50, 10)]), 2: Walk(None, []), 3: Walk(2, [(10, 60), (50, 60)])}
    write_pitch_map(walks, named, tmp_path / "map.png")
    picture = np.asarray(Image.open(tmp_path / "map.png"))
    assert picture.shape == (760, 1130, 3)
    assert tuple(picture[140, 400]) != tuple(picture[640, 400])
    own = fitted(
        np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]), np.array([[0, 0], [9e3, 0], [9e3, 9e3], [0, 9e3]])
    )
    write_pitch_map({1: Walk(None, [(0, 0), (9e3, 9e3)])}, own, tmp_path / "large.png")
    with Image.open(tmp_path / "large.png") as large:
        assert max(large.size) <= 2100
