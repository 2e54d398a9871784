"""Pictures with boxes: what is where, as many things of as many classes as there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.facts import BackboneSource, require
from preseason.data import layouts
from preseason.data.audit import Signature, photo_signature
from preseason.data.audit import fingerprint as file_fingerprint
from preseason.data.dataset import Dataset, Sample
from preseason.data.files import IGNORE, Accept
from preseason.engine.canvas import canvas_for, painted
from preseason.engine.extract import Decoder
from preseason.engine.passes import Box, FeatureSpec
from preseason.errors import MediaError, UsageError
from preseason.inference.candidates import Candidate
from preseason.inference.pictures import crops_of
from preseason.media.colours import recoloured
from preseason.media.image import check, decode, thumbnail_jpeg
from preseason.modalities.base import modalities
from preseason.recipe import Recipe
from preseason.tasks.base import refuse_photo_recipe, tasks

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone


LABELS = frozenset((".txt", ".xml", ".json", ".csv", ".yaml", ".yml", ".names", ".data"))
"""Suffixes of files that bear labels."""


@dataclass(frozen=True)
class BoxConfig:
    """Settings of a fit that finds things.

    Attributes:
        longest: pixels of a picture's longer side as the network sees it; None lets the boxes decide.
        epochs: the most that each member is trained.
    """

    longest: int | None = None
    epochs: int = 100
    learning_rate: float = 2e-3
    batch_size: int = 2


class CanvasDecoder:
    """Pictures with their aspect kept, padded to the canvas; squares where a spec asks for them."""

    def decode(self, sample: Sample, spec: FeatureSpec) -> NDArray[np.uint8]:
        """uint8 [looks, height, width, 3]."""
        if not spec.longest:
            return crops_of(sample.path, spec.crops, spec.shape)
        picture = decode(sample.path)
        size = (picture.shape[0], picture.shape[1])
        looks = [painted(picture, canvas_for(size, spec.longest, crop)) for crop in spec.crops]
        if sample.variant:
            looks = [recoloured(look, sample.fingerprint + sample.variant) for look in looks]
        return np.stack(looks)


class Detection:
    """The task of finding things on pictures."""

    name = "detection"
    noun = "pictures"
    singular = "picture"
    modality = modalities.get("image")
    problem = "detection"
    rank = 10
    heads: tuple[str, ...] = ()
    seconds_each = 1.8
    """100 pictures: four minutes."""
    backbone = "efficientnet_lite0"
    networks: tuple[str, ...] = ("image",)
    scouted: tuple[str, ...] = ()

    @property
    def accept(self) -> Accept:
        """Files whose content is a picture."""
        return Accept(_check, "pictures")

    def read(self, root: Path, accept: Accept) -> Dataset:
        """Pictures with boxes in any registered layout of them."""
        return layouts.read(root, accept, layouts.find_boxes(root))

    def signature(self, sample: Sample) -> Signature:
        """Fingerprint, size and thumbnail of a picture."""
        return photo_signature(sample)

    def fingerprint(self, sample: Sample) -> str:
        """Digest of the file."""
        return file_fingerprint(sample.path)

    def recognises(self, root: Path) -> bool:
        """Whether there are labelled boxes."""
        return layouts.find_boxes(root) is not None

    def decoder(self, backbone: BackboneSource) -> Decoder:
        """Pictures on a canvas."""
        return CanvasDecoder()

    def candidates(
        self, recipe: Recipe, backbone: "Backbone", samples: Sequence[Sample] = ()
    ) -> tuple[Candidate, ...]:
        """The one way there is: a head on the maps of the frozen network."""
        require(backbone, self.networks, self.noun)
        refuse_photo_recipe(recipe, self.noun)
        if recipe.max_unknown_accepted is not None:
            raise UsageError(
                "--max-unknown-accepted is for models of labelled examples: nothing is known of strangers "
                f"among boxes. Leave it out for {self.noun}."
            )
        if recipe.unfreeze not in ("auto", "0"):
            raise UsageError(
                f"--unfreeze {recipe.unfreeze}: things are found on the maps of a frozen network; leave "
                "--unfreeze out."
            )
        usual = BoxConfig()
        config = BoxConfig(
            recipe.image_size,
            usual.epochs if recipe.epochs is None else recipe.epochs,
            usual.learning_rate if recipe.learning_rate is None else recipe.learning_rate,
            usual.batch_size if recipe.batch_size is None else recipe.batch_size,
        )
        return (Candidate("boxes on maps", "boxes", self.baseline(backbone).spec, config=config),)

    def describe(self, recipe: Recipe, backbone: "Backbone") -> str:
        """What is fitted."""
        return (
            f"maps of {backbone.name} at several scales are kept, and small networks that find things on "
            "them are trained crosswise and averaged"
        )

    def baseline(self, backbone: "Backbone") -> Candidate:
        """The whole picture."""
        return Candidate("boxes on maps", "boxes", FeatureSpec(backbone.preprocessing.size))

    def picture(self, sample: Sample) -> bytes | None:
        """The picture made smaller, None where the file is gone."""
        try:
            return thumbnail_jpeg(decode(sample.path, 960), 480)
        except MediaError:
            return None

    def span_s(self, samples: Sequence[Sample]) -> None:
        """A picture shows no time."""

    def boxes(self, spec: FeatureSpec) -> tuple[Box, ...]:
        """Regions of the picture."""
        return spec.parts()


def _check(path: Path) -> str | None:
    """Why a file is no picture; what bears labels beside pictures needs no mention."""
    reason = check(path)
    return IGNORE if reason and path.suffix.lower() in LABELS else reason


tasks.add("detection", Detection())
