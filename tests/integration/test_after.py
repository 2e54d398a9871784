"""The verbs after a fit, on a small model of pictures."""

import json
import shutil
from pathlib import Path

import pytest

import preseason
from preseason.cli.main import run
from preseason.demo import Pictures

pytestmark = pytest.mark.slow


def spoken(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:  # type: ignore[type-arg]
    code = run([*arguments, "--json", "--quiet"])
    return code, json.loads(capsys.readouterr().out)


def test_next_names_what_is_new_and_sorts_it_into_folders(
    model_folder: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt = sorted(pictures.photos.glob("*/*"))[:3]
    loose = tmp_path / "loose"
    shutil.copytree(pictures.new_photos, loose)
    for number, path in enumerate(learnt):
        shutil.copy(path, loose / f"learnt{number}{path.suffix}")
    one = sorted(pictures.new_photos.glob("*/*"))[0]
    shutil.copy(one, loose / f"a-copy{one.suffix}")
    contents = {path.read_bytes() for path in pictures.photos.glob("*/*")}
    known = sum(path.read_bytes() in contents for path in loose.rglob("*.*"))
    sorted_into = tmp_path / "to-sort"
    code, told = spoken(["next", str(model_folder), str(loose), "-n", "6", "-o", str(sorted_into)], capsys)
    assert code == 0
    assert (told["known"], told["copies"], len(told["suggestions"])) == (known, 1, 6)
    assert known >= 3
    assert all(Path(path).is_file() for path in told["files"])
    assert len(list(sorted_into.glob("*/*"))) == 6
    again = preseason.read(sorted_into)
    assert len(again.dataset.samples) == 6


def test_a_table_of_what_to_label_is_one_that_fit_reads(
    model_folder: Path, pictures: Pictures, tmp_path: Path
) -> None:
    table = tmp_path / "lists" / "next.csv"
    assert run(["next", str(model_folder), str(pictures.new_photos), "-n", "5", "-o", str(table), "-q"]) == 0
    assert len(preseason.read(table).dataset.samples) == 5


def test_next_refuses_a_full_folder_and_what_it_knows_already(
    model_folder: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("notes")
    new = str(pictures.new_photos)
    code, told = spoken(["next", str(model_folder), new, "-n", "2", "-o", str(tmp_path)], capsys)
    assert code == 2
    assert "not empty" in told["error"]["message"]
    code, told = spoken(["next", str(model_folder), str(pictures.photos)], capsys)
    assert code == 3
    assert "learnt from all" in told["error"]["message"]
