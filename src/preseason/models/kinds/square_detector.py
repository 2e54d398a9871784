"""A model whose network is a whole detector, from its folder."""

from typing import Any

from preseason.inference.detection.square import SquareFinder, square_plan_from
from preseason.inference.predictor import FeatureExtractors
from preseason.models.kinds.detector import Arrays, open_with
from preseason.models.loading import kinds


def _finder(extractors: FeatureExtractors, values: dict[str, Any], arrays: Arrays) -> SquareFinder:
    return SquareFinder(extractors, square_plan_from(values["plan"]))


kinds.add("square_detector", open_with(_finder))
