"""Boxes by an exported model of them: numpy, Pillow and onnxruntime (or openvino) are all it needs.

    python run.py PICTURE... [--json | --coco]

or from a program of your own, with this folder on its path:

    from run import Exported
    Exported("FOLDER").predict("pitch.jpg")

The folder holds exported.json (settings), calibration.npz (what scores are worth) and one graph. It takes
pictures uint8 [n, h, w, 3] (RGB; sides are multiples of 32) and gives `peaks` [n, classes, h / s, w / s],
scores where they are highest around and else 0, and `edges` [n, 4, h / s, w / s], the distances to left, top,
right and bottom in cells of s pixels. How pictures are enlarged, cut into tiles and padded, and how peaks
become boxes, stands in the folder `parts`: files of preseason, which need not be installed.
"""

import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from preseason.data.boxes import FoundBox, coco_values
from preseason.engine.canvas import painted
from preseason.errors import MediaError
from preseason.exporting.program import Array, Program, engine, main
from preseason.inference.detection.peaks import Found, joined, on_picture
from preseason.inference.detection.plan import plan_from
from preseason.inference.detection.scores import Calibration
from preseason.inference.detection.tiles import Tile
from preseason.media.image import decode


class Exported(Program):
    """An exported model of boxes."""

    noun = "pictures"
    about = "Find things on"
    forms: ClassVar[dict[str, str]] = {
        "json": "print one JSON object",
        "coco": "print what was found as a data set in COCO's JSON, with the scores",
    }

    def __init__(self, folder: "str | Path") -> None:
        super().__init__(folder)
        self.plan = plan_from(self.settings["plan"])
        with np.load(self.folder / "calibration.npz", allow_pickle=False) as arrays:
            self.calibration = Calibration(**{name: arrays[name] for name in arrays.files})
        graph = self.settings["graph"]
        self.stride: int = graph["stride"]
        self.run = engine(self.folder / graph["file"], graph["outputs"])

    def predict(self, source: "str | Path") -> dict[str, Any]:
        """The picture's size and its boxes, the surest first, edges in 0..1 of the picture.

        Raises:
            ValueError: it cannot be decoded.
            OSError: it cannot be read.
        """
        try:
            picture = decode(Path(source))
        except MediaError as error:
            raise ValueError(str(error)) from error
        boxes = self.named(self.find(picture), self.calibration.thresholds)
        answer = {"input": str(source), "width": picture.shape[1], "height": picture.shape[0]}
        return answer | {"boxes": [vars(box) for box in boxes]}

    def find(self, picture: Array) -> Found:
        """Everything found on a picture uint8 [h, w, 3], edges in 0..1, with raw scores."""
        tiles = self.plan.tiles((picture.shape[0], picture.shape[1]))
        found = [self._on_tile(picture, tile) for tile in tiles]
        return found[0] if len(tiles) == 1 else joined(found)

    def named(self, found: Found, least: Array) -> list[FoundBox]:
        """Boxes with calibrated scores of at least `least` [classes], the surest first."""
        scores = self.calibration.apply(found.scores, found.labels)
        order = [i for i in np.argsort(-scores, kind="stable") if scores[i] >= least[found.labels[i]]]
        return [
            FoundBox(self.labels[found.labels[i]], float(scores[i]), *map(float, found.boxes[i]))
            for i in order
        ]

    def line(self, answer: dict[str, Any]) -> str:
        """A line for each box, in pixels: left, top, right, bottom."""
        high, wide = answer["height"], answer["width"]
        told = [
            f"{answer['input']}: {box['label']} {100 * box['score']:.0f} % at {box['x0'] * wide:.0f}, "
            f"{box['y0'] * high:.0f}, {box['x1'] * wide:.0f}, {box['y1'] * high:.0f}"
            for box in answer["boxes"]
        ]
        return "\n".join(told or [f"{answer['input']}: nothing found"])

    def document(self, form: str, answers: list[dict[str, Any]], skipped: list[dict[str, str]]) -> Any:
        """As `predict --json` has them, or in COCO's form, where files left out are under `skipped`."""
        if form != "coco":
            return super().document(form, answers, skipped)
        pictures = [
            (each["input"], each["width"], each["height"], [FoundBox(**box) for box in each["boxes"]])
            for each in answers
        ]
        return coco_values(pictures, self.labels) | {"skipped": skipped}

    def _on_tile(self, picture: Array, tile: Tile) -> Found:
        canvas = self.plan.canvas((picture.shape[0], picture.shape[1]), tile.part)
        said = self.run({"pictures": painted(picture, canvas)[None]})
        found = on_picture(said["peaks"][0], said["edges"][0], self.stride, canvas)
        return found.take(np.flatnonzero(tile.owns(found.boxes)))


if __name__ == "__main__":
    sys.exit(main(Exported(Path(__file__).parent)))
