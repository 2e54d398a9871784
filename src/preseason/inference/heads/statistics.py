"""A linear head on a clip's statistics: mean, spread and motion of its frames' features."""

from dataclasses import dataclass

from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.inference.frames import summarised
from preseason.inference.head import State, restorers
from preseason.inference.heads import linear
from preseason.inference.heads.linear import LinearHead


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


def restore(state: State, *_: object) -> StatisticsHead:
    """The head that gave `state`."""
    return StatisticsHead(linear.restore(state), int(state.settings["frames"]))


restorers.add("statistics", restore)
