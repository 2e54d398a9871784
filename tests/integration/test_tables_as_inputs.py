"""Tables among the inputs of a model: read as `fit` reads them; what is missing is named, never fatal."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import preseason
from photo_fits import asked, some_photo
from preseason.models.classifier import Model
from preseason.models.loading import classifier

pytestmark = pytest.mark.slow


@pytest.fixture
def model(players: Path) -> Model:
    return classifier(preseason.load(players), "predict")


@pytest.fixture
def listed(photos: Path, tmp_path: Path) -> Path:
    """A table of four photos; row 3 names no file, row 5 no picture, row 6 one with another suffix."""
    folder = tmp_path / "given"
    (folder / "img").mkdir(parents=True)
    for name, game in (("a", "pong"), ("b", "tennis"), ("c", "boxing")):
        (folder / "img" / f"{name}.png").write_bytes(some_photo(photos, game).read_bytes() + b"\0")
    (folder / "img" / "notes.txt").write_text("no picture")
    rows = [("a.png", "pong"), ("gone.png", "pong"), ("b.png", "pong"), ("notes.txt", "pong"), ("c", "Pong")]
    with (folder / "list.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("picture", "what"), *rows])
    return folder / "list.csv"


def test_the_photos_of_a_table_are_predicted_in_its_order(model: Model, listed: Path) -> None:
    found = model.predict(listed)
    assert [Path(item.input).name for item in found.predictions] == ["a.png", "b.png", "c.png"]
    assert [item.reason.split(":")[0] for item in found.skipped] == [
        "row 3 of list.csv",
        "row 5 of list.csv",
    ]


def test_the_command_takes_the_column(
    players: Path, listed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = asked(capsys, "predict", players, listed, "--path", "picture")
    assert (len(told["predictions"]), len(told["skipped"])) == (3, 2)
    told = asked(capsys, "next", players, listed, "--path", "picture")
    assert (told["known"], len(told["suggestions"]), len(told["skipped"])) == (0, 3, 2)


def test_a_post_mortem_counts_what_was_learnt(
    players: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = asked(capsys, "post-mortem", players, photos)
    assert told["learnt"] == 30
    assert "learnt from all" in told["warnings"][0]


def test_a_watched_table_is_no_list_of_files_to_read(
    players: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "upload"
    folder.mkdir()
    secret = tmp_path / "secret.png"
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(secret)
    (folder / "list.csv").write_text(f"path\n{secret}\n", "utf-8")
    (folder / "b.png").write_bytes(some_photo(photos).read_bytes())
    told = asked(capsys, "watch", players, folder, "--once", "--stable-for", "0")
    assert (told["answered"], told["failed"]) == (1, 1)


def test_a_watched_table_that_cannot_be_read_stops_no_watch(
    mood_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "upload"
    folder.mkdir()
    (folder / "a.csv").write_text("home,away\n1,2\n", "utf-8")
    (folder / "b.csv").touch()
    (folder / "c.txt").write_text("what a goal", "utf-8")
    (folder / "d.csv").write_text("text\ngreat goal\nawful referee\n", "utf-8")
    told = asked(capsys, "watch", mood_folder, folder, "--once", "--stable-for", "0")
    assert (told["answered"], told["failed"]) == (3, 2)
