"""Answers of an exported model of clips: numpy, av, pillow and onnxruntime (or openvino) are all it needs,
and cv2 where motion is read.

    python run.py CLIP... [--json]

or from a program of your own, with this folder on its path:

    from run import Exported
    Exported("FOLDER").predict("corner.mp4")

The folder holds exported.json (settings), known.npz (vectors) and one graph for each pass over the clip. A
graph takes looks of frames uint8 RGB [n, looks, h, w, 3] (of runs of frames [n, looks, t, h, w, 3]) and gives
probabilities; motion has a file of weights instead. Which frames are taken and how they are cut stands in the
folder `parts`: files of preseason, which need not be installed.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from preseason.engine.motion import MotionEngine
from preseason.engine.passes import Box, FeatureSpec
from preseason.exporting.answers import Runner
from preseason.exporting.program import Array, Engine, main
from preseason.inference.clip_frames import frames_fed
from preseason.inference.clip_pairs import pairs_fed
from preseason.inference.probabilities import softmax
from preseason.media.stream import Span


class Exported(Runner):
    """An exported model of clips."""

    noun = "clips"

    def engine(self, stage: dict[str, Any]) -> Engine:
        """A graph, or what reads motion."""
        path = self.folder / stage["file"]
        return Moving(path, stage) if path.suffix == ".npz" else super().engine(stage)

    def content(self, source: str) -> tuple[Path, Span | None]:
        """The file, all of which is the clip."""
        return Path(source), None

    def inputs(
        self, content: tuple[Path, Span | None], stage: dict[str, Any], found: dict[str, Array]
    ) -> dict[str, Array]:
        """The looks that a stage's graph takes."""
        spec = FeatureSpec(
            stage["size"],
            tuple(Box(*box) for box in stage["looks"]),
            frames=stage["frames"],
            rate=stage["rate"],
            height=stage["height"],
            middle=stage["middle"],
        )
        if Path(stage["file"]).suffix == ".npz":
            return {"pairs": pairs_fed(*content, spec)}
        given = {"frames": frames_fed(*content, spec, self.settings["backbone"]["frames"])[None]}
        return given | ({"before": found[stage["before"]]} if stage["before"] else {})


class Moving:
    """Linear answers from how things move between frames; none favours a class where there is one frame."""

    def __init__(self, path: Path, stage: dict[str, Any]) -> None:
        self.reader, self.ways = MotionEngine(), {}
        with np.load(path, allow_pickle=False) as arrays:
            for name in stage["outputs"]:
                way = name.removeprefix("probabilities_")
                members = [_member(arrays, f"{way}.{n}.") for n in range(int(arrays[f"{way}.members"]))]
                self.ways[name] = (members, float(arrays[f"{way}.temperature"]))

    def __call__(self, given: dict[str, Any]) -> dict[str, Array]:
        """Probabilities [1, c] of each way."""
        row = self.reader.start(given["pairs"])()[0]
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


if __name__ == "__main__":
    sys.exit(main(Exported(Path(__file__).parent)))
