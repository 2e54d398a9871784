"""Small fits of photos for tests: as commands, in this process or another, and what they leave behind."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from preseason.cli.main import run
from preseason.engine.upkeep import usage
from preseason.runtime.cache_dir import cache_folder

GAMES = ("boxing", "pong", "tennis")
LINEAR = ["--head", "linear", "--unfreeze", "0"]


def asked(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    """The JSON object of a verb."""
    capsys.readouterr()
    found = run([*map(str, arguments), "--json", "--quiet"])
    shown = capsys.readouterr()
    assert found == code, shown.err
    answer: dict[str, Any] = json.loads(shown.out)
    return answer


def rows_in_bank(cache: Path | None = None) -> int:
    return sum(shelf.rows for shelf in usage(cache or cache_folder()))


def some_photo(photos: Path, game: str = "pong") -> Path:
    return sorted((photos / game).iterdir())[3]


def network_settings(weights: Path) -> list[str]:
    return ["--backbone", "test_resnet", "--weights", str(weights), "--image-size", "96"]


def fitted(tmp_path: Path, photos: Path, *options: str, cache: Path | None = None) -> dict[str, Any]:
    """A fit in this process, with its JSON."""
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        assert run(command(tmp_path / "m", photos, *options, cache=cache)) == 0
    return dict(json.loads(shown.getvalue()))


def command(model: Path, photos: Path, *options: str, cache: Path | None = None) -> list[str]:
    place = [] if cache is None else ["--cache", str(cache)]
    """The arguments of the program."""
    return [
        "fit",
        str(photos),
        "-o",
        str(model),
        *options,
        *place,
        "--json",
    ]
