"""A pretrained network by its name, whichever library it is of."""

from preseason.backbones import encoders
from preseason.backbones.base import Backbone
from preseason.backbones.library import libraries as registry
from preseason.errors import UsageError
from preseason.formatting import did_you_mean


def load(name: str, weights: str | None = None) -> Backbone:
    """The pretrained network `name`: embedded, of timm, a video network, or an encoder of texts.

    Args:
        weights: a file or folder to take the weights from, in place of where the name has them from.

    Raises:
        UsageError: no such name.
        WeightsError: its weights are not on this machine, or do not fit.
    """
    for library in map(registry.get, registry):
        if library.knows(name):
            return library.load(name, weights)
    if encoders.claims(name, weights):
        return encoders.build(name, weights)
    raise UsageError(f"No backbone is called {name!r}.{_nearest(name)} `preseason models` lists them.")


def exists(name: str) -> bool:
    """Whether `load` knows `name`."""
    return any(registry.get(library).knows(name) for library in registry)


def _nearest(name: str) -> str:
    return did_you_mean(name, (each for library in registry for each in registry.get(library).names()))
