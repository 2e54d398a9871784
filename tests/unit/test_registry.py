"""Registries: names to parts, filled by the files of a package."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from preseason.errors import UsageError
from preseason.heads.base import heads
from preseason.registry import Registry


def test_names_come_sorted_and_give_what_was_added() -> None:
    letters = Registry[int]("letter")
    letters.add("b", 2)
    assert letters.add("a", 1) == 1
    assert list(letters) == ["a", "b"]
    assert letters.get("b") == 2
    assert "a" in letters
    assert 3 not in letters


def test_a_name_is_taken_once() -> None:
    letters = Registry[int]("letter")
    letters.add("a", 1)
    with pytest.raises(ValueError, match="letter 'a' is registered twice"):
        letters.add("a", 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("atention", "No head is called 'atention'. Did you mean 'attention'? Known: "),
        ("q", "No head is called 'q'. Known: "),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        heads.get(name)
    assert message in str(caught.value)


def test_the_files_of_a_package_register_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "sports"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from preseason.registry import Registry\nsports = Registry('sport', 'sports')\n", "utf-8"
    )
    for name in ("tennis", "golf"):
        (package / f"{name}.py").write_text(f"from sports import sports\nsports.add({name!r}, 1)\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    sports = importlib.import_module("sports").sports
    assert sports.get("golf") == 1
    assert "sports.tennis" not in sys.modules
    assert list(sports) == ["golf", "tennis"]


PLUGIN = """
from preseason.data.layouts.base import layouts
layouts.add("toy", "a layout of another package")
"""
ASK = "from preseason.data.layouts.base import layouts; print(layouts.get('toy'), 'folders' in layouts)"


def installed(folder: Path, code: str) -> dict[str, str]:
    """Environment in which a package with a plug-in is installed, as pip lays it out."""
    facts = folder / "toy_sport-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-sport\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[preseason]\ntoy = toy_sport\n")
    (folder / "toy_sport.py").write_text(code)
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def test_an_installed_package_adds_parts_through_an_entry_point(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=installed(tmp_path, PLUGIN),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "a layout of another package True"


def test_a_plugin_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    environment = installed(tmp_path, "import not_there")
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=False
    )
    assert "The plug-in toy of toy-sport cannot be loaded: No module named 'not_there'." in done.stderr
    assert "pip uninstall toy-sport" in done.stderr
