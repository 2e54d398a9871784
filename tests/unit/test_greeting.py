"""What the program says when it is given nothing to do."""

from pathlib import Path

import pytest

from preseason.cli.greeting import greeting
from preseason.cli.main import run


def touched(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_it_names_what_lies_in_the_folder(tmp_path: Path) -> None:
    touched(*(tmp_path / f"my squad/{name}/{n}.JPG" for name in ("messi", "son") for n in range(9)))
    touched(tmp_path / "tweets.csv", tmp_path / "old/preseason.json", tmp_path / ".git/a.png")
    lines = greeting(tmp_path).splitlines()
    assert lines[2] == "In this folder:"
    assert lines[3].split("   ")[-1] == 'preseason fit "my squad/" -o "my squad-model"'
    assert "my squad: 2 folders of photos" in lines[3]
    assert lines[4].endswith("preseason fit tweets.csv -o tweets-model")
    assert lines[5].endswith("preseason serve old")
    assert ".git" not in "".join(lines)


def test_inside_the_data_the_folder_itself_is_named(tmp_path: Path) -> None:
    touched(*(tmp_path / f"squad/{name}/{n}.jpg" for name in ("messi", "son", "kane") for n in range(2)))
    assert "3 folders of photos   preseason fit . -o ../squad-model" in greeting(tmp_path / "squad")


def test_pictures_with_boxes_are_told_from_folders_of_photos(tmp_path: Path) -> None:
    touched(tmp_path / "cells/Annotations/1.xml", tmp_path / "cells/JPEGImages/1.jpg")
    assert "cells: pictures with boxes   preseason fit cells/ -o cells-model" in greeting(tmp_path)


def test_the_source_of_a_program_is_no_data(tmp_path: Path) -> None:
    touched(*(tmp_path / f"src/{name}/{file}" for name in "ab" for file in ("x.py", "y.py", "README.md")))
    touched(*(tmp_path / f"clone/{name}" for name in ("pyproject.toml", "docs/a.md", "notes/b.md")))
    assert "preseason demo" in greeting(tmp_path)


def test_an_empty_folder_gets_the_usual_commands(tmp_path: Path) -> None:
    assert "preseason demo" in greeting(tmp_path)
    assert "preseason demo" in greeting(tmp_path / "absent")


def test_a_name_is_a_single_word_of_the_shell(tmp_path: Path) -> None:
    touched(*(tmp_path / f"a;rm -rf $HOME/{label}/1.png" for label in "xy"))
    assert "preseason fit 'a;rm -rf $HOME/'" in greeting(tmp_path)


def test_the_program_alone_greets_and_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([]) == 0
    assert capsys.readouterr().out.startswith("preseason fine-tunes")


def test_no_colour_where_the_user_wants_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda stream=None, color=None: color is False)
    assert run(["predict", "no-such-model", "a.jpg"]) != 0
    assert "\x1b[" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    assert run(["predict", "no-such-model", "a.jpg"]) != 0
    assert "\x1b[" not in capsys.readouterr().err
