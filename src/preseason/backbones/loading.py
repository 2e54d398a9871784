"""A pretrained network by its name, whichever library it is of."""

from preseason.backbones.base import Backbone
from preseason.backbones.library import Library
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
    for library in _ranked():
        if library.knows(name, weights):
            return library.load(name, weights)
    hint = did_you_mean(name, (each for library in _ranked() for each in library.names()))
    raise UsageError(f"There is no backbone {name!r}.{hint} `preseason models` lists them.")


def exists(name: str) -> bool:
    """Whether `load` knows `name`."""
    return any(library.knows(name) for library in _ranked())


def _ranked() -> list[Library]:
    return sorted(map(registry.get, registry), key=lambda library: library.rank)
