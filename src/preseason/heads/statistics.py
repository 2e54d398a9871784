"""Logistic regression on a clip's statistics: mean, spread and motion of its frames' features."""

from dataclasses import replace

from preseason.heads.base import TrainingSet, heads
from preseason.heads.linear import Linear
from preseason.inference.frames import summarised
from preseason.inference.heads.statistics import StatisticsHead


class Statistics:
    """Fits `StatisticsHead`; the training set's setting `frames` says how many frames a row holds."""

    def fit(self, training_set: TrainingSet) -> StatisticsHead:
        """As the linear head, on summaries."""
        frames = int(training_set.settings["frames"])
        return StatisticsHead(
            Linear().fit(replace(training_set, features=summarised(training_set.features, frames))), frames
        )


heads.add("statistics", Statistics())
