"""A model whose network is a whole detector, from its folder."""

from pathlib import Path
from typing import Any

from preseason.backbones.saved import SavedBackbone
from preseason.errors import ModelFolderError, UsageError
from preseason.inference.detection.scores import Calibration
from preseason.inference.detection.square import SquareFinder, square_plan_from
from preseason.inference.predictor import FeatureExtractors
from preseason.models.arrays import below, read_arrays
from preseason.models.detector import Detector
from preseason.models.loading import Where, kinds
from preseason.models.manifest import record_from
from preseason.problems.base import problems
from preseason.storage import BACKBONE, HEADS, MANIFEST
from preseason.tasks.base import tasks


def open_square_detector(place: Path, manifest: dict[str, Any], where: Where) -> Detector:
    """The model in a folder.

    Raises:
        ModelFolderError: a file is missing or damaged.
    """
    try:
        return _opened(place, manifest, where)
    except (KeyError, TypeError, ValueError, IndexError, UsageError) as error:
        raise ModelFolderError(
            f"{place} cannot be loaded: {MANIFEST} and the files beside it do not fit together ({error!r}). "
            "Copy the whole folder again, or fit anew."
        ) from error


def _opened(place: Path, manifest: dict[str, Any], where: Where) -> Detector:
    backbone = SavedBackbone(place / BACKBONE, manifest["backbone"])
    job = tasks.get(manifest["task"])
    extractors = FeatureExtractors(backbone, job.decoder(backbone), where.cache, where.device)
    finder = SquareFinder(extractors, square_plan_from(manifest["detector"]["plan"]))
    calibration = Calibration(**dict(below(read_arrays(place / HEADS), "calibration.")))
    record = record_from(manifest["record"], problems.get(job.problem))
    return Detector(job, finder, tuple(manifest["labels"]), calibration, record)


kinds.add("square_detector", open_square_detector)
