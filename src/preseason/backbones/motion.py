"""What describes the motion of clips, in the place of a pretrained network; `engine/motion.py` runs it.

Nothing of it is learnt: it has no weights, and its digest is over the settings that shape its rows.
"""

import hashlib
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from preseason.backbones.facts import Preprocessing
from preseason.errors import UsageError
from preseason.errors.packages import require

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone

MOTION = "motion"
"""Its name, and that of what it reads."""
RUNS = "cv2"
LICENCE = "none"
"""There are no weights."""
SIDES = (96, 160)
"""Pixels of a frame's shorter and longer side at 5 : 3; others have as many pixels."""
PAIRS = 16
"""Pairs of neighbouring frames that are looked at, spread over the clip."""
DESCRIBED = "DIS medium, less the median; HOF, MBH; 8 orientations; 2 x 3 x 3 cells; 1"
"""What shapes the rows; another text gives another digest."""


class MotionNetwork:
    """The source of rows of motion; no list of blocks, so nothing of it can be fine-tuned.

    Args:
        expected: digest that a model was fitted with; None takes the one of this version.
    """

    name, modality, licence = MOTION, MOTION, LICENCE
    preprocessing = Preprocessing(SIDES[1], (0.0,) * 3, (1.0,) * 3, resizable=False)
    blocks_known = False

    def __init__(self, expected: str | None = None) -> None:
        self._expected = expected

    @cached_property
    def weights_id(self) -> str:
        """Hex digest (BLAKE2b, 16 bytes) of how motion is described.

        Raises:
            MissingPackageError: the extra is not installed.
        """
        if self._expected is None:
            require("Reading motion", RUNS)
        return self._expected or digest()

    def check(self) -> None:
        """Nothing, where rows can be computed as those of the fit were.

        Raises:
            MissingPackageError: the extra is not installed.
            UsageError: a model was fitted with rows of another kind.
        """
        require("Reading motion", RUNS)
        if self.weights_id != digest():
            raise UsageError(
                "The model was fitted with another version of preseason, which described motion otherwise. "
                "Install the version of its report, or fit again."
            )

    def loaded(self) -> "Backbone":
        """Never given: there are no blocks.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "--backbone motion reads motion alone: name another network first, e.g. auto,motion."
        )

    def facts(self) -> dict[str, Any]:
        """Name, licence and digest as plain values."""
        return {"name": MOTION, "companion": True, "licence": LICENCE, "weights_id": self.weights_id}

    def save(self, folder: "object") -> None:
        """Nothing: there are no weights."""


def motion_installed() -> bool:
    """Whether the package of the extra is there; nothing of it is run."""
    return find_spec(RUNS) is not None


def digest() -> str:
    """Hex digest (BLAKE2b, 16 bytes) over the settings that shape rows."""
    return hashlib.blake2b(f"{DESCRIBED} {SIDES} {PAIRS}".encode(), digest_size=16).hexdigest()
