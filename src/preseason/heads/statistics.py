"""Logistic regression on a clip's statistics: mean, spread and motion of its frames' features."""

from dataclasses import dataclass, replace

from preseason.arrays.types import Floats
from preseason.backbones.base import Backbone
from preseason.heads.base import Features, State, TrainingSet, heads
from preseason.heads.frames import summarised
from preseason.heads.linear import Linear, LinearHead


@dataclass(frozen=True)
class StatisticsHead:
    """A linear head on the summary of `frames` frames; their order counts in the motion only."""

    linear: LinearHead
    frames: int

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return self.linear.logits(summarised(features, self.frames))

    def embed(self, features: Features) -> Floats:
        """The scaled summary, float32 [n, 3 d]."""
        return self.linear.embed(summarised(features, self.frames))

    def attention(self, features: Features) -> None:
        """Every frame counts the same."""

    def state(self) -> State:
        """Plain values."""
        return State("statistics", self.linear.state().arrays, {"frames": self.frames})


class Statistics:
    """Fits `StatisticsHead`; the training set's setting `frames` says how many frames a row holds."""

    def fit(self, training_set: TrainingSet) -> StatisticsHead:
        """As the linear head, on summaries."""
        frames = int(training_set.settings["frames"])
        return StatisticsHead(
            Linear().fit(replace(training_set, features=summarised(training_set.features, frames))), frames
        )

    def restore(self, state: State, backbone: Backbone) -> StatisticsHead:
        """The head that gave `state`."""
        return StatisticsHead(Linear().restore(state, backbone), int(state.settings["frames"]))


heads.add("statistics", Statistics())
