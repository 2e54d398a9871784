"""Labels as numbers."""

from collections.abc import Sequence

import numpy as np

from preseason.arrays.types import Ints
from preseason.data.dataset import Sample


def targets_of(samples: Sequence[Sample], labels: Sequence[str]) -> Ints:
    """Int64 [n] positions of the samples' labels, -1 for labels that are none of `labels`."""
    place = {name: index for index, name in enumerate(labels)}
    return np.array([place.get(sample.label or "", -1) for sample in samples], np.int64)
