"""Examples that are there several times under several labels: at most one of these can be right."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from preseason.data.dataset import Sample


def contradicted(samples: Sequence[Sample]) -> NDArray[np.bool_]:
    """Which of n samples with fingerprints are there under another label too, bool [n]."""
    labels: defaultdict[object, set[str | None]] = defaultdict(set)
    for sample in samples:
        labels[sample.fingerprint, sample.span].add(sample.label)
    several = (bool(s.fingerprint) and len(labels[s.fingerprint, s.span]) > 1 for s in samples)
    return np.fromiter(several, np.bool_, len(samples))


def contradictions(samples: Sequence[Sample]) -> tuple[str, ...]:
    """A sentence that says how many samples the score leaves out; none where there are none."""
    count = int(contradicted(samples).sum())
    if not count or count == len(samples):
        return ()
    return (f"{count} examples are there several times under different labels: the score leaves them out.",)
