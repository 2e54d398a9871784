"""Clips into classes: which play a short video shows.

A network of pictures sees frames spread evenly over a clip, and a head reads them together or in order; a
video network sees runs of frames.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.facts import BackboneSource, require
from preseason.data import layouts, near_duplicates
from preseason.data.audit import Signature
from preseason.data.audit import fingerprint as file_fingerprint
from preseason.data.dataset import Dataset, Sample
from preseason.data.files import Accept
from preseason.engine.extract import Decoder
from preseason.engine.passes import WHOLE, Box, FeatureSpec, grid
from preseason.errors import MediaError
from preseason.heads.base import config_of, reader_of
from preseason.inference.candidates import Candidate
from preseason.inference.clip_frames import frames_fed
from preseason.media import video
from preseason.media.content import digest
from preseason.media.frames import is_frames_folder
from preseason.modalities.base import modalities
from preseason.recipe import Recipe, Unfreeze
from preseason.tasks.base import refuse_photo_recipe, tasks
from preseason.tasks.crops import views
from preseason.tasks.frames_or_photos import told, weigh

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone

FRAMES = 8
"""Moments of a clip that are looked at."""
WINDOWS = 2
"""Runs of frames that a video network sees of a clip."""
QUARTERS = (WHOLE, *grid(2, 4 / 7))
ASPECTS = (0.5, 2.0)
"""Frames that are narrower or wider than this are squeezed to it."""
STEP = 32
"""Sides of an input that is no square are multiples of this many pixels, by which most networks shrink it."""
TAIL_BLOCKS, TUNED_VIEWS, TUNED_EPOCHS = 4, 4, 14
TUNED_SCALE = 0.75
"""Of the network's own side, for fine-tuning: a little over half of the pixels, and of the time."""
FRAMES_A_STEP = 2
"""Frames of a clip in one step of fine-tuning, drawn anew each time from all that are kept."""
SHEET = (4, 2)
"""Columns and rows of frames in the picture that stands for a clip."""
MEASURED = 50
"""Clips whose length is measured."""


Shape = Callable[[int], tuple[int, int]]
"""A side in pixels to the `size` and `height` of a pass."""


class ClipDecoder:
    """Frames of clips as pictures of uint8 RGB, of the pass's height and width."""

    def __init__(self, run: int) -> None:
        self.run = run

    def decode(self, sample: Sample, spec: FeatureSpec) -> NDArray[np.uint8]:
        """uint8 [moments x looks, h, w, 3], for video networks [moments x looks, t, h, w, 3]."""
        return frames_fed(sample.path, sample.span, spec, self.run)


class Clips:
    """The task of classifying clips."""

    name = "clips"
    noun = "clips"
    singular = "clip"
    modality = modalities.get("video")
    problem = "classification"
    rank = 30
    heads: tuple[str, ...] = ("statistics", "attention", "lstm", "gru", "tcn")
    seconds_each = 1.5
    tuned_by_default = True
    backbone = "efficientnet_lite0"
    networks: tuple[str, ...] = ("image", "video")
    scouted = networks

    @property
    def accept(self) -> Accept:
        """Files whose content is a video, and folders of numbered frames."""
        return Accept(video.check, "clips", is_frames_folder)

    def read(self, root: Path, accept: Accept) -> Dataset:
        """Clips in any registered layout."""
        return told(layouts.read(root, accept), self.name)

    def signature(self, sample: Sample) -> Signature:
        """Fingerprint, size and the thumbnail of the middle frame.

        Raises:
            MediaError: no video, no frames, damaged or cut short.
        """
        frame = video.evenly(sample.path, 3, sample.span, 2 * near_duplicates.WIDTH)[1]
        height, width = (video.facts(sample.path).height, video.facts(sample.path).width)
        return Signature(self.fingerprint(sample), (height, width), near_duplicates.thumbnail(frame))

    def fingerprint(self, sample: Sample) -> str:
        """Digest of the file or of the folder's frames."""
        path = sample.path
        if path.is_dir():
            return digest(video.folder_content(path))
        status = path.stat()
        return _fingerprint(path, status.st_size, status.st_mtime_ns)

    def recognises(self, root: Path) -> bool:
        """Whether more of what lies at `root` are videos, or folders of frames, than photos."""
        return weigh(root).for_clips

    def decoder(self, backbone: BackboneSource) -> Decoder:
        """Frames as the network's input."""
        return ClipDecoder(backbone.preprocessing.frames)

    def candidates(
        self, recipe: Recipe, backbone: "Backbone", samples: Sequence[Sample] = ()
    ) -> tuple[Candidate, ...]:
        """Statistics, attention, readers in order and a tuned tail, or the one way the recipe names."""
        require(backbone, self.networks, self.noun)
        refuse_photo_recipe(recipe, self.noun)
        shown = shape_for(_aspect(samples), backbone)
        cut = Unfreeze.parse(recipe.unfreeze).cut(len(backbone))
        if cut is not None and cut < len(backbone):
            return (self.baseline(backbone), _tuned(recipe, backbone, shown, cut))
        first = _first(recipe, backbone, shown)
        names = self.heads if recipe.head == "auto" else (recipe.head,)
        frozen = tuple(_frozen(name, first, recipe) for name in names)
        if (
            not self.tuned_by_default
            or recipe.head != "auto"
            or cut is not None
            or len(backbone) <= TAIL_BLOCKS
        ):
            return frozen
        return (*frozen, _tuned_by_default(recipe, backbone, shown))

    def describe(self, recipe: Recipe, backbone: "Backbone") -> str:
        """What is tried when nothing is asked for."""
        tuning = ", then fine-tuning" if self.tuned_by_default else ""
        return (
            f"{_seen(recipe, backbone)} of each clip through {backbone.name}, then statistics of "
            f"them, attention, LSTM, GRU and temporal convolution{tuning}; cross-validation "
            "decides what is kept"
        )

    def baseline(self, backbone: "Backbone") -> Candidate:
        """Statistics of whole frames."""
        spec = FeatureSpec(backbone.preprocessing.size, frames=_moments(Recipe(), backbone))
        return Candidate("statistics", "statistics", spec)

    def picture(self, sample: Sample) -> bytes | None:
        """A sheet of eight frames, None where the file is gone."""
        from PIL import Image

        columns, rows = SHEET
        try:
            frames = video.evenly(sample.path, columns * rows, sample.span, 240)
        except MediaError:
            return None
        height, width = frames.shape[1:3]
        sheet = frames.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
        out = BytesIO()
        Image.fromarray(sheet.reshape(rows * height, columns * width, 3)).save(out, "JPEG", quality=85)
        return out.getvalue()

    def span_s(self, samples: Sequence[Sample]) -> float | None:
        """The median length of a few clips."""
        chosen = samples[:: max(1, len(samples) // MEASURED)]
        return float(np.median([_length_s(sample) for sample in chosen])) if chosen else None

    def boxes(self, spec: FeatureSpec) -> tuple[Box, ...]:
        """Regions of the frames where these lie in the sheet."""
        once = spec.parts()[: len(spec.parts()) // spec.frames]
        last, left_out = SHEET[0] * SHEET[1] - 1, (1 - spec.middle) / 2
        places = (np.linspace(left_out, 1 - left_out, spec.frames) * last).round().astype(int)
        return tuple(_in_sheet(int(place), box) for place in places for box in once)


@lru_cache(256)
def _fingerprint(path: Path, size: int, changed_ns: int) -> str:
    """Of a file that many clips are cut from, read once."""
    return file_fingerprint(path)


def _length_s(sample: Sample) -> float:
    if sample.span is not None:
        return sample.span[1] - sample.span[0]
    return video.length_s(sample.path)


def _in_sheet(place: int, box: Box) -> Box:
    columns, rows = SHEET
    row, column = divmod(place, columns)
    return Box(
        (column + box.x0) / columns, (row + box.y0) / rows, (column + box.x1) / columns, (row + box.y1) / rows
    )


def _seen(recipe: Recipe, backbone: "Backbone") -> str:
    """What a network is shown of a clip, in words."""
    run, count = backbone.preprocessing.frames, _moments(recipe, backbone)
    return f"{count} runs of {run} frames" if run else f"{count} frame{'s' if count > 1 else ''}"


def _moments(recipe: Recipe, backbone: "Backbone") -> int:
    """How many frames, or of a video network runs of frames, a row holds."""
    if backbone.preprocessing.frames:
        return WINDOWS
    return FRAMES if recipe.frames is None else recipe.frames


def _first(recipe: Recipe, backbone: "Backbone", shown: Shape) -> FeatureSpec:
    size, height = shown(recipe.image_size or backbone.preprocessing.size)
    return FeatureSpec(size, regions=QUARTERS, frames=_moments(recipe, backbone), height=height)


def _frozen(head: str, spec: FeatureSpec, recipe: Recipe) -> Candidate:
    own = {"part_types": tuple(spec.kinds())} if head == "attention" else {}
    return Candidate(head, head, spec, config=config_of(head, recipe, **own))


def _tuned_by_default(recipe: Recipe, backbone: "Backbone", shown: Shape) -> Candidate:
    """The last blocks, a fixed number of epochs."""
    cut = len(backbone) - TAIL_BLOCKS
    own = backbone.preprocessing
    side = recipe.image_size or (round(TUNED_SCALE * own.size) if own.resizable else own.size)
    spec = _mapped(recipe, backbone, shown(side), TUNED_VIEWS, cut)
    fixed = {"epochs": TUNED_EPOCHS, "fixed_epochs": True, "batch_size": 16}
    return Candidate("tuned", "tail", spec, config=_tail(recipe, spec, **fixed))


def _tuned(recipe: Recipe, backbone: "Backbone", shown: Shape, cut: int) -> Candidate:
    """`--unfreeze N` or `all`, with the head over time that is named, several views of each clip."""
    spec = _mapped(
        recipe, backbone, shown(recipe.image_size or backbone.preprocessing.size), recipe.views, cut
    )
    reader = None if recipe.head == "auto" else recipe.head
    if reader is not None:
        reader_of(reader)
    name = "whole network" if cut == 0 else f"last {len(backbone) - cut} blocks"
    named = f"{name} + {reader}" if reader else name
    config = _tail(recipe, spec, temporal_head=reader)
    return Candidate(named, "tail", spec, config=config, fold_models=1, always=True)


def _mapped(
    recipe: Recipe, backbone: "Backbone", shape: tuple[int, int], count: int, cut: int
) -> FeatureSpec:
    """Maps at the cut of every moment, `count` views of each."""
    frames = 1 if backbone.preprocessing.frames else _moments(recipe, backbone)
    return FeatureSpec(shape[0], crops=views(count), frames=frames, kept="map", cut=cut, height=shape[1])


def _tail(recipe: Recipe, spec: FeatureSpec, **own: Any) -> Any:
    """Of a tail over frames; a step of training sees all of them where their order counts."""
    few = spec.frames if own.get("temporal_head") else min(FRAMES_A_STEP, spec.frames)
    return config_of("tail", recipe, random_init=True, frames_per_step=few, **own)


def shape_for(aspect: float, backbone: "Backbone") -> Shape:
    """For a side in pixels, the size and height of an input that has the square's area and the clips' aspect.

    Networks of fixed input, and those of runs of frames, get squares.

    Args:
        aspect: width over height.
    """
    own = backbone.preprocessing
    fixed = not own.resizable or own.frames > 0
    stretch = 1.0 if fixed else float(np.sqrt(np.clip(aspect, *ASPECTS)))

    def shape(side: int) -> tuple[int, int]:
        width, height = (max(STEP, round(each / STEP) * STEP) for each in (side * stretch, side / stretch))
        return (side, 0) if width == height else (width, height)

    return shape


def _aspect(samples: Sequence[Sample]) -> float:
    """Width over height of the median of a few clips; 1 where there are none."""
    chosen = {str(sample.source) for sample in samples[:: max(1, len(samples) // MEASURED)]}
    found = []
    for source in sorted(chosen):
        with suppress(MediaError):
            facts = video.facts(Path(source))
            found.append(facts.width / facts.height)
    return float(np.median(found)) if found else 1.0


tasks.add("clips", Clips())
