"""The program of an exported model: a runner and the files of preseason that it imports, no more."""

import ast
import re
from collections.abc import Collection, Iterator
from importlib.resources import files
from pathlib import Path

RUNNER, PARTS = "run.py", "parts"
"""What the program is called, and the package beside it."""


def write_runner(folder: Path, program: str, readers: Collection[str] = ()) -> None:
    """Write a runner of this package to `folder` as run.py, and what it takes of preseason to `parts`.

    Args:
        readers: modules of this package that the program loads for some of its stages.
    """
    code = _source(f"exporting.{program}")
    (folder / RUNNER).write_text(_moved(code), "utf-8")
    taken = needed(code)
    for reader in readers:
        taken |= {f"exporting.{reader}"} | needed(_source(f"exporting.{reader}"))
    for module in sorted(taken):
        path = folder / PARTS / f"{module.replace('.', '/')}.py"
        if _is_package(module):
            path = path.with_suffix("") / "__init__.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_moved(_source(module)), "utf-8")
    for inner in (folder / PARTS, *(path for path in (folder / PARTS).rglob("*") if path.is_dir())):
        (inner / "__init__.py").touch()


def needed(code: str) -> set[str]:
    """Modules of preseason that code imports at its top, and those that these import."""
    found: set[str] = set()
    waiting = list(_imports(code))
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imports(_source(module))
    return found


def _imports(code: str) -> Iterator[str]:
    for node in ast.parse(code).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("preseason."):
            parent = str(node.module).removeprefix("preseason.")
            inner = [f"{parent}.{alias.name}" for alias in node.names]
            yield from [each for each in inner if _path(each).is_file()] or [parent]


def _path(module: str) -> Path:
    """The file of a module, or of a package, whether it is there or not."""
    place = Path(str(files("preseason"))).joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _is_package(module: str) -> bool:
    return _path(module).name == "__init__.py"


def _source(module: str) -> str:
    return _path(module).read_text("utf-8")


def _moved(code: str) -> str:
    return re.sub(r"^(\s*)from preseason\.", rf"\1from {PARTS}.", code, flags=re.MULTILINE)
