"""Logistic regression on a clip's statistics: mean, spread and motion of its frames' features."""

from dataclasses import replace

from preseason.heads.base import NoConfig, TrainingSet, heads
from preseason.heads.linear import Linear
from preseason.inference.frames import summarised
from preseason.inference.heads.statistics import StatisticsHead


class Statistics:
    """Fits `StatisticsHead`; the training set's spec says how many frames a row holds."""

    config = NoConfig

    def fit(self, training_set: TrainingSet) -> StatisticsHead:
        """As the linear head, on summaries."""
        frames = training_set.rows_as().frames
        return StatisticsHead(
            Linear().fit(replace(training_set, features=summarised(training_set.features, frames))), frames
        )


heads.add("statistics", Statistics())
