"""Tagging while watching: of a few marked moments a ranking of all others, refitted with every answer.

s steps of a match, k directions.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.errors import UsageError
from preseason.runtime.threads import one_blas_thread
from preseason.spotting.similar import Moment, apart, placed, step_of

BACKGROUND = 400
"""Moments of the match that stand for everything else."""
BACKGROUND_SHARE = 0.5
"""Weight of all of these together, beside that of all rejected moments."""
STRENGTH = 1.0
NEAR_STEPS = 1
"""Steps on either side of a mark that are taken to show the same."""


class Tagger:
    """The moments of one match, ready to be ranked in a moment.

    Args:
        features: float [s, d], as `matches.alike.features_of` gives them; may be a memory map.
        rate: steps a second.
    """

    def __init__(self, features: Floats, rate: float) -> None:
        self.rows = placed(features)
        self.rate = rate

    def suggest(
        self,
        accepted: Sequence[float],
        rejected: Sequence[float] = (),
        count: int = 12,
        apart_s: float = 3.0,
    ) -> tuple[Moment, ...]:
        """The moments most like the accepted and least like the rejected ones, the likest first.

        Without a rejected moment likeness is the mean cosine to the accepted ones. With some, a logistic
        regression tells accepted from rejected and, with less weight, from the rest of the match.

        Args:
            accepted, rejected: times in seconds; none of them is suggested again.
            apart_s: least seconds between two suggestions, and to what was judged.

        Raises:
            UsageError: nothing is accepted, or a time lies outside of the match.
        """
        if not accepted:
            raise UsageError("There is no example to search by: mark a moment first.")
        good = [step_of(time_s, self.rate, 0.0, len(self.rows)) for time_s in accepted]
        bad = [step_of(time_s, self.rate, 0.0, len(self.rows)) for time_s in rejected]
        cosines = self.rows @ self.rows[good].T
        likeness = cosines.mean(axis=1) if not bad else self._judged(good, bad)
        times = np.arange(len(self.rows)) / self.rate
        free = np.all([np.abs(times - t) >= apart_s for t in (*accepted, *rejected)], axis=0)
        free[[*good, *bad]] = False
        nearest = cosines.argmax(axis=1)
        return tuple(
            Moment(float(times[step]), float(likeness[step]), float(accepted[nearest[step]]))
            for step in apart(likeness, times, free, count, apart_s)
        )

    def _judged(self, good: list[int], bad: list[int]) -> NDArray[np.float64]:
        """float64 [s]: probability that a step shows what the accepted ones show."""
        from sklearn.linear_model import LogisticRegression

        wanted, unwanted = self._around(good), self._around(bad)
        rest = np.linspace(0, len(self.rows) - 1, min(BACKGROUND, len(self.rows))).round().astype(np.int64)
        rest = np.setdiff1d(rest, [*wanted, *unwanted])
        chosen = np.concatenate([wanted, unwanted, rest])
        targets = np.arange(len(chosen)) < len(wanted)
        share = BACKGROUND_SHARE * len(unwanted) / max(len(rest), 1)
        weights = np.concatenate([np.ones(len(wanted) + len(unwanted)), np.full(len(rest), share)])
        weights[targets] *= weights[~targets].sum() / targets.sum()
        with one_blas_thread():
            model = LogisticRegression(C=STRENGTH, max_iter=300)
            model.fit(self.rows[chosen], targets, weights)
            judged: NDArray[np.float64] = model.predict_proba(self.rows)[:, 1]
        return judged

    def _around(self, steps: list[int]) -> NDArray[np.int64]:
        spread = np.arange(-NEAR_STEPS, NEAR_STEPS + 1)
        near = (np.array(steps)[:, None] + spread).ravel()
        return np.unique(near.clip(0, len(self.rows) - 1))
