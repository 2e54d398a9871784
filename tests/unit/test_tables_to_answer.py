"""Tables among what is to be answered: they stand for the files or texts of their rows."""

import json
from pathlib import Path

import pytest
from PIL import Image

from preseason.cli.main import run
from preseason.data.files import Accept
from preseason.data.layouts.inputs import collect_files
from preseason.media.image import check


@pytest.fixture
def match(tmp_path: Path) -> Path:
    for number in range(4):
        Image.new("RGB", (40, 30), (60 * number, 20, 0)).save(tmp_path / f"{number}.png")
    return tmp_path


def table(folder: Path, *names: str, column: str = "file", name: str = "list.csv") -> Path:
    (folder / name).write_text("\n".join([f"n,{column}", *(f"{n},{each}" for n, each in enumerate(names))]))
    return folder / name


def names_of(*inputs: str | Path) -> tuple[list[str], list[str]]:
    found = collect_files(inputs, Accept(check, "photos"))
    return [sample.path.name for sample in found.samples], [item.reason for item in found.skipped]


def test_a_table_stands_for_its_files_in_their_order(match: Path) -> None:
    rows = table(match, "3.png", "1.png")
    assert names_of(rows) == (["3.png", "1.png"], [])
    assert names_of(match / "0.png", rows, match / "2.png")[0] == ["0.png", "3.png", "1.png", "2.png"]


def test_a_row_without_a_file_is_named(match: Path) -> None:
    names, reasons = names_of(table(match, "3.png", "absent.png"))
    assert names == ["3.png"]
    assert "row 3 of list.csv: there is no such file" in reasons[0]


def test_a_table_among_its_own_files_adds_none_again(match: Path) -> None:
    rows = table(match, "3.png", "1.png")
    every = [match / f"{number}.png" for number in range(4)]
    assert names_of(*every, rows)[0] == [path.name for path in every]


def test_a_table_of_something_else_is_named(match: Path) -> None:
    (match / "scores.csv").write_text("team,goals\nA,1\nB,2\n")
    names, reasons = names_of(match / "0.png", match / "scores.csv")
    assert names == ["0.png"]
    assert len(reasons) == 1
    assert "scores.csv" in reasons[0]


@pytest.mark.slow
def test_predict_and_next_take_tables(
    model_folder: Path, match: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = table(match, "3.png", "1.png", column="picture_of_it")
    assert run(["predict", str(model_folder), str(rows), "--path", "picture_of_it", "--json", "-q"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [Path(item["input"]).name for item in found["predictions"]] == ["3.png", "1.png"]
    assert run(["next", str(model_folder), str(rows), "-n", "1", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["looked_at"] == 2
    assert run(["predict", str(model_folder), str(rows), "--path", "absent", "-q"]) == 2


@pytest.mark.slow
def test_compare_and_scout_take_names_of_columns_and_labels(
    mood_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"great goal {n},yes" for n in range(4)] + [f"awful referee {n},bad" for n in range(4)]
    (tmp_path / "new.csv").write_text("\n".join(["text,label", *lines]))
    data = str(tmp_path / "new.csv")
    command = ["compare", str(mood_folder), str(mood_folder), data, "--json", "-q"]
    assert run([*command, "--rename", "yes=good"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"][0]["accuracy"] == 1.0
