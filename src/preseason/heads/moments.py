"""Logistic regression on a sound's moments: their mean, maximum, deviation and the means of both halves.

Views of a sound are examples of their own to learn from, and are averaged in an answer.
"""

from dataclasses import replace

import numpy as np

from preseason.arrays.types import Ints
from preseason.heads.base import NoConfig, TrainingSet, heads
from preseason.heads.linear import STREAMED, Linear
from preseason.inference.heads.moments import MomentsHead
from preseason.inference.moments import over_time, views_over_time


class Moments:
    """Fits `MomentsHead`; the training set's spec says how many moments and views a row holds.

    Of `STREAMED` views and more the mean of each example's is learnt from, which takes less memory.
    """

    config = NoConfig

    def fit(self, training_set: TrainingSet) -> MomentsHead:
        """As the linear head, on summaries."""
        spec, features = training_set.rows_as(), training_set.features
        views = max(len(spec.ranges), 1)
        if views == 1 or len(features) * views > STREAMED:
            summed = replace(training_set, features=over_time(features, spec.frames, views))
        else:
            summed = replace(
                training_set,
                features=views_over_time(features, spec.frames, views),
                targets=np.repeat(training_set.targets, views),
                folds=[(_each(train, views), _each(test, views)) for train, test in training_set.folds],
            )
        return MomentsHead(Linear().fit(summed), spec.frames, views)


def _each(chosen: Ints, views: int) -> Ints:
    """Positions of all views of the examples at `chosen`."""
    return (chosen[:, None] * views + np.arange(views)).ravel()


heads.add("moments", Moments())
