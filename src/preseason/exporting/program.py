"""What the programs in exported folders share: engines, and the command line.

It lies in an exported folder with the parts of preseason that it takes: they need numpy and onnxruntime (or
openvino), and preseason itself need not be there.
"""

import argparse
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Engine = Callable[[dict[str, Any]], dict[str, Array]]


class Program(ABC):
    """An exported model, ready to answer.

    Attributes:
        folder: where it lies.
        settings: what exported.json holds.
        labels: names of the classes.
        noun: what examples are called.
        about: what it does with them.
        forms: by name of an option, what it prints; `document` is asked for it.
    """

    noun = "examples"
    about = "Classify"
    forms: ClassVar[dict[str, str]] = {"json": "print one JSON object"}

    def __init__(self, folder: "str | Path") -> None:
        self.folder = Path(folder)
        self.settings: dict[str, Any] = json.loads((self.folder / "exported.json").read_text("utf-8"))
        self.labels: list[str] = self.settings["labels"]

    def sources(self, given: Sequence[str]) -> Iterator[str]:
        """The examples that the arguments name."""
        yield from map(str, files(given))

    @abstractmethod
    def predict(self, source: "str | Path") -> dict[str, Any]:
        """The answer to one example.

        Raises:
            ValueError: it cannot be decoded.
            OSError: it cannot be read.
        """

    @abstractmethod
    def line(self, answer: dict[str, Any]) -> str:
        """An answer in words."""

    def document(self, form: str, answers: list[dict[str, Any]], skipped: list[dict[str, str]]) -> Any:
        """All answers as JSON values, in one of `forms`."""
        return {"model": str(self.folder), "predictions": answers, "skipped": skipped}


def engine(path: Path, outputs: Sequence[str]) -> Engine:
    """What runs the graph at `path` and names its `outputs`: openvino for .xml, onnxruntime for .onnx."""
    if path.suffix == ".xml":
        # Its telemetry, where it is installed, would call home.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda given: {n: np.array(v) for n, v in zip(outputs, compiled(given).values(), strict=True)}
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda given: dict(zip(outputs, session.run(list(outputs), given), strict=True))


def files(paths: Sequence[str]) -> Iterator[Path]:
    """The files named, and those in the folders named, in order."""
    for path in map(Path, paths):
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def main(model: Program, arguments: "Sequence[str] | None" = None) -> int:
    """Answer what the command line names; 3 where none of it could be read."""
    parser = argparse.ArgumentParser(description=f"{model.about} {model.noun}.")
    parser.add_argument("paths", nargs="+", help=f"{model.noun}, or folders of them")
    for form, told in model.forms.items():
        parser.add_argument(f"--{form}", dest="form", action="store_const", const=form, help=told)
    given = parser.parse_args(arguments)
    answers, skipped = [], []
    for source in model.sources(given.paths):
        try:
            answers.append(model.predict(source))
        except (ValueError, OSError) as error:
            skipped.append({"path": source, "reason": str(error)})
    if given.form is not None:
        print(json.dumps(model.document(given.form, answers, skipped), indent=2))
        return 3 if skipped and not answers else 0
    for answer in answers:
        print(model.line(answer))
    for left in skipped:
        print(f"{left['path']}: left out: {left['reason']}", file=sys.stderr)
    return 3 if skipped and not answers else 0
