"""What was taken for what is said before anything is fitted."""

import json
from pathlib import Path

import pytest
from PIL import Image

import preseason
from preseason.cli.main import run
from preseason.data.files import Columns
from preseason.errors import UsageError
from preseason.tasks.reading import task_for


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = bytes((seed * 7919 + i * i * (seed + 3)) % 251 for i in range(24 * 24 * 3))
    Image.frombytes("RGB", (24, 24), pixels).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for seed, label in enumerate(("messi", "salah", "messi", "salah", "messi", "salah")):
        noise(tmp_path / "photos" / ("train" if seed < 4 else "valid") / label / f"{seed}.png", seed)
    noise(tmp_path / "photos" / "runs" / "exp" / "plot.png", 9)
    (tmp_path / "photos" / "@eaDir").mkdir()
    return tmp_path / "photos"


def test_a_dry_run_says_how_the_data_are_read(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fit", str(photos), "--dry-run", "-q"]) == 0
    said = capsys.readouterr().out
    assert "2 splits (train, validation), 2 labels, 6 photos; runs/ ignored." in said
    assert "Labels: messi 3, salah 3.\nSplits: train 4, validation 2.\n" in said
    assert "1 file or folder of other programs left out by name: @eaDir." in said
    assert [path.name for path in photos.parent.iterdir()] == ["photos"]


def test_a_dry_run_as_json(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fit", str(photos), "--dry-run", "--json", "-q"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["labels"] == {"messi": 3, "salah": 3}
    assert said["splits"] == {"train": 4, "validation": 2}
    assert said["ignored"] == ["runs/"]
    assert said["refusal"] is None


def test_a_dry_run_tells_why_a_fit_would_stop(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fit", str(photos / "train"), "--dry-run", "-q", "--layout", "parts"]) == 3
    assert "no folder named as a part" in capsys.readouterr().err
    for path in (photos / "valid", photos / "train" / "salah"):
        path.rename(photos.parent / path.name)
    assert run(["fit", str(photos), "--dry-run", "-q"]) == 3
    assert "A fit would stop here: " in capsys.readouterr().out


def test_a_dry_run_of_texts_without_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "said.jsonl").write_text('{"prompt": "Who?", "response": "Kane."}\n' * 3)
    assert run(["fit", str(tmp_path / "said.jsonl"), "--dry-run", "-q"]) == 0
    assert "There are no labels: a model that talks is fitted." in capsys.readouterr().out


def test_the_reading_from_python(photos: Path) -> None:
    account = preseason.read(photos).account
    assert account.sentence == "2 splits (train, validation), 2 labels, 6 photos; runs/ ignored."
    named = preseason.read(photos, columns=Columns(layout="folders")).account
    assert list(named.labels) == ["runs", "train", "valid"]


def test_a_task_that_is_named_is_taken(photos: Path) -> None:
    assert task_for(photos, Columns(task="clips")).name == "clips"
    with pytest.raises(UsageError, match="Did you mean 'photos'"):
        task_for(photos, Columns(task="photo"))
