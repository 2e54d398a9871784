"""A linear head on what a sound's moments have in common and how they differ."""

from dataclasses import dataclass

from preseason.arrays.types import Floats
from preseason.inference.features import Features
from preseason.inference.head import State, restorers
from preseason.inference.heads import linear
from preseason.inference.heads.linear import LinearHead
from preseason.inference.moments import over_time


@dataclass(frozen=True)
class MomentsHead:
    """A linear head on the summary of `frames` moments, averaged over the views of an example."""

    linear: LinearHead
    frames: int
    views: int = 1

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return self.linear.logits(over_time(features, self.frames, self.views))

    def embed(self, features: Features) -> Floats:
        """The scaled summary, float32 [n, 5 d]."""
        return self.linear.embed(over_time(features, self.frames, self.views))

    def attention(self, features: Features) -> None:
        """Every moment counts the same."""

    def state(self) -> State:
        """Plain values."""
        return State("moments", self.linear.state().arrays, {"frames": self.frames, "views": self.views})


def restore(state: State, *_: object) -> MomentsHead:
    """The head that gave `state`."""
    return MomentsHead(
        linear.restore(state), int(state.settings["frames"]), int(state.settings.get("views", 1))
    )


restorers.add("moments", restore)
