"""Export of models that find things on pictures, and whether an export finds what the model does."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from preseason.data.dataset import Sample
from preseason.engine.canvas import STRIDE
from preseason.errors import ExportError, first_line
from preseason.exporting.box_graph import BoxGraph
from preseason.exporting.files import loosen, write_module, write_openvino
from preseason.exporting.parts import write_runner
from preseason.exporting.program import engine
from preseason.exporting.run_boxes import Exported
from preseason.exporting.runners.base import runners
from preseason.inference.detection.finder import Finder, Located
from preseason.inference.detection.peaks import Found
from preseason.inference.detection.scores import Calibration
from preseason.media.image import decode
from preseason.models.detector import Detector
from preseason.runtime.progress import Progress
from preseason.tasks.reading import read_inputs

PROGRAM, CALIBRATION = "run_boxes", "calibration.npz"
INPUT, OUTPUTS = "pictures", ("peaks", "edges")
TARGETS = ("onnx", "openvino")
NEAR = 0.5
"""Pixels that an edge may be moved by."""
TOLERANCE = 1e-3
"""Of the largest value, of 99 values in 100: peaks that are nearly as high as a neighbour come and go."""
LEAST_COMPARED = 5
"""Boxes of a picture that are compared even where fewer count, the surest ones."""
TRIALS = (3 * STRIDE, 4 * STRIDE), (5 * STRIDE, 2 * STRIDE)
"""Sides of the picture that the graph is traced with, and of the one that it is tried on."""


@dataclass(frozen=True)
class BoxCheck:
    """What the comparison found.

    Attributes:
        n: pictures that both were shown.
        drawn: whether they were drawn for the purpose, because none were named.
        boxes: that were compared: those that count, and at least the surest five of a picture.
        same: share of them that have a partner of the same class, all edges within half a pixel.
        pixels: largest difference of an edge between partners.
        largest: largest difference of a calibrated score between partners.
        points: percentage of the boxes without a partner.
    """

    n: int
    drawn: bool
    boxes: int
    same: float
    pixels: float
    largest: float
    points: float


def refuse_target(to: str) -> None:
    """Raise ExportError where models of boxes are not exported so."""
    if to not in TARGETS:
        raise ExportError(
            f"--to {to} is not offered for models of boxes: expected {' or '.join(TARGETS)}, whose program "
            "finds the same boxes."
        )


def heads_of(model: Detector) -> Finder:
    """The heads on maps that are written as a graph.

    Raises:
        ExportError: the model is a whole detector.
    """
    if not isinstance(model.finder, Finder):
        raise ExportError(
            f"Export is not offered for a fine-tuned {model.extractors.backbone.name}: `preseason serve` "
            "answers over HTTP, and transformers opens the folder backbone/ of the model by itself."
        )
    return model.finder


def settings_of(model: Detector, file: str) -> dict[str, Any]:
    """What exported.json holds of the graph and of how pictures are fed."""
    finder = heads_of(model)
    graph = {"file": file, "outputs": list(OUTPUTS), "stride": finder.shape.stride}
    return {"graph": graph, "plan": finder.plan.values()}


def write_graph(part: Path, model: Detector, to: str, progress: Progress) -> dict[str, Any]:
    """Write graph, calibration and program into a folder; what exported.json says of them.

    Raises:
        ExportError: the exporter cannot express the network.
    """
    progress.start("writing graphs", 1)
    path = part / "finder.onnx"
    module, name = BoxGraph(heads_of(model)).eval(), model.extractors.backbone.name
    trials = [torch.randint(0, 256, (1, *sides, 3), dtype=torch.uint8) for sides in TRIALS]
    with torch.inference_mode(False), torch.no_grad():
        write_module(module, trials[:1], (INPUT,), OUTPUTS, ({},), name, path)
    loosen(path, (0, 1, 2), (0, 2, 3))
    if to == "openvino":
        write_openvino(path, path.with_suffix(".xml"))
        path.unlink()
        path = path.with_suffix(".xml")
    _refuse_fixed(path, module, trials[1], name)
    np.savez(part / CALIBRATION, **model.calibration.state())  # type: ignore[arg-type]
    write_runner(part, PROGRAM)
    progress.finish()
    return settings_of(model, path.name)


def _refuse_fixed(path: Path, module: BoxGraph, trial: torch.Tensor, name: str) -> None:
    """Raise ExportError where the graph takes pictures of one size alone, or answers otherwise than torch."""
    with torch.inference_mode():
        expected = [each.numpy() for each in module(trial)]
    try:
        found = engine(path, OUTPUTS)({INPUT: trial.numpy()})
    except Exception as error:
        raise ExportError(
            f"{name} cannot be written for pictures of any size: {first_line(error)}. Fit with another "
            "--backbone, or use preseason serve."
        ) from error
    for output, own in zip(OUTPUTS, expected, strict=True):
        if np.quantile(np.abs(found[output] - own), 0.99) > TOLERANCE * np.abs(own).max():
            raise ExportError(
                f"{name} written as a graph answers otherwise than in torch: fit with another --backbone, or "
                "use preseason serve."
            )


def compare(part: Path, model: Detector, data: Sequence[str | Path], progress: Progress) -> BoxCheck:
    """Let model and export look at the pictures of `data`, or at drawn ones.

    Raises:
        ExportError: none of them could be read.
    """
    with tempfile.TemporaryDirectory() as beside:
        chosen = data or runners.get(model.job.modality.name).examples(Path(beside))
        samples = read_inputs(tuple(chosen), model.job)[0]
        if not samples:
            raise ExportError(f"None of the {model.job.noun} named with --data could be read.")
        return _compared(model, Exported(part), samples, not data, progress)


def _compared(
    model: Detector, exported: Exported, samples: Sequence[Sample], drawn: bool, progress: Progress
) -> BoxCheck:
    progress.start("checking the exported model", len(samples))
    pictures = 0
    apart: list[_Apart] = []
    for sample, own in zip(samples, model.finder.find_in(samples), strict=True):
        progress.advance()
        if isinstance(own, Located):
            pictures += 1
            other = exported.find(decode(sample.path))
            apart += _apart(model.calibration, own.found, other, own.size)
            apart += _apart(model.calibration, other, own.found, own.size)
    progress.finish()
    near = [each for each in apart if each.pixels < NEAR]
    same = len(near) / len(apart) if apart else 1.0
    pixels = max((each.pixels for each in near), default=0.0)
    return BoxCheck(
        pictures, drawn, len(apart), same, pixels, max((each.score for each in near), default=0.0),
        100 * (1 - same),
    )  # fmt: skip


class _Apart(NamedTuple):
    """How far a box's edges are from those of the nearest of its class, in pixels, and its score."""

    pixels: float
    score: float


def _apart(calibration: Calibration, one: Found, other: Found, size: tuple[int, int]) -> list[_Apart]:
    """Of the boxes of one that count, and at least of the surest few, on a picture of a height and width."""
    worth, others = (calibration.apply(each.scores, each.labels) for each in (one, other))
    counts = worth >= calibration.thresholds[one.labels]
    counts[np.argsort(-worth, kind="stable")[:LEAST_COMPARED]] = True
    scale = np.array([size[1], size[0], size[1], size[0]], np.float32)
    apart = []
    for place in np.flatnonzero(counts):
        mine = np.flatnonzero(other.labels == one.labels[place])
        far = (np.abs(other.boxes[mine] - one.boxes[place]) * scale).max(1)
        if len(mine) == 0:
            apart.append(_Apart(float("inf"), 1.0))
        else:
            nearest = int(far.argmin())
            apart.append(_Apart(float(far[nearest]), float(abs(worth[place] - others[mine[nearest]]))))
    return apart
