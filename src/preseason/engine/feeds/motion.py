"""Pairs of frames as what describes motion takes them: a clip at a time, each in its own shape."""

from preseason.backbones.motion import MOTION
from preseason.engine.feeds.alone import AloneFeed
from preseason.engine.feeds.base import feeds
from preseason.engine.motion import SHAPE, MotionEngine
from preseason.engine.networks import Engine


class MotionFeed(AloneFeed):
    """Clips uint8 [pairs, 2, h, w, 3]; it brings an engine of its own in place of a graph."""

    shape = SHAPE

    def engine(self) -> Engine:
        """What computes flow and describes it.

        Raises:
            MissingPackageError: the extra is not installed.
            UsageError: a model was fitted with rows of another kind.
        """
        self.backbone.check()
        return MotionEngine()


feeds.add(MOTION, MotionFeed)
