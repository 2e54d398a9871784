"""A small network with random weights, a pass over it, and its rows by eager torch."""

from typing import Any

import numpy as np
import torch

from preseason.backbones.base import Backbone
from preseason.backbones.timm_networks import create, preprocessing_of, split_of
from preseason.engine.graphs.pictures import FrozenFeatures
from preseason.engine.networks import TOLERANCE
from preseason.engine.passes import WHOLE, FeatureSpec, grid

SIDE = 64
PLAN = FeatureSpec(SIDE, regions=(WHOLE, *grid(2, 0.5)))


def tiny(name: str = "tiny") -> Backbone:
    torch.manual_seed(0)
    network = create("test_efficientnet")
    return Backbone(name, network, split_of(network), preprocessing_of(network), "none")


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def rows_of(engine: Any, batch: np.ndarray) -> np.ndarray:
    return np.array(engine.start(batch)())


def expected_of(backbone: Backbone, batch: np.ndarray, spec: FeatureSpec = PLAN) -> np.ndarray:
    with torch.inference_mode():
        return FrozenFeatures(backbone, spec)(torch.from_numpy(batch)).numpy()


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max())
