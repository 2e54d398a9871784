"""Imports go downward only, and asking for help loads nothing heavy."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "preseason"

# Lowest first; a module imports only from lines above its own, or from its own package.
LAYERS = (
    ("arrays", "errors", "formatting"),
    ("runtime",),
    ("distributed", "media", "recipe", "registry", "storage"),
    ("stores",),
    ("backbones", "data"),
    ("engine", "results"),
    ("inference", "trained_model"),
    ("heads", "modalities"),
    ("evaluation",),
    ("openset", "problems"),
    ("training",),
    ("diagnostics", "tasks"),
    ("language", "transferability"),
    ("models",),
    ("analysis", "experiments", "exporting", "spotting"),
    ("report",),
    ("fitting",),
    ("serving",),
    ("cli", "sklearn"),
    ("__main__",),
)
# These alone import parts of their own package inside functions: the doors, which must open at once.
LAZY = ("cli", "__main__")
HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "sklearn",
    "scipy",
    "numpy",
    "PIL",
    "openvino",
    "jinja2",
    "av",
    "transformers",
    "tokenizers",
    "peft",
    "pyarrow",
)


def modules() -> list[str]:
    found = (path.relative_to(SOURCE).with_suffix("") for path in SOURCE.rglob("*.py"))
    return sorted(
        ".".join(path.parts).removesuffix(".__init__") for path in found if path.parts != ("__init__",)
    )


def part_of(module: str) -> str:
    known = [name for layer in LAYERS for name in layer]
    fitting = [name for name in known if module == name or module.startswith(f"{name}.")]
    assert fitting, f"preseason.{module} stands in no layer: add it to LAYERS"
    return max(fitting, key=len)


def level_of(part: str) -> int:
    return next(level for level, layer in enumerate(LAYERS) if part in layer)


def file_of(module: str) -> Path:
    path = SOURCE.joinpath(*module.split("."))
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"


def imports_of(module: str) -> Iterator[str]:
    tree = ast.parse(file_of(module).read_text("utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) not in typing_only:
            yield from imported_by(node)


def imported_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and node.module == "preseason":
        yield from (alias.name for alias in node.names if alias.name in submodules())
    elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("preseason."):
        yield (node.module or "").removeprefix("preseason.")
    elif isinstance(node, ast.Import):
        yield from (
            alias.name.removeprefix("preseason.")
            for alias in node.names
            if alias.name.startswith("preseason.")
        )


def submodules() -> set[str]:
    return {module.split(".")[0] for module in modules()}


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_from_layers_below_its_own(module: str) -> None:
    part = part_of(module)
    for imported in imports_of(module):
        other = part_of(imported)
        assert other == part or level_of(other) < level_of(part), f"{module} imports {imported}"


@pytest.mark.parametrize("module", [each for each in modules() if part_of(each) not in LAZY])
def test_parts_are_imported_at_the_top_of_a_file(module: str) -> None:
    tree = ast.parse(file_of(module).read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    hidden = {name for function in functions for node in ast.walk(function) for name in imported_by(node)}
    assert not hidden


def test_few_modules_stand_outside_a_room() -> None:
    loose = [path.name for path in SOURCE.glob("*.py")]
    assert len(loose) <= 8, loose


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; from preseason.cli.main import run; code = run(['fit', '--help']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "Fine-tune a pretrained network" in done.stdout


MODULES = 250
"""That `preseason fit --help` may load, those of Python itself among them; torch alone has thousands."""


def test_help_loads_few_modules() -> None:
    code = "import sys; from preseason.cli.main import run; run(['fit', '--help']); print(len(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) <= MODULES


def test_no_module_hides_a_function_of_its_package() -> None:
    """Importing `package.name` sets `name` on the package: a function called so would be lost."""
    for path in SOURCE.rglob("__init__.py"):
        within = {entry.stem for entry in path.parent.iterdir() if not entry.name.startswith("_")}
        defined = {
            node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)
        }
        assert not defined & within, path
