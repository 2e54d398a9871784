"""Networks that read something of their own beside a task's first network, such as the faces of photos."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.backbones.facts import BackboneSource
from preseason.engine.extract import Decoder
from preseason.inference.candidates import Candidate
from preseason.registry import Registry


class Companion(Protocol):
    """A network beside the first; a file in `preseason.tasks` registers it by its name.

    Attributes:
        name: as in `--backbone`.
        tasks: which tasks it serves.
        thing: what it must find to say something, e.g. "a face".
        least: share of the examples in which it must find that to be used unasked.
        seconds_each: what an example adds to the time of a fit.
    """

    name: str
    tasks: tuple[str, ...]
    thing: str
    least: float
    seconds_each: float

    def installed(self) -> bool:
        """Whether its packages are there; nothing of them is run."""

    def source(self, weights_id: str | None = None) -> BackboneSource:
        """The network, of which nothing is loaded yet.

        Args:
            weights_id: digest of the weights that a model was fitted with; None takes those that are here.
        """

    def decoder(self) -> Decoder:
        """How an example becomes its input."""

    def candidates(self) -> tuple[Candidate, ...]:
        """What is tried, each with `network` set to its name."""

    def speaks(self, rows: Floats) -> NDArray[np.bool_]:
        """Whether something was found, bool [n], of rows [n, parts, d]."""


companions = Registry[Companion]("companion network", "preseason.tasks")
