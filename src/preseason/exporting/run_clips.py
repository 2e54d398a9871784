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

from preseason.engine.passes import Box, FeatureSpec
from preseason.exporting.answers import Runner
from preseason.exporting.program import Array, main
from preseason.inference.clip_frames import frames_fed
from preseason.media.stream import Span


class Exported(Runner):
    """An exported model of clips."""

    noun = "clips"

    def content(self, source: str) -> tuple[Path, Span | None]:
        """The file, all of which is the clip."""
        return Path(source), None

    def inputs(
        self, content: tuple[Path, Span | None], stage: dict[str, Any], found: dict[str, Array]
    ) -> dict[str, Any]:
        """The looks that a stage's graph takes, or the clip itself for what reads it in its own way."""
        spec = FeatureSpec(
            stage["size"],
            tuple(Box(*box) for box in stage["looks"]),
            frames=stage["frames"],
            rate=stage["rate"],
            height=stage["height"],
            middle=stage["middle"],
        )
        if stage["reader"]:
            return {"clip": content, "spec": spec}
        given = {"frames": frames_fed(*content, spec, self.settings["backbone"]["frames"])[None]}
        return given | ({"before": found[stage["before"]]} if stage["before"] else {})


if __name__ == "__main__":
    sys.exit(main(Exported(Path(__file__).parent)))
