"""Logistic regression on a sound's moments: their mean, maximum, deviation and the means of both halves."""

from dataclasses import replace

from preseason.heads.base import NoConfig, TrainingSet, heads
from preseason.heads.linear import Linear
from preseason.inference.heads.moments import MomentsHead
from preseason.inference.moments import over_time


class Moments:
    """Fits `MomentsHead`; the training set's spec says how many moments a row holds."""

    config = NoConfig

    def fit(self, training_set: TrainingSet) -> MomentsHead:
        """As the linear head, on summaries."""
        frames = training_set.rows_as().frames
        summed = replace(training_set, features=over_time(training_set.features, frames))
        return MomentsHead(Linear().fit(summed), frames)


heads.add("moments", Moments())
