"""Sounds into classes: whistles, cheers, commands, or anything else that can be heard.

A network of pictures sees a spectrogram; a network of sounds hears the wave. Which of those on the machine
serves, cross-validation says.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.embedded import SPEECH, speech_file
from preseason.backbones.facts import BackboneSource, require
from preseason.data import layouts, near_duplicates
from preseason.data.audit import Signature, digest_of
from preseason.data.dataset import Dataset, Sample
from preseason.data.files import Accept, walk
from preseason.data.layouts.table import files_named
from preseason.data.recording_names import grouped
from preseason.data.rows import SUFFIXES as TABLES
from preseason.engine.extract import Decoder
from preseason.engine.passes import WHOLE, Box, FeatureSpec
from preseason.errors import MediaError
from preseason.heads.base import config_of
from preseason.inference.candidates import Candidate
from preseason.inference.waves import hidden, wave_views, windows_fed
from preseason.media import image, mel, sound, video
from preseason.media.content import digest
from preseason.media.excerpt import excerpt
from preseason.modalities.base import modalities
from preseason.recipe import Recipe, Unfreeze
from preseason.tasks.base import refuse_photo_recipe, tasks

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone

LENGTHS_S = (0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Of a sound that is heard at once: few, so that data sets share rows of the bank."""
LONGEST_PICTURE_S = 5.0
"""Longer sounds are several spectrograms."""
HOP_S = 0.16
"""Moments of a network that reads any length lie about so far apart."""
MOMENTS = 16
"""The most of an example."""
SHOWN = (224, 448)
"""Height and width of a spectrogram, of networks that take no squares alone."""
DRAWN_WITHIN, HEARD_WITHIN = (0.0, 40.0), (0.0, 35.0)
"""Each sound is looked at as it is and again without what lies so many dB below its loudest moment: rooms and
microphones are told apart down there, not sounds. Of speech, the upper 30 dB tell words (French and Steinberg
1947, doi 10.1121/1.1916407; ANSI S3.5)."""
REGIONS = (WHOLE, *(Box(round(x / 4, 4), 0.0, round(x / 4 + 0.25, 4), 1.0) for x in range(4)))
MEASURED = 400
COMPARED_S = 3.0
"""Sounds from this length on are searched for near-copies."""
LOOKED_AT = 200
LAST_BLOCKS = 2
DEPTHS = 4
"""Of networks of attention: words are told best by their middle, speakers by their first layers (Pasad et al.
2021, arXiv 2107.04734)."""
SHORTEST_S, ROOM = 1.6, 1.25
"""Networks that read any length hear so much at least: others may speak more slowly."""
TAIL_BLOCKS, TUNED_EPOCHS = 3, 12


class SoundDecoder:
    """Waves as what a network takes: spectrograms for one of pictures, windows for one of sounds."""

    def __init__(self, backbone: BackboneSource) -> None:
        self._pictures = backbone.modality == "image"
        self._any_length = backbone.preprocessing.resizable

    def decode(self, sample: Sample, spec: FeatureSpec) -> NDArray[Any]:
        """Pictures uint8 [moments x views, h, w, 3], or windows float32 [moments x views, samples].

        Raises:
            MediaError: it cannot be decoded.
        """
        wave = sound.read(sample.media, sample.span)
        return self.of_wave(hidden(wave, sample.variant, sound.RATE) if sample.variant else wave, spec)

    def of_wave(self, wave: mel.Wave, spec: FeatureSpec) -> NDArray[Any]:
        """As `decode`, of a wave at hand."""
        return windows_fed(wave, spec, sound.RATE, self._pictures, self._any_length)


class Sounds:
    """The task of classifying sounds."""

    name = "sounds"
    noun = "sounds"
    singular = "sound"
    modality = modalities.get("sound")
    problem = "classification"
    rank = 25
    heads: tuple[str, ...] = ("moments", "attention", "gru", "tcn")
    seconds_each = 0.3
    backbone = "efficientnet_lite0"
    networks: tuple[str, ...] = ("image", "sound")
    scouted = networks

    @property
    def sources(self) -> tuple[str, ...]:
        """Networks that a fit tries where none is named: those that packages on this machine bring."""
        return (self.backbone, *((SPEECH,) if speech_file() is not None else ()))

    @property
    def accept(self) -> Accept:
        """Files whose content is a sound; of a video its sound track where this task was asked for."""
        return Accept(sound.check_track, "sounds", member=sound.check_head)

    def read(self, root: Path, accept: Accept) -> Dataset:
        """Sounds in any registered layout, in groups where their names tell speakers or recordings."""
        return grouped(layouts.read(root, accept))

    def signature(self, sample: Sample) -> Signature:
        """Fingerprint, the wave's own digest and, of longer sounds, the spectrogram as a thumbnail.

        Words and calls are so short that the spectrograms of different ones are alike.

        Raises:
            MediaError: no sound, damaged or cut short.
        """
        wave = sound.read(sample.media, sample.span)
        shown = None
        if len(wave) >= COMPARED_S * sound.RATE:
            shown = mel.picture(wave, near_duplicates.HEIGHT, near_duplicates.WIDTH)[..., 0]
        essence = digest(np.round(127 * wave).astype(np.int8).tobytes())
        return Signature(self.fingerprint(sample), (0, 0), shown, essence, fault=sound.fault_of(wave))

    def fingerprint(self, sample: Sample) -> str:
        """Digest of the file, another one than if it were seen."""
        return digest(f"sound {digest_of(sample)}".encode())

    def recognises(self, root: Path) -> bool:
        """Whether most media files at `root` are sounds, and not a few among many texts."""
        if root.is_file() and root.suffix.lower() in TABLES:
            paths: Any = files_named(root, LOOKED_AT)
        else:
            paths = islice(walk(root, Accept(lambda path: None, "files")).paths, LOOKED_AT)
        found = Counter(map(_kind, paths))
        return found["sound"] > found["video"] + found["photo"] and 3 * found["sound"] >= found["other"]

    def decoder(self, backbone: BackboneSource) -> Decoder:
        """Sounds as the network's input."""
        return SoundDecoder(backbone)

    def candidates(
        self, recipe: Recipe, backbone: "Backbone", samples: Sequence[Sample] = ()
    ) -> tuple[Candidate, ...]:
        """Linear on moments, attention, readers in order, a tuned tail; or the one way the recipe names."""
        require(backbone, self.networks, self.noun)
        refuse_photo_recipe(recipe, self.noun)
        first = first_pass(backbone, _usual_s(samples))
        cut = Unfreeze.parse(recipe.unfreeze).cut(len(backbone))
        if cut is not None and cut < len(backbone):
            return (_moments(first), _tuned(recipe, backbone, first, cut, asked=True))
        if recipe.head != "auto":
            return (_frozen(recipe.head, first, recipe),)
        several = ("attention", "gru", "tcn") if first.frames > 2 else ("attention",)
        smaller = _smaller(first) if backbone.modality == "image" and backbone.preprocessing.resizable else ()
        found = [_moments(first), *smaller, *(_frozen(name, first, recipe) for name in several)]
        if cut is None and len(backbone) > TAIL_BLOCKS:
            found.append(_tuned(recipe, backbone, first, len(backbone) - TAIL_BLOCKS))
        return tuple(found)

    def describe(self, recipe: Recipe, backbone: "Backbone") -> str:
        """What is tried when nothing is asked for."""
        return (
            f"a linear head on {backbone.name} over time, attention to moments, GRU and temporal "
            "convolution, then tuning; what cross-validation favours is kept"
        )

    def baseline(self, backbone: "Backbone") -> Candidate:
        """A linear head on sounds of a second."""
        return _moments(first_pass(backbone, 1.0))

    def picture(self, sample: Sample) -> bytes | None:
        """The spectrogram, None where the file is gone."""
        try:
            wave = sound.read(sample.media, sample.span)
        except MediaError:
            return None
        return spectrogram(wave)

    def excerpt(self, sample: Sample) -> bytes | None:
        """A piece to play, None where the file is gone."""
        try:
            return excerpt(sound.read(sample.media, sample.span), sound.RATE)
        except MediaError:
            return None

    def span_s(self, samples: Sequence[Sample]) -> float | None:
        """The median length of a few sounds."""
        lengths = _lengths(samples)
        return float(np.median(lengths)) if lengths else None

    def boxes(self, spec: FeatureSpec) -> tuple[Box, ...]:
        """Moments where they lie in the spectrogram."""
        count = max(spec.frames, 1)
        places = [
            Box(i / count, 0.0, (i + 1) / count, 1.0) for i in range(count) for _ in spec.ranges or (0,)
        ]
        return tuple(_inside(place, region) for place in places for region in spec.regions)


def spectrogram(wave: mel.Wave, height: int = 120, width: int = 320) -> bytes:
    """A JPEG of a wave's spectrogram: time to the right, low notes below."""
    from PIL import Image

    out = BytesIO()
    Image.fromarray(mel.picture(wave, height, width)).save(out, "JPEG", quality=80)
    return out.getvalue()


def first_pass(backbone: "Backbone", usual_s: float) -> FeatureSpec:
    """The pass of frozen heads over sounds that last about `usual_s` seconds."""
    own = backbone.preprocessing
    if backbone.modality == "image":
        return _picture_pass(own.size, own.resizable, usual_s)
    blocks = _blocks(backbone)
    ranges = HEARD_WITHIN if getattr(backbone, "front", None) is not None else ()
    if own.resizable:
        size = max(round(max(SHORTEST_S, ROOM * usual_s) * sound.RATE), own.size)
        return FeatureSpec(size, blocks=blocks, frames=_most(size / sound.RATE / HOP_S), ranges=ranges)
    window_s = own.size / sound.RATE
    return FeatureSpec(own.size, blocks=blocks, frames=_most(2 * usual_s / window_s - 1), ranges=ranges)


def _picture_pass(side: int, resizable: bool, usual_s: float) -> FeatureSpec:
    shown_s = min(usual_s, LONGEST_PICTURE_S)
    frames = _most(1.5 * usual_s / shown_s) if usual_s > shown_s else 1
    height, width = SHOWN if resizable else (side, side)
    return FeatureSpec(
        width,
        height=height if height != width else 0,
        regions=REGIONS,
        frames=frames,
        rate=1 / shown_s,
        ranges=DRAWN_WITHIN,
    )


def _most(moments: float) -> int:
    return int(np.clip(round(moments), 1, MOMENTS))


def _blocks(backbone: "Backbone") -> tuple[int, ...]:
    """The last blocks, below which convolutions say little (measured on digits and dogs); else all depths."""
    count = len(backbone)
    if backbone.split.layout == "NLC":
        return tuple(sorted({round(count * depth / DEPTHS) - 1 for depth in range(1, DEPTHS + 1)}))
    return tuple(range(max(0, count - LAST_BLOCKS), count))


def _moments(spec: FeatureSpec) -> Candidate:
    return Candidate("linear", "moments", spec)


def _smaller(first: FeatureSpec) -> tuple[Candidate, ...]:
    """Half as high and wide: blocks see twice as long and as many bands at once, at a quarter of the cost."""
    spec = replace(first, size=first.size // 2, height=first.height // 2)
    return (Candidate("linear, smaller picture", "moments", spec),)


def _frozen(head: str, spec: FeatureSpec, recipe: Recipe) -> Candidate:
    own = {"part_types": tuple(spec.kinds())} if head == "attention" else {}
    return Candidate(
        "linear" if head == "moments" else head, head, spec, config=config_of(head, recipe, **own)
    )


def _tuned(
    recipe: Recipe, backbone: "Backbone", first: FeatureSpec, cut: int, asked: bool = False
) -> Candidate:
    """The last blocks, on views of the wave, with bands of time and frequency hidden in every step."""
    frames = first.frames if backbone.modality == "image" or not backbone.preprocessing.resizable else 1
    spec = replace(
        first,
        crops=wave_views(recipe.views),
        regions=(WHOLE,),
        blocks=(),
        kept="map",
        cut=cut,
        frames=frames,
        ranges=(),
    )
    fixed = {} if asked else {"epochs": TUNED_EPOCHS, "fixed_epochs": True}
    config = config_of("masked_tail", recipe, frames_per_step=min(2, frames), **fixed)
    name = "tuned" if not asked else "whole network" if cut == 0 else f"last {len(backbone) - cut} blocks"
    return Candidate(name, "masked_tail", spec, config=config, fold_models=1 if asked else None, always=asked)


def _inside(place: Box, region: Box) -> Box:
    width = place.x1 - place.x0
    return Box(place.x0 + region.x0 * width, region.y0, place.x0 + region.x1 * width, region.y1)


def _kind(path: Path) -> str:
    if sound.check(path) is None:
        return "sound"
    if video.check(path) is None:
        return "video"
    return "photo" if image.check(path) is None else "other"


def _usual_s(samples: Sequence[Sample]) -> float:
    """Seconds that nearly all sounds last, one of `LENGTHS_S`."""
    lengths = _lengths(samples)
    usual = float(np.quantile(lengths, 0.98)) if lengths else 1.0
    return next((each for each in LENGTHS_S if each >= usual), LENGTHS_S[-1])


def _lengths(samples: Sequence[Sample]) -> list[float]:
    chosen = samples[:: max(1, len(samples) // MEASURED)]
    return [s.span[1] - s.span[0] if s.span else sound.length_s(s.media) for s in chosen]


tasks.add("sounds", Sounds())
