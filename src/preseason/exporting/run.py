"""Answers of an exported model of photos: numpy, Pillow and onnxruntime (or openvino) are all it needs.

    python run.py PHOTO... [--json]

or from a program of your own, with this folder on its path:

    from run import Exported
    Exported("FOLDER").predict("photo.jpg")

The folder holds exported.json (settings), known.npz (vectors) and one graph for each pass over the
photo. A graph takes looks uint8 [n, looks, side, side, 3] (RGB squares cut out of the photo) and gives
probabilities. How looks are cut out, where the closer ones lie and how the answers are put together stands in
the folder `parts`: files of preseason, which need not be installed.
"""

import sys
from pathlib import Path
from typing import Any

from preseason.engine.passes import Box
from preseason.exporting.answers import Runner
from preseason.exporting.program import Array, main
from preseason.inference.attention_crops import crops_for
from preseason.inference.pictures import crops_of
from preseason.media.content import digest


class Exported(Runner):
    """An exported model of photos."""

    noun = "photos"

    def content(self, source: str) -> bytes:
        """The photo's file."""
        return Path(source).read_bytes()

    def inputs(self, content: bytes, stage: dict[str, Any], found: dict[str, Array]) -> dict[str, Array]:
        """The looks that a stage's graph takes."""
        parts = [Box(*box) for box in stage["parts"]]
        looks = [Box(*box) for box in stage["looks"]]
        boxes = looks or crops_for([digest(content)], found[stage["looks_from"]], parts)[0]
        shape = (stage["size"], stage["size"])
        given = {"pictures": crops_of(content, boxes, shape, stage["frame"], stage["white"])[None]}
        return given | ({"before": found[stage["before"]]} if stage["before"] else {})


if __name__ == "__main__":
    sys.exit(main(Exported(Path(__file__).parent)))
