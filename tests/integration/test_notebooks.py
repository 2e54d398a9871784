"""The example notebooks run from the first cell to the last, and what a cell ends with shows itself."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from desk_data import copy_players, tweets
from preseason.cli.demo_pictures import Pictures
from tones import rustle, tone, write_wav

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))
SHOWN = {"players.ipynb": 4, "mood.ipynb": 3, "sounds.ipynb": 2}
"""How many cells end with something that has a look of its own in a notebook."""


def code_of(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def ran(cell: str, names: dict[str, Any]) -> str:
    """Run one cell; what its last line shows as HTML, empty where it has no such look."""
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if not isinstance(last, ast.Expr):
        return ""
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    look = getattr(value, "_repr_html_", None)
    return str(look()) if look else ""


@pytest.fixture
def desk(pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the data that the notebooks name."""
    copy_players(pictures, tmp_path)
    (tmp_path / "tweets.csv").write_text("\n".join(["Tweet,Sentiment", *tweets("tweets.csv")]), "utf-8")
    for number in range(5):
        write_wav(tmp_path / f"sounds/whistle/{number}.wav", tone(2500 + 20 * number, seed=number))
        write_wav(tmp_path / f"sounds/horn/{number}.wav", tone(220 + 5 * number, seed=number))
        write_wav(tmp_path / f"sounds/background/{number}.wav", rustle(seed=number))
    write_wav(tmp_path / "sounds-of-the-match.wav", rustle(8.0, seed=9))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_its_results_show_themselves(notebook: Path, desk: Path) -> None:
    names: dict[str, Any] = {}
    looks = [ran(cell, names) for cell in code_of(notebook)]
    assert sum(look.startswith("<div>") for look in looks) == SHOWN[notebook.name]


def test_notebooks_are_committed_without_output() -> None:
    assert len(NOTEBOOKS) == len(SHOWN)
    for notebook in NOTEBOOKS:
        content = json.loads(notebook.read_text("utf-8"))
        assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
        assert all(cell["outputs"] == [] for cell in content["cells"] if cell["cell_type"] == "code")
        assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
