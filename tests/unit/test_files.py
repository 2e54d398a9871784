"""Files appear whole or not at all."""

from pathlib import Path

import pytest

from preseason.runtime.files import atomic_write, folder_beside, write_text


def test_what_was_there_stays_when_writing_fails_and_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    write_text(path, "first\n")
    with pytest.raises(OSError, match="full"):
        _fail_half_way(path)
    assert path.read_text("utf-8") == "first\n"
    assert [found.name for found in tmp_path.iterdir()] == ["notes.txt"]


def _fail_half_way(path: Path) -> None:
    with atomic_write(path) as part:
        part.write_text("half of the sec", "utf-8")
        raise OSError("the disk is full")


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with atomic_write(path) as one, atomic_write(path) as other:
        one.write_text("one", "utf-8")
        other.write_text("other", "utf-8")
    assert path.read_text("utf-8") == "one"


def test_text_keeps_its_newlines_and_may_replace_what_has_no_bytes(tmp_path: Path) -> None:
    write_text(tmp_path / "page", "a\r\nb\n\udcff", errors="replace")
    assert (tmp_path / "page").read_bytes() == b"a\r\nb\n?"


def test_a_folder_that_is_not_renamed_is_removed(tmp_path: Path) -> None:
    with folder_beside(tmp_path / "model") as part:
        (part / "a").write_text("x", "utf-8")
    assert not list(tmp_path.iterdir())
    with folder_beside(tmp_path / "model") as part:
        (part / "a").write_text("x", "utf-8")
        part.rename(tmp_path / "model")
    assert [found.name for found in tmp_path.rglob("*")] == ["model", "a"]
