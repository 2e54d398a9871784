"""Motion of a clip in an exported model: rows by optical flow, and linear answers from them; no graph."""

from pathlib import Path
from typing import Any

import numpy as np

from preseason.engine.motion import MotionEngine
from preseason.exporting.program import Array
from preseason.inference.clip_pairs import pairs_fed
from preseason.inference.probabilities import softmax


class Reader:
    """Linear answers from how things move between frames; none favours a class where there is one frame."""

    def __init__(self, path: Path, stage: dict[str, Any]) -> None:
        self.motion, self.ways = MotionEngine(), {}
        with np.load(path, allow_pickle=False) as arrays:
            for name in stage["outputs"]:
                way = name.removeprefix("probabilities_")
                members = [_member(arrays, f"{way}.{n}.") for n in range(int(arrays[f"{way}.members"]))]
                self.ways[name] = (members, float(arrays[f"{way}.temperature"]))

    def __call__(self, given: dict[str, Any]) -> dict[str, Array]:
        """Probabilities [1, c] of each way, of the file and the seconds in `clip` fed as `spec` says."""
        path, span = given["clip"]
        row = self.motion.start(pairs_fed(path, span, given["spec"]))()[0]
        return {
            name: np.mean([softmax(logits_of(row, own), temperature) for own in members], axis=0)
            for name, (members, temperature) in self.ways.items()
        }


def _member(arrays: Any, start: str) -> dict[str, Array]:
    return {name.removeprefix(start): arrays[name] for name in arrays.files if name.startswith(start)}


def logits_of(row: Array, own: dict[str, Array]) -> Array:
    """What the head of these arrays says of a row [1, d]: float32 [1, c], zeros for a row of zeros."""
    said = (row - own["mean"]) / own["deviation"] @ own["weight"] + own["bias"]
    return np.asarray(said * row.any(), np.float32)
