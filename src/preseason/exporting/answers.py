"""What the runners of all exported models share: engines, the average, calibration, and who is a stranger.

It lies beside run.py in an exported folder, and needs numpy and onnxruntime (or openvino), nothing of
preseason.
"""

import argparse
import hashlib
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

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
            ValueError: it is no such example.
        """

    def predict(self, source: "str | Path") -> dict[str, Any]:
        """The answer to one example: label, probability, unknown, and the probability of each label.

        Raises:
            ValueError: it cannot be decoded.
            OSError: it cannot be read.
        """
        chances, distance = self.judge(self.content(str(source)))
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
        network = sharpened([found[name] for name in self.settings["kept"]], self.settings["temperature"])
        known = self.known
        vectors = (found["known_vector"] - known["centre"]) @ known["directions"]
        logits = vectors @ known["weight"] + known["bias"]
        own = network[:, self.settings["columns"]]
        own = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-9)
        new = softmax(logits)[:, own.shape[1] :]
        chances = np.concatenate([own * (1 - new.sum(axis=1, keepdims=True)), new], axis=1)
        return chances[0], float(strangeness(self.settings["score"], known, vectors, logits)[0])


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


def digest(data: bytes) -> str:
    """What names an example by its content."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def sharpened(each: Sequence[Array], temperature: float) -> Array:
    """The ways' probabilities [n, c] averaged (geometric mean) and calibrated."""
    logs = np.mean([np.log(np.maximum(p, 1e-9)) for p in each], axis=0)
    means = np.exp(logs - logs.max(axis=1, keepdims=True))
    means = means / means.sum(axis=1, keepdims=True)
    powered = np.maximum(means, 1e-12) ** np.float32(1 / temperature)
    return np.asarray(powered / powered.sum(axis=1, keepdims=True))


def softmax(logits: Array) -> Array:
    """Probabilities of logits [n, c]."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def strangeness(score: str, known: dict[str, Array], vectors: Array, logits: Array) -> Array:
    """How unlike every known example vectors [n, d] are, float [n]."""
    if score == "max-softmax":
        return np.asarray(1 - softmax(logits).max(axis=1))
    if score == "energy":
        peak = logits.max(axis=1)
        return np.asarray(-peak - np.log(np.exp(logits - peak[:, None]).sum(axis=1)))
    centred = vectors - known["scorer.centre"]
    if score == "neighbours":
        length = np.linalg.norm(centred, axis=1, keepdims=True) + 1e-12
        likeness = np.sort(centred / length @ known["scorer.references"].T, axis=1)
        return np.asarray(1 - likeness[:, -int(known["scorer.neighbours"][0])])
    apart = (centred @ known["scorer.whiten"])[:, None] - known["scorer.means"]
    return np.asarray(np.sqrt((apart**2).sum(axis=2).min(axis=1)))


def files(paths: Sequence[str]) -> Iterator[Path]:
    """The files named, and those in the folders named, in order."""
    for path in map(Path, paths):
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def main(make: Callable[[Path], Runner], arguments: "Sequence[str] | None" = None) -> int:
    """Answer what the command line names; 3 where none of it could be read."""
    model = make(Path(__file__).parent)
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
