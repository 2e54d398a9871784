"""A model that finds things on pictures, from its folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from preseason.backbones.saved import SavedBackbone
from preseason.errors import ModelFolderError, UsageError
from preseason.inference.detection.base import BoxFinder
from preseason.inference.detection.finder import Finder
from preseason.inference.detection.plan import plan_from
from preseason.inference.detection.scores import Calibration
from preseason.inference.detection.shape import head_shape_from
from preseason.inference.predictor import FeatureExtractors
from preseason.models.arrays import below, read_arrays
from preseason.models.detector import Detector
from preseason.models.loading import Where, kinds
from preseason.models.manifest import record_from
from preseason.problems.base import problems
from preseason.storage import BACKBONE, HEADS, MANIFEST
from preseason.tasks.base import tasks

Arrays = dict[str, NDArray[Any]]
FinderOf = Callable[[FeatureExtractors, dict[str, Any], Arrays], BoxFinder]


def open_with(finder_of: FinderOf) -> Callable[[Path, dict[str, Any], Where], Detector]:
    """What opens models whose finder `finder_of` makes of the network, the values and the arrays."""

    def opened(place: Path, manifest: dict[str, Any], where: Where) -> Detector:
        """The model in a folder.

        Raises:
            ModelFolderError: a file is missing or damaged.
        """
        try:
            return _opened(place, manifest, where, finder_of)
        except (KeyError, TypeError, ValueError, IndexError, UsageError) as error:
            raise ModelFolderError(
                f"{place} cannot be loaded: {MANIFEST} and the files beside it do not fit together "
                f"({error!r}). Copy the whole folder again, or fit anew."
            ) from error

    return opened


def _opened(place: Path, manifest: dict[str, Any], where: Where, finder_of: FinderOf) -> Detector:
    backbone = SavedBackbone(place / BACKBONE, manifest["backbone"])
    job = tasks.get(manifest["task"])
    extractors = FeatureExtractors(backbone, job.decoder(backbone), where.cache, where.device)
    arrays = read_arrays(place / HEADS)
    finder = finder_of(extractors, manifest["detector"], arrays)
    calibration = Calibration(**dict(below(arrays, "calibration.")))
    record = record_from(manifest["record"], problems.get(job.problem))
    return Detector(job, finder, tuple(manifest["labels"]), calibration, record)


def _finder(extractors: FeatureExtractors, values: dict[str, Any], arrays: Arrays) -> Finder:
    members = tuple(dict(below(arrays, f"{number}.")) for number in range(values["members"]))
    return Finder(extractors, plan_from(values["plan"]), head_shape_from(values["head"]), members)


kinds.add("detector", open_with(_finder))
