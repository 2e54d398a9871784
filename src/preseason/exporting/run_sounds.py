"""Answers of an exported model of sounds: numpy, PyAV (av) and onnxruntime (or openvino) are all it needs.

    python run.py SOUND... [--json]

or from a program of your own, with this folder on its path:

    from run import Exported
    Exported("FOLDER").predict("whistle.mp3")

The folder holds exported.json (settings), known.npz (vectors) and one graph for each pass over the sound. A
graph takes windows of the sound, as spectrograms uint8 [n, windows, h, w, 3] or as waves float32 [n, windows,
samples] (one channel, 16,000 samples a second), and gives probabilities. How sounds are decoded, cut and
drawn stands in the folder `parts`: files of preseason, which need not be installed.
"""

import sys
from pathlib import Path
from typing import Any

from preseason.engine.passes import Box, FeatureSpec
from preseason.exporting.answers import Runner
from preseason.exporting.program import Array, main
from preseason.inference.waves import windows_fed
from preseason.media import sound
from preseason.media.mel import Wave


class Exported(Runner):
    """An exported model of sounds."""

    noun = "sounds"

    def content(self, source: str) -> Wave:
        """The wave of a file, whatever container it is in."""
        return sound.read(Path(source))

    def inputs(self, content: Wave, stage: dict[str, Any], found: dict[str, Array]) -> dict[str, Array]:
        """The windows that a stage's graph takes."""
        network = self.settings["backbone"]
        views = tuple(Box(*box) for box in stage["looks"])
        spec = FeatureSpec(
            stage["size"],
            views,
            height=stage["height"],
            frames=stage["frames"],
            rate=stage["rate"],
            ranges=tuple(stage["ranges"]),
        )
        pictures = network["reads"] == "image"
        fed = windows_fed(content, spec, sound.RATE, pictures, network["any_length"])
        given = {"windows": fed[None]}
        return given | ({"before": found[stage["before"]]} if stage["before"] else {})


if __name__ == "__main__":
    sys.exit(main(Exported(Path(__file__).parent)))
