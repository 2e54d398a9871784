"""Photos into classes: recognise players, or anything else that one picture shows."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.facts import BackboneSource, require
from preseason.data import layouts
from preseason.data.audit import Signature, digest_of, photo_signature
from preseason.data.dataset import Dataset, Member, Sample
from preseason.data.files import Accept
from preseason.engine.extract import Decoder
from preseason.engine.passes import WHOLE, Box, FeatureSpec, grid
from preseason.errors import MediaError
from preseason.heads.base import config_of
from preseason.inference.candidates import Candidate, dynamic_crops
from preseason.inference.pictures import crops_of
from preseason.media.image import check, check_head, decode, may_be_deep, size, thumbnail_jpeg, white_of
from preseason.modalities.base import modalities
from preseason.recipe import Recipe, Unfreeze
from preseason.tasks.base import tasks
from preseason.tasks.crops import views
from preseason.tasks.frames_or_photos import told

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone

REGIONS = (WHOLE, *grid(3, 0.5), *grid(4, 4 / 14))
SINGLE_CROPS = (WHOLE, *grid(3, 0.5), *grid(4, 0.3))
"""The same places as `REGIONS`, each fed on its own: sharper, at six times the cost."""
QUARTERS = (WHOLE, *grid(2, 4 / 7))
FINE_REGIONS = (*REGIONS, *grid(5, 0.2))
SQUARE_CROPS, FINE_CROPS = (WHOLE, *grid(2, 0.6)), grid(3, 0.4)
"""For networks that take no larger input than their own."""
FIRST_SCALE, FINE_SCALE = 2, 2
"""The first look is this many times the network's own input side: small things are seen, at 4 x the cost."""
NEARLY_SQUARE = 1.1
"""Longer over shorter side up to which nothing is squeezed that matters."""
MEASURED = 200
"""Photos whose size tells that of all."""
TAIL_BLOCKS, TUNED_EPOCHS = 2, 8
SQUARE_EPOCHS, FINE_EPOCHS = 20, 40
SCALES = {"part_loss": 0.3, "label_smoothing": 0.1, "directions": 512}
"""How attention over several scales learns: parts are many and small, so each learns by itself as well."""
MOST_PARTS = 20
"""Parts that a step of it sees."""


class PhotoDecoder:
    """Photos as squares of uint8 RGB, each look resized on its own from the decoded photo."""

    def decode(self, sample: Sample, spec: FeatureSpec) -> NDArray[np.uint8]:
        """uint8 [looks, size, size, 3]."""
        return crops_of(sample.media, spec.crops, spec.shape, spec.frame, spec.white)


class Photos:
    """The task of classifying photos."""

    name = "photos"
    noun = "photos"
    singular = "photo"
    modality = modalities.get("image")
    problem = "classification"
    rank = 90
    heads: tuple[str, ...] = ("linear", "attention", "mlp", "prototype")
    seconds_each = 0.27
    """500 photos: 195 s, of which two idle cores need 57 to read for the finer look."""
    backbone = "efficientnet_lite0"
    networks: tuple[str, ...] = ("image",)
    scouted = networks
    joins_networks = True

    @property
    def accept(self) -> Accept:
        """Files whose content is a picture."""
        return Accept(check, "photos", member=check_head)

    def read(self, root: Path, accept: Accept) -> Dataset:
        """Photos in any registered layout."""
        return told(layouts.read(root, accept), self.name)

    def signature(self, sample: Sample) -> Signature:
        """Fingerprint, size and thumbnail of a photo."""
        return photo_signature(sample)

    def fingerprint(self, sample: Sample) -> str:
        """Digest of the file."""
        return digest_of(sample)

    def recognises(self, root: Path) -> bool:
        """Photos are what is read when nothing else is named."""
        return root.exists()

    def decoder(self, backbone: BackboneSource) -> Decoder:
        """Photos as squares."""
        return PhotoDecoder()

    def candidates(
        self, recipe: Recipe, backbone: "Backbone", samples: Sequence[Sample] = ()
    ) -> tuple[Candidate, ...]:
        """Linear, attention, a closer look, crops and a tuned tail, or the one way the recipe names."""
        require(backbone, self.networks, self.noun)
        white = white_of(_perhaps_deep(samples))
        tried = self._tried(recipe, backbone, samples)
        return (
            tuple(replace(each, spec=replace(each.spec, white=white)) for each in tried) if white else tried
        )

    def _tried(
        self, recipe: Recipe, backbone: "Backbone", samples: Sequence[Sample]
    ) -> tuple[Candidate, ...]:
        """The candidates, however bright the photos are."""
        if recipe.name == "frozen-dense":
            return (_textbook_dense(recipe, backbone),)
        cut = Unfreeze.parse(recipe.unfreeze).cut(len(backbone))
        if cut is not None and cut < len(backbone):
            return (self.baseline(backbone), _tuned(recipe, backbone, cut))
        first = _first_pass(recipe, backbone)
        linear = Candidate("linear", "linear", first)
        if recipe.head == "auto":
            tuned = _tuned_closer(recipe, backbone) if cut is None else ()
            attention, closer = _attention(recipe, first, backbone)
            looks = (attention, *_finer(recipe, first, backbone, samples), closer)
            return (linear, *looks, _single_crops(recipe, backbone), *tuned)
        if recipe.head == "attention":
            attention, closer = _attention(recipe, first, backbone)
            return (attention, *_finer(recipe, first, backbone, samples), closer)
        return (Candidate(recipe.head, recipe.head, first, config=config_of(recipe.head, recipe)),)

    def describe(self, recipe: Recipe, backbone: "Backbone") -> str:
        """What is tried when nothing is asked for."""
        return (
            f"a linear head on {backbone.name}, then attention over regions, then a closer look "
            "where it matters, then fine-tuning; cross-validation decides what is kept"
        )

    def baseline(self, backbone: "Backbone") -> Candidate:
        """A linear head on the whole photo at the network's own size."""
        return Candidate("linear", "linear", FeatureSpec(backbone.preprocessing.size))

    def picture(self, sample: Sample) -> bytes | None:
        """A thumbnail, None where the file is gone."""
        try:
            return thumbnail_jpeg(decode(sample.media, 480), 240)
        except MediaError:
            return None

    def span_s(self, samples: Sequence[Sample]) -> None:
        """A photo shows no time."""

    def boxes(self, spec: FeatureSpec) -> tuple[Box, ...]:
        """Regions of the photo."""
        return spec.parts()


def _perhaps_deep(samples: Sequence[Sample]) -> Iterator[Path | bytes]:
    """Files, and those members whose first bytes say that they may be grey of more than 8 bits."""
    for sample in samples:
        with suppress(MediaError):
            if not isinstance(sample.source, Member):
                yield sample.path
            elif may_be_deep(sample.source.head()):
                yield sample.media


def _first_pass(recipe: Recipe, backbone: "Backbone") -> FeatureSpec:
    """One enlarged pass where the network allows it, else crops at its own size."""
    own = backbone.preprocessing.size
    if backbone.preprocessing.resizable:
        return FeatureSpec(recipe.image_size or FIRST_SCALE * own, regions=REGIONS)
    return FeatureSpec(own, crops=(WHOLE, *grid(2, 0.6)), regions=(WHOLE, *grid(2, 0.5)))


def _attention(recipe: Recipe, first: FeatureSpec, backbone: "Backbone") -> tuple[Candidate, Candidate]:
    own = backbone.preprocessing.size
    closer = FeatureSpec(own, crops=(), dynamic_crops=dynamic_crops(), regions=QUARTERS)
    kinds = first.kinds()
    configs = [
        config_of("attention", recipe, part_types=each) for each in (tuple(kinds), _kinds(first, closer))
    ]
    return (
        Candidate("attention", "attention", first, config=configs[0]),
        Candidate("closer look", "attention", closer, "attention", joined=True, config=configs[1]),
    )


def _finer(
    recipe: Recipe, first: FeatureSpec, backbone: "Backbone", samples: Sequence[Sample]
) -> tuple[Candidate, ...]:
    """The square in the middle, not squeezed, beside the first look, then at twice its size beside both.

    What lies beyond the square is still seen in the first look, whose parts each of the two reads as well.
    The square is left out where photos are nearly square as they are, the finer look where they have no more
    pixels than the first look shows.
    """
    elongated, sharp = _shown_by(samples, first.size)
    resizable = backbone.preprocessing.resizable
    square = replace(first, frame="square", crops=(WHOLE,) if resizable else SQUARE_CROPS)
    fine = replace(square, size=FINE_SCALE * first.size, regions=FINE_REGIONS)
    if not resizable:
        fine = replace(square, crops=FINE_CROPS)
    offered = [("square look", square, SQUARE_EPOCHS)] if elongated else []
    offered += [("finer look", fine, FINE_EPOCHS)] if sharp else []
    specs, beside, found = [first], "attention", []
    for name, spec, epochs in offered:
        specs.append(spec)
        kinds = _kinds(*specs)
        share = MOST_PARTS / len(kinds)
        config = config_of("attention", recipe, part_types=kinds, epochs=epochs, kept_parts=share, **SCALES)
        found.append(Candidate(name, "attention", spec, beside=beside, config=config))
        beside = name
    return tuple(found)


def _shown_by(samples: Sequence[Sample], side: int) -> tuple[bool, bool]:
    """Whether most photos are longer than wide or wider than long, and sharper than `side` pixels."""
    shapes = []
    for sample in samples[:: -(-len(samples) // MEASURED) or 1]:
        with suppress(MediaError):
            shapes.append(size(sample.media))
    if not shapes:
        return True, True
    sides = np.sort(np.array(shapes, np.float64), axis=1)
    return bool(np.median(sides[:, 1] / sides[:, 0]) > NEARLY_SQUARE), bool(np.median(sides[:, 0]) > side)


def _kinds(*specs: FeatureSpec) -> tuple[int, ...]:
    """For each part of all specs in a row a number that is shared by parts of one spec and size."""
    found: list[int] = []
    for spec in specs:
        found += [kind + max(found, default=-1) + 1 for kind in spec.kinds()]
    return tuple(found)


def _single_crops(recipe: Recipe, backbone: "Backbone") -> Candidate:
    spec = FeatureSpec(backbone.preprocessing.size, crops=SINGLE_CROPS)
    sizes = [1 / (box.x1 - box.x0) for box in SINGLE_CROPS]
    order = sorted(set(sizes))
    config = config_of("attention", recipe, part_types=tuple(order.index(size) for size in sizes))
    return Candidate("crops", "attention", spec, config=config)


def _tuned_closer(recipe: Recipe, backbone: "Backbone") -> tuple[Candidate, ...]:
    """The last blocks, fine-tuned on the windows that attention found."""
    if len(backbone) <= TAIL_BLOCKS:
        return ()
    cut = len(backbone) - TAIL_BLOCKS
    own = backbone.preprocessing.size
    spec = FeatureSpec(own, crops=(), dynamic_crops=dynamic_crops(), kept="map", cut=cut)
    config = config_of("tail", recipe, epochs=TUNED_EPOCHS, fixed_epochs=True)
    return (Candidate("tuned closer look", "tail", spec, crops_from="attention", config=config),)


def _tuned(recipe: Recipe, backbone: "Backbone", cut: int) -> Candidate:
    """`--unfreeze N` or `all`: the tail from the bank with several views of the whole photo."""
    size = recipe.image_size or backbone.preprocessing.size
    name = "whole network" if cut == 0 else f"last {len(backbone) - cut} blocks"
    spec = FeatureSpec(size, crops=views(recipe.views), kept="map", cut=cut)
    return Candidate(name, "tail", spec, config=config_of("tail", recipe), fold_models=1, always=True)


def _textbook_dense(recipe: Recipe, backbone: "Backbone") -> Candidate:
    """Frozen network, Flatten, Dense 512, softmax."""
    spec = FeatureSpec(recipe.image_size or backbone.preprocessing.size, kept="map", cut=len(backbone))
    return Candidate("frozen-dense", "mlp", spec, config=config_of("mlp", recipe), fold_models=1)


tasks.add("photos", Photos())
