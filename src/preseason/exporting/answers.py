"""What the runners of all exported models share: engines, the command line, and how answers come about.

It lies in an exported folder with the parts of preseason that it takes: they need numpy and onnxruntime (or
openvino), and preseason itself need not be there.
"""

import argparse
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from preseason.errors import MediaError
from preseason.inference.probabilities import averaged, joined, sharpened
from preseason.inference.strangers import UnknownScorer

Array = np.ndarray[Any, np.dtype[Any]]
Engine = Callable[[dict[str, Any]], dict[str, Array]]


class Runner(ABC):
    """An exported model, ready to answer; each kind of model says what an example is and how graphs are fed.

    Attributes:
        folder: where it lies.
        settings: what exported.json holds.
        labels: names of the classes, in the order of the probabilities.
    """

    noun = "examples"

    def __init__(self, folder: "str | Path") -> None:
        self.folder = Path(folder)
        self.settings: dict[str, Any] = json.loads((self.folder / "exported.json").read_text("utf-8"))
        self.labels: list[str] = self.settings["labels"]
        with np.load(self.folder / "known.npz", allow_pickle=False) as known:
            self.known = {name: known[name] for name in known.files}
        scorer = {name.removeprefix("scorer."): array for name, array in self.known.items() if "." in name}
        self.scorer = UnknownScorer(self.settings["score"], scorer)
        self.engines = [self.engine(stage) for stage in self.settings["stages"]]

    def engine(self, stage: dict[str, Any]) -> Engine:
        """What runs a stage."""
        return engine(self.folder / stage["file"], stage["outputs"])

    @abstractmethod
    def content(self, source: str) -> Any:
        """What is judged, of an argument of the command line.

        Raises:
            OSError: it cannot be read.
        """

    def sources(self, given: Sequence[str]) -> Iterator[str]:
        """The examples that the arguments name."""
        yield from map(str, files(given))

    @abstractmethod
    def inputs(self, content: Any, stage: dict[str, Any], found: dict[str, Array]) -> dict[str, Any]:
        """What a stage takes for an example, with the outputs `found` by earlier stages.

        Raises:
            MediaError: it is no such example.
        """

    def predict(self, source: "str | Path") -> dict[str, Any]:
        """The answer to one example: label, probability, unknown, and the probability of each label.

        Raises:
            ValueError: it cannot be decoded.
            OSError: it cannot be read.
        """
        try:
            chances, distance = self.judge(self.content(str(source)))
        except MediaError as error:
            raise ValueError(str(error)) from error
        best = int(chances.argmax())
        return {
            "input": str(source),
            "label": self.labels[best],
            "probability": float(chances[best]),
            "unknown": bool(distance > self.settings["threshold"]),
            "probabilities": dict(zip(self.labels, chances.tolist(), strict=True)),
        }

    def judge(self, content: Any) -> tuple[Array, float]:
        """Probabilities float32 [classes] of an example, and how unlike every known example it is."""
        found: dict[str, Array] = {}
        for stage, run in zip(self.settings["stages"], self.engines, strict=True):
            found |= run(self.inputs(content, stage, found))
        return self._together(found)

    def _together(self, found: dict[str, Array]) -> tuple[Array, float]:
        known, settings = self.known, self.settings
        network = sharpened(averaged([found[name] for name in settings["kept"]]), settings["temperature"])
        vectors = (found["known_vector"] - known["centre"]) @ known["directions"]
        distance = self.scorer.distance(vectors, vectors @ known["weight"] + known["bias"])
        own = network[:, settings["columns"]]
        return joined(own, vectors, known["weight"], known["bias"])[0], float(distance[0])


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


def main(model: Runner, arguments: "Sequence[str] | None" = None) -> int:
    """Answer what the command line names; 3 where none of it could be read."""
    parser = argparse.ArgumentParser(description=f"Classify {model.noun}.")
    parser.add_argument("paths", nargs="+", help=f"{model.noun}, or folders of them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    answers, skipped = [], []
    for source in model.sources(given.paths):
        try:
            answers.append(model.predict(source))
        except (ValueError, OSError) as error:
            skipped.append({"path": source, "reason": str(error)})
    if given.json:
        told = {"model": str(model.folder), "predictions": answers, "skipped": skipped}
        print(json.dumps(told, indent=2))
    for answer in () if given.json else answers:
        sure = " (unknown)" if answer["unknown"] else ""
        print(f"{answer['input']}: {answer['label']} {100 * answer['probability']:.1f} %{sure}")
    for left in () if given.json else skipped:
        print(f"{left['path']}: left out: {left['reason']}", file=sys.stderr)
    return 3 if skipped and not answers else 0
