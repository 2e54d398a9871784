"""Modalities, tasks and kinds of networks are seams: nothing outside their own files asks for one by name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from preseason.modalities.base import modalities
from preseason.tasks.base import tasks

SOURCE = Path(__file__).parents[2] / "src" / "preseason"
OWN = (
    "modalities",
    "tasks",
    "engine/feeds",
    "exporting/runners",
    "backbones/encoders.py",
    "backbones/libraries",
)
"""Where modalities, tasks and networks say things of themselves."""
NETWORKS = {"Backbone", "Encoder"}
"""Classes of networks, of which nothing may ask whether it has one in hand."""


def is_one(value: object, beside: str) -> bool:
    """Whether a constant is a task's name, or a modality's where it stands beside something that holds one.

    "text" and "video" are also columns of tables and fields of JSON.
    """
    asked = any(word in beside for word in ("modality", "viewer", "task", "job"))
    return value in tasks or (asked and value in modalities)


def files() -> list[Path]:
    return [
        path
        for path in sorted(SOURCE.rglob("*.py"))
        if not path.relative_to(SOURCE).as_posix().startswith(OWN)
    ]


def compared(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every comparison with a task's or modality's name, `in` and `match` included."""
    for node in ast.walk(tree):
        sides: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            sides = [node.value]
        beside = ast.unparse(node)
        for side in sides:
            items = side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
            for item in items:
                if isinstance(item, ast.Constant) and is_one(item.value, beside):
                    yield node.lineno, str(item.value)


def looked_up(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and first name of every dict with two or more tasks' or modalities' names as keys."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant) and key.value in tasks]
            if len(keys) == len(node.keys) > 1:
                yield node.lineno, str(keys[0])


def instances(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and class of every `isinstance` on a class of networks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            for name in ast.walk(node.args[1]):
                if isinstance(name, ast.Name) and name.id in NETWORKS:
                    yield node.lineno, name.id


@pytest.mark.parametrize("check", [compared, looked_up, instances])
def test_no_branch_outside_their_own_files(check) -> None:  # type: ignore[no-untyped-def]
    found = [
        f"{path.relative_to(SOURCE)}:{line} {name}"
        for path in files()
        for line, name in check(ast.parse(path.read_text("utf-8")))
    ]
    assert not found


def test_the_checks_see_what_they_are_for() -> None:
    tree = ast.parse(
        'a.task == "photos" or b.modality in ("text",) or {"clips": 1, "photos": 2} or isinstance(c, Encoder)'
    )
    assert [name for _, name in compared(tree)] == ["photos", "text"]
    assert [name for _, name in looked_up(tree)] == ["clips"]
    assert [name for _, name in instances(tree)] == ["Encoder"]


def test_the_page_asks_for_no_task() -> None:
    scripts = {path.name: path.read_text("utf-8") for path in (SOURCE / "serving" / "page").glob("*.js")}
    assert not {name for name, code in scripts.items() if ".task ==" in code or ".task !=" in code}
