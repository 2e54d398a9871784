"""What a score is worth: of the boxes given 80 %, 80 % are right; and from which score on a box counts."""

from dataclasses import dataclass

import numpy as np

from preseason.arrays.types import Floats, Ints


@dataclass(frozen=True)
class Calibration:
    """A rising curve of points for each class, from raw scores to shares of right boxes.

    Attributes:
        raw, right: float32 [c, p], both rising along p.
        thresholds: float32 [c], calibrated scores from which on a box counts.
    """

    raw: Floats
    right: Floats
    thresholds: Floats

    def apply(self, scores: Floats, labels: Ints) -> Floats:
        """Calibrated scores float32 [n] of boxes of these classes."""
        out = np.zeros(len(scores), np.float32)
        for label in np.unique(labels):
            mine = labels == label
            out[mine] = np.interp(scores[mine], self.raw[label], self.right[label])
        return out

    def state(self) -> dict[str, Floats]:
        """As arrays, to be saved."""
        return {"raw": self.raw, "right": self.right, "thresholds": self.thresholds}
