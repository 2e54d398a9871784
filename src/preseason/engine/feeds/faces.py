"""Whole photos as the network of faces takes them: one at a time, each in its own shape."""

from preseason.backbones.faces import FACES
from preseason.engine.faces import SHAPE, FaceEngine
from preseason.engine.feeds.alone import AloneFeed
from preseason.engine.feeds.base import feeds
from preseason.engine.networks import Engine


class FaceFeed(AloneFeed):
    """Photos uint8 [1, h, w, 3]; it brings an engine of its own in place of a graph."""

    shape = SHAPE

    def engine(self) -> Engine:
        """What finds and describes faces.

        Raises:
            MissingPackageError: the extra is not installed.
        """
        return FaceEngine(self.backbone.folder)


feeds.add(FACES, FaceFeed)
