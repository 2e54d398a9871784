"""Who is where, when: the answers of a model of photos to the boxes that a finder finds in a video.

A track has one answer: the mean of the probabilities of a few of its boxes, the largest of as many equal
parts of it. Frames that follow one another are alike, so a mean is taken, and no product.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from preseason.media.stream import Pixels
from preseason.models.classifier import Model
from preseason.results import Prediction
from preseason.runtime.progress import Progress, Silent
from preseason.spotting.cut_out import Place, cut_out, largest_of_tracks
from preseason.spotting.video_boxes import FrameBoxes, TrackedBox

AT_ONCE = 256
"""Cut out boxes that lie on the disk at a time."""
QUALITY = 95
Key = tuple[int, ...]
"""What is answered together: `(track,)`, or the place of a box that belongs to none."""


@dataclass(frozen=True)
class Answer:
    """Who something is.

    Attributes:
        label: the most probable class, also where `unknown` is true.
        probability: of the label.
        unknown: whether it is unlike every known class.
        looks: boxes that were looked at for it.
    """

    label: str
    probability: float
    unknown: bool
    looks: int


@dataclass(frozen=True)
class NamedBox(TrackedBox):
    """A thing on a frame, and who it is; `label` is still what the finder took it for.

    Attributes:
        answer: None where the cut out picture could not be read.
    """

    answer: Answer | None = None


def named_frames(
    model: Model, path: Path, frames: Sequence[FrameBoxes], fps: float, progress: Progress
) -> list[FrameBoxes]:
    """The same frames, with boxes of the class `NamedBox`.

    Args:
        model: of photos.
        path: the video.
        frames: all frames that were looked at, in order, `fps` a second from the beginning on.
        fps: frames a second.
        progress: is told of each box that is looked at.

    Raises:
        MediaError: the video cannot be read.
    """
    keys = _chosen(frames)
    votes: defaultdict[Key, list[Prediction]] = defaultdict(list)
    progress.start(f"naming what {path.name} shows", len(keys))
    with tempfile.TemporaryDirectory(prefix="preseason-") as folder:
        cut = cut_out(path, frames, fps, keys)
        while some := list(islice(cut, AT_ONCE)):
            for place, answer in _answers(model, some, Path(folder)):
                votes[keys[place]].append(answer)
            progress.advance(len(some))
    progress.finish()
    answered = {key: vote(some) for key, some in votes.items()}
    return [_named(frame, number, answered) for number, frame in enumerate(frames)]


def vote(answers: Sequence[Prediction]) -> Answer:
    """One answer from several of the same thing: the largest mean probability; unknown where most are.

    Args:
        answers: one or more.
    """
    labels = list(answers[0].probabilities)
    mean = np.mean([[each.probabilities[label] for label in labels] for each in answers], axis=0)
    best = int(mean.argmax())
    strange = sum(each.unknown for each in answers)
    return Answer(labels[best], float(mean[best]), 2 * strange > len(answers), len(answers))


def _chosen(frames: Sequence[FrameBoxes]) -> dict[Place, Key]:
    """The boxes to look at, and what each is looked at for."""
    chosen: dict[Place, Key] = {
        (number, at): (number, at)
        for number, frame in enumerate(frames)
        for at, box in enumerate(frame.boxes)
        if getattr(box, "track", None) is None
    }
    chosen |= {place: (track,) for place, track in largest_of_tracks(frames).items()}
    return dict(sorted(chosen.items()))


def _answers(
    model: Model, cut: Sequence[tuple[Place, Pixels]], folder: Path
) -> Iterator[tuple[Place, Prediction]]:
    """Answers to the pictures that can be read; models read files."""
    places = {}
    for number, (place, pixels) in enumerate(cut):
        file = folder / f"{number:04}.jpg"
        Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
        places[str(file)] = place
    for answer in model.predict(*map(Path, places), progress=Silent()).predictions:
        yield places[answer.input], answer


def _named(frame: FrameBoxes, number: int, answered: Mapping[Key, Answer]) -> FrameBoxes:
    boxes = []
    for at, box in enumerate(frame.boxes):
        track = getattr(box, "track", None)
        key: Key = (number, at) if track is None else (track,)
        values = {field.name: getattr(box, field.name) for field in fields(box)}
        boxes.append(NamedBox(**values | {"answer": answered.get(key)}))
    return replace(frame, boxes=tuple(boxes))
