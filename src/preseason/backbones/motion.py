"""What describes the motion of clips, in the place of a pretrained network; `engine/motion.py` runs it.

Nothing of it is learnt: it has no weights, and its digest is over what shapes its rows. OpenCV's major
version does: flow of 4.10, 4.12 and 4.14 is equal, that of 5.0 is not.
"""

import hashlib
from functools import cached_property
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
        return self._expected or digest()

    def check(self) -> None:
        """Nothing, where rows can be computed as those of the fit were.

        Raises:
            MissingPackageError: the extra is not installed.
            UsageError: a model was fitted with rows of another kind.
        """
        if self.weights_id != digest():
            raise UsageError(
                f"The model was fitted with another major version of OpenCV than {opencv()}, which is "
                "installed here, or with another version of preseason, which describe motion otherwise. "
                "Install those of the fit, or fit again."
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
    """Whether OpenCV is there and can be loaded: on bare servers libraries that it needs are absent."""
    try:
        return bool(opencv())
    except UsageError:
        return False


def digest() -> str:
    """Hex digest (BLAKE2b, 16 bytes) over what shapes rows.

    Raises:
        MissingPackageError: the extra is not installed.
        UsageError: OpenCV cannot be loaded.
    """
    shaping = f"{DESCRIBED} {SIDES} {PAIRS} OpenCV {opencv()}"
    return hashlib.blake2b(shaping.encode(), digest_size=16).hexdigest()


def opencv() -> str:
    """OpenCV's major version.

    Raises:
        MissingPackageError: the extra is not installed.
        UsageError: it cannot be loaded.
    """
    require("Reading motion", RUNS)
    try:
        import cv2
    except ImportError as error:
        raise UsageError(
            f"Reading motion needs OpenCV, which is installed but cannot be loaded: {error}. On Debian and "
            "Ubuntu `apt install libgl1 libglib2.0-0` brings what it needs; leave motion out with "
            "--backbone efficientnet_lite0."
        ) from error
    return str(cv2.__version__).partition(".")[0]
