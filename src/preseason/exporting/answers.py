"""What the runners of all exported models of labels share: how answers come about.

It lies in an exported folder with the parts of preseason that it takes: they need numpy and onnxruntime (or
openvino), and preseason itself need not be there.
"""

from abc import abstractmethod
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from preseason.errors import MediaError
from preseason.exporting.program import Array, Engine, Program, engine
from preseason.inference.probabilities import averaged, joined, sharpened
from preseason.inference.strangers import UnknownScorer


class Runner(Program):
    """An exported model of labels; each kind says what an example is and how graphs are fed."""

    def __init__(self, folder: "str | Path") -> None:
        super().__init__(folder)
        with np.load(self.folder / "known.npz", allow_pickle=False) as known:
            self.known = {name: known[name] for name in known.files}
        scorer = {name.removeprefix("scorer."): array for name, array in self.known.items() if "." in name}
        self.scorer = UnknownScorer(self.settings["score"], scorer)
        self.engines = [self.engine(stage) for stage in self.settings["stages"]]

    def engine(self, stage: dict[str, Any]) -> Engine:
        """What runs a stage: a graph, or a reader that the program brings for another network."""
        path = self.folder / stage["file"]
        if stage["reader"]:
            found: Engine = import_module(f"{__package__}.{stage['reader']}").Reader(path, stage)
            return found
        return engine(path, stage["outputs"])

    @abstractmethod
    def content(self, source: str) -> Any:
        """What is judged, of an argument of the command line.

        Raises:
            OSError: it cannot be read.
        """

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

    def line(self, answer: dict[str, Any]) -> str:
        """The label, its probability, and whether it is unknown."""
        sure = " (unknown)" if answer["unknown"] else ""
        return f"{answer['input']}: {answer['label']} {100 * answer['probability']:.1f} %{sure}"

    def judge(self, content: Any) -> tuple[Array, float]:
        """Probabilities float32 [classes] of an example, and how unlike every known example it is."""
        found: dict[str, Array] = {}
        for stage, run in zip(self.settings["stages"], self.engines, strict=True):
            found |= run(self.inputs(content, stage, found))
        return self._together(found)

    def _together(self, found: dict[str, Array]) -> tuple[Array, float]:
        known, settings = self.known, self.settings
        each = [found[name] for name in settings["kept"]]
        network = sharpened(averaged(each, settings["weights"]), settings["temperature"])
        vectors = (found["known_vector"] - known["centre"]) @ known["directions"]
        distance = self.scorer.distance(vectors, vectors @ known["weight"] + known["bias"])
        own = network[:, settings["columns"]]
        return joined(own, vectors, known["weight"], known["bias"])[0], float(distance[0])
