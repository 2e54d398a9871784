"""Links and the current folder are what they lead to."""

from pathlib import Path

import pytest

from preseason.cli.watch import answers_beside
from preseason.storage import MANIFEST, replace_folder


def test_a_link_to_a_model_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "shelf" / "model-1", tmp_path / "model"
    replace_folder(real, lambda part: (part / MANIFEST).touch() or None)
    link.symlink_to(real)
    replace_folder(link, lambda part: [(part / name).write_text("new") for name in (MANIFEST, "x")] and None)
    assert link.is_symlink()
    assert (real / MANIFEST).read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "shelf"]
    assert [path.name for path in (tmp_path / "shelf").iterdir()] == ["model-1"]


def test_answers_lie_beside_the_folder_that_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "camera"
    (folder / "inner").mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert answers_beside(".") == str(tmp_path / "camera-answers.csv")
    assert answers_beside("inner/") == "inner-answers.csv"
    assert answers_beside("inner/..") == str(tmp_path / "camera-answers.csv")
    assert answers_beside("./inner") == "inner-answers.csv"
    assert answers_beside("/") == "/watched-answers.csv"
