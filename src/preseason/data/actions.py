"""Actions with times in long videos, and what reading them found."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from preseason.data.dataset import Skipped
from preseason.errors import UsageError

BACKGROUND = "background"
"""The label of moments without an action; no action may be called so."""

_HALF = re.compile(
    r"^([12])_(?=[0-9]+p|hq)|(?:^|(?<=[_ .-]))(?:half[_ -]?([12])|([12])(?:st|nd)?[_ -]?half)(?=$|[_ .-])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Action:
    """Something that happens at a time of a video, labelled by a person or found by a model.

    Attributes:
        time_s: seconds from the first frame of the video; the start where there is an end.
        label: what happens.
        confidence: 0..1; 1 for what a person labelled.
        half: 1, 2 (3, 4 in extra time) where a match has a video for each, else None.
        end_s: when it ends, for actions that last.
        visible: whether the pictures show it; false for what happened outside of the broadcast.
        model: which model found it, where several looked; else empty.
    """

    time_s: float
    label: str
    confidence: float = 1.0
    half: int | None = None
    end_s: float | None = None
    visible: bool = True
    model: str = ""

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise UsageError(f"The action {self.label!r} at {self.time_s} cannot be: {'; '.join(faults)}.")

    @property
    def moment_s(self) -> float:
        """The time that stands for the action: its middle where it has an end, else its time."""
        return self.time_s if self.end_s is None else (self.time_s + self.end_s) / 2


@dataclass(frozen=True)
class LabelledVideo:
    """One video file with its actions.

    Attributes:
        path: the file.
        actions: in order of time.
        half: which half of the match the file holds, where it holds one.
        group: the match; both halves share it, so that a split never parts them.
        split: "train", "validation" or "test" when the labels say so.
        duration_s: length of the video in seconds, None where nobody has measured it.
    """

    path: Path
    actions: tuple[Action, ...]
    half: int | None = None
    group: str | None = None
    split: str | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class LabelledVideos:
    """Videos in path order with what reading their labels found.

    Attributes:
        root: what the user named.
        videos: each file once.
        labels: names of the actions that occur, sorted; without `BACKGROUND`.
        skipped: rows, annotations and files that were left out.
    """

    root: Path
    videos: tuple[LabelledVideo, ...]
    labels: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()


def labels_of(videos: Iterable[LabelledVideo]) -> tuple[str, ...]:
    """The names of all actions, sorted."""
    return tuple(sorted({action.label for video in videos for action in video.actions}))


def match_of(path: Path) -> tuple[str, int | None]:
    """Which match a video belongs to and which half it is, as far as its name tells.

    Example:
        >>> match_of(Path("cup/final/1_720p.mkv")), match_of(Path("final 2nd half.mp4"))
        (('cup/final', 1), ('final', 2))
        >>> match_of(Path("cup/final.mp4"))
        ('cup/final.mp4', None)
    """
    found = _HALF.search(path.stem)
    if found is None:
        return path.as_posix(), None
    half = int(next(digit for digit in found.groups() if digit))
    if found[1]:
        return path.parent.as_posix(), half
    rest = (path.stem[: found.start()] + path.stem[found.end() :]).strip(" _.-")
    return (path.parent / rest).as_posix(), half


def _faults(action: Action) -> Iterable[str]:
    if not (math.isfinite(action.time_s) and action.time_s >= 0):
        yield "its time is no number of seconds from 0 on"
    if action.end_s is not None and not (math.isfinite(action.end_s) and action.end_s >= action.time_s):
        yield f"it ends at {action.end_s}, before it begins"
    if not 0 <= action.confidence <= 1:
        yield f"its confidence {action.confidence} is not within 0 and 1"
    if not action.label.strip():
        yield "it has no label"
    if action.half is not None and action.half < 1:
        yield f"half {action.half} is none; the first is 1"
