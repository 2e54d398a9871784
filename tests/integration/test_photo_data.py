"""Folders and tables of photos as people have them: odd, small, split by hand, or of no use."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

import preseason
from photo_fits import GAMES, asked, some_photo
from preseason.cli.demo_pictures import Pictures
from preseason.cli.main import run
from preseason.errors import DataError
from preseason.fitting import budget


@pytest.mark.slow
def test_a_table_made_on_windows(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: list[str]
) -> None:
    root = Path(shutil.copytree(photos, tmp_path / "photos"))
    with (root / "labels.csv").open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file, lineterminator="\r\n")
        table.writerow(["path", "label", "group"])
        for number, path in enumerate(sorted(root.rglob("*.png"))):
            table.writerow([f"{path.parent.name}\\{path.name}", path.parent.name.upper(), number // 2])
    shown = asked(capsys, "fit", root / "labels.csv", "-o", tmp_path / "m", *quick)
    assert shown["labels"] == [game.upper() for game in GAMES]
    assert shown["counts"] == {game.upper(): 10 for game in GAMES}
    manifest = tmp_path / "m" / "preseason.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"\n", b"\r\n"))
    assert preseason.load(tmp_path / "m").predict(some_photo(photos))[0].label == "PONG"


@pytest.mark.slow
def test_a_test_folder_is_tested_on_and_not_learnt_from(
    photos: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: list[str]
) -> None:
    shutil.copytree(photos, tmp_path / "data" / "train")
    for game in GAMES:
        shutil.copytree(pictures.new_photos / game, tmp_path / "data" / "test" / game)
    shown = asked(capsys, "fit", tmp_path / "data", "-o", tmp_path / "m", *quick)
    assert (shown["split"]["train"], shown["split"]["test"], shown["metrics"]["n"]) == (30, 12, 12)
    assert shown["split"]["by"] == "held-out part"


class StoppedError(Exception):
    """Ends a fit where its clock would start, with the seconds that it would have."""


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ({"budget_s": 100}, 100),
        ({"budget_s": 100, "test_fraction": 0.2}, 55),
        ({"budget_s": 100, "test_fraction": 0.2, "refit": False}, 100),
        ({}, 60 + 0.27 * 30),
        ({"test_fraction": 0.2}, 60 + 0.27 * 30),
    ],
)
def test_a_budget_leaves_time_to_fit_once_more_after_testing(
    photos: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], seconds: float
) -> None:
    def start(budget_s: float, strict: bool, watch: object) -> None:
        raise StoppedError(budget_s)

    monkeypatch.setattr(budget, "Clock", start)
    with pytest.raises(StoppedError) as caught:
        preseason.fit(photos, **settings)
    assert caught.value.args[0] == pytest.approx(seconds)


@pytest.mark.slow
def test_odd_labels_stay_as_they_are(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: list[str]
) -> None:
    labels = ('-rf "x" & y', "Ñuñez  O'Neil", "🐐")
    for game, label in zip(GAMES, labels, strict=True):
        shutil.copytree(photos / game, tmp_path / "photos" / label)
    shown = asked(capsys, "fit", tmp_path / "photos", "-o", tmp_path / "🐐 model", *quick)
    assert shown["labels"] == sorted(labels)
    found = asked(capsys, "predict", tmp_path / "🐐 model", tmp_path / "photos" / "🐐")["predictions"]
    assert {answer["label"] for answer in found} == {"🐐"}
    assert 'class="' in (tmp_path / "🐐 model" / "report.html").read_text("utf-8")


NOTHING_TO_LEARN = [
    ("no photos", r"holds no usable photos.*a text file saved as .jpg, not an image"),
    ("one class", r"has only one class \('pong'\).*Add a folder with photos of another class"),
    ("absent", r"There is no .*photos"),
    ("file", r"is one file without labels\. Expected one folder per class"),
]


@pytest.mark.parametrize(("kind", "said"), NOTHING_TO_LEARN)
def test_data_from_which_nothing_can_be_learnt(photos: Path, tmp_path: Path, kind: str, said: str) -> None:
    root = tmp_path / "photos"
    if kind == "no photos":
        (root / "pong").mkdir(parents=True)
        (root / "pong" / "a.jpg").write_text("no picture", "utf-8")
    elif kind == "one class":
        shutil.copytree(photos / "pong", root / "pong")
    elif kind == "file":
        shutil.copy(some_photo(photos), root)
    with pytest.raises(DataError, match=said):
        preseason.fit(root, tmp_path / "m")
    assert run(["fit", str(root), "-o", str(tmp_path / "m"), "--quiet"]) == 3
    assert not (tmp_path / "m").exists()


def test_a_class_with_one_photo(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: list[str]
) -> None:
    root = Path(shutil.copytree(photos, tmp_path / "photos"))
    for path in sorted((root / "pong").iterdir())[1:]:
        path.unlink()
    shown = asked(capsys, "fit", root, "-o", tmp_path / "m", *quick)
    assert shown["counts"]["pong"] == 1
    assert any("pong" in warning for warning in shown["warnings"])
    model = preseason.load(tmp_path / "m")
    assert model.predict(next((root / "pong").iterdir()))[0].label == "pong"
