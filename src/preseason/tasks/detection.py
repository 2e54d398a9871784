"""Pictures with boxes: what is where, as many things of as many classes as there are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

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
from preseason.recipe import Recipe, Unfreeze
from preseason.tasks.base import refuse_photo_recipe, tasks

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone


DETECTOR = "detection"
"""Modality of networks that are whole detectors."""
WHOLE = "detector, fine-tuned"
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


@dataclass(frozen=True)
class WholeConfig(BoxConfig):
    """Settings of a fit that fine-tunes a whole detector.

    Attributes:
        cut: the first of the detector's parts that is trained; as many as there are for its heads alone.
    """

    epochs: int = 50
    learning_rate: float = 1e-4
    batch_size: int = 4
    cut: int = 1


Config = TypeVar("Config", bound=BoxConfig)


def _asked(recipe: Recipe, usual: Config) -> Config:
    """The usual settings with those that the user gave."""
    asked = {name: getattr(recipe, name) for name in ("epochs", "learning_rate", "batch_size")}
    given = {name: value for name, value in asked.items() if value is not None}
    return replace(usual, longest=recipe.image_size, **given)


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
    boxed = True
    """Its examples bear boxes."""
    rank = 10
    heads: tuple[str, ...] = ()
    seconds_each = 1.8
    """100 pictures: four minutes."""
    backbone = "efficientnet_lite0"
    networks: tuple[str, ...] = ("image", DETECTOR)
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
        """A head on the maps of the frozen network, or a whole detector that is fine-tuned."""
        require(backbone, self.networks, self.noun)
        refuse_photo_recipe(recipe, self.noun)
        if recipe.max_unknown_accepted is not None:
            raise UsageError(
                "--max-unknown-accepted is for models of labelled examples: detectors "
                f"have no such check. Leave it out for {self.noun}."
            )
        if backbone.modality == DETECTOR:
            return (self._whole(recipe, backbone),)
        if recipe.unfreeze not in ("auto", "0"):
            raise UsageError(
                f"--unfreeze {recipe.unfreeze}: the default detector trains heads on a frozen "
                "network. Leave --unfreeze out, or name a detector of `preseason models` with --backbone."
            )
        config = _asked(recipe, BoxConfig())
        return (Candidate("boxes on maps", "boxes", self.baseline(backbone).spec, config=config),)

    def _whole(self, recipe: Recipe, backbone: "Backbone") -> Candidate:
        """A detector that is fine-tuned: its heads, and the parts that --unfreeze names."""
        cut = Unfreeze.parse(recipe.unfreeze).cut(len(backbone))
        usual = WholeConfig(cut=1 if cut is None else cut)
        return Candidate(WHOLE, "boxes", self.baseline(backbone).spec, config=_asked(recipe, usual))

    def describe(self, recipe: Recipe, backbone: "Backbone") -> str:
        """What is fitted."""
        if backbone.modality == DETECTOR:
            return (
                f"{backbone.name} gets heads for these classes and is fine-tuned once per fold, for the test "
                "and once on everything for use"
            )
        return (
            f"small networks learn to find objects in feature maps of {backbone.name} at several scales, one "
            "network per fold; the model is their average"
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
