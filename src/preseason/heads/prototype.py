"""Nearest class mean (Mensink et al. 2013): needs no training and takes new classes as they come."""

import numpy as np

from preseason.arrays.rows import unit_rows
from preseason.arrays.scaling import ROWS, scale_over
from preseason.heads.base import NoConfig, TrainingSet, heads
from preseason.inference.heads.prototype import PrototypeHead


class Prototype:
    """Fits `PrototypeHead`."""

    config = NoConfig

    def fit(self, training_set: TrainingSet) -> PrototypeHead:
        """The mean direction of each class; zero for a class without examples."""
        features = training_set.features
        scale = scale_over(lambda: features.wholes(ROWS))
        sums = np.zeros((training_set.classes, features.sources[0].shape[-1]), np.float32)
        for chunk, rows in zip(features.chunks(ROWS), features.wholes(ROWS), strict=True):
            np.add.at(sums, training_set.targets[chunk], unit_rows(scale(rows)))
        return PrototypeHead(scale, unit_rows(sums))


heads.add("prototype", Prototype())
