"""Putting labelled actions together while files of them are read: each is taken, or named with its reason."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from preseason.data.actions import BACKGROUND, Action, LabelledVideo, LabelledVideos, labels_of, match_of
from preseason.data.dataset import Skipped
from preseason.data.files import readable
from preseason.errors import DataError, MediaError

SLACK_S = 1.0
"""How far past the measured end a time may lie: containers round, and people label the last frame."""

Check = Callable[[Path], str | None]
Duration = Callable[[Path], float]


@dataclass(frozen=True)
class Mention:
    """One action as some file names it.

    Attributes:
        path: the video.
        action: what happens.
        place: where it is named, e.g. "row 3 of labels.csv".
        group: the match, where the file says so.
        split: "train", "validation" or "test", where the file says so.
    """

    path: Path
    action: Action
    place: str
    group: str | None = None
    split: str | None = None


@dataclass
class _Video:
    """One file: why it cannot be used, or what is known of it so far."""

    fault: str | None
    duration_s: float | None = None
    half: int | None = None
    group: str | None = None
    split: str | None = None
    places: dict[tuple[float, float | None, str], str] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)


@dataclass
class Gathering:
    """Videos and their actions so far, and what was left out.

    Attributes:
        root: what the user named; groups are told relative to it.
        check: None for a usable video, or why it is none.
        duration: seconds of a video, 0 where its container does not say; None measures nothing, and then
            times past the end are not noticed. May raise MediaError.
        skipped: what was left out.
    """

    root: Path
    check: Check
    duration: Duration | None = None
    skipped: list[Skipped] = field(default_factory=list)
    _videos: dict[Path, _Video] = field(default_factory=dict)

    def skip(self, path: Path | str, reason: str) -> None:
        """Name something as left out."""
        self.skipped.append(Skipped(readable(str(path)), reason))

    def open(self, path: Path, half: int | None = None, group: str | None = None) -> str | None:
        """Take in a video, once; gives the reason where it cannot be used."""
        if path not in self._videos:
            video = self._videos[path] = self._opened(path)
            match, told = match_of(_below(path, self.root))
            video.half, video.group = half or told, group or match
        return self._videos[path].fault

    def add(self, mention: Mention) -> None:
        """Take in an action, or name it as left out with the plainest reason."""
        fault = self.open(mention.path, group=mention.group) or self._fault(mention)
        if fault:
            self.skip(mention.path, f"{mention.place}: {fault}")
            return
        video, action = self._videos[mention.path], mention.action
        video.places[action.time_s, action.end_s, action.label] = mention.place
        video.split = mention.split or video.split
        video.actions.append(action)

    def result(self) -> LabelledVideos:
        """Everything taken in, videos in path order.

        Raises:
            DataError: nothing usable was found.
        """
        videos = tuple(_finished(path, self._videos[path]) for path in sorted(self._videos))
        usable = tuple(video for video in videos if self._videos[video.path].fault is None)
        if not any(video.actions for video in usable):
            raise DataError(_nothing(self.root, self.skipped))
        return LabelledVideos(self.root, usable, labels_of(usable), tuple(self.skipped))

    def _opened(self, path: Path) -> _Video:
        if not path.exists():
            return _Video("there is no such file")
        fault = "a folder, not a file" if path.is_dir() else self.check(path)
        if fault or self.duration is None:
            return _Video(fault)
        try:
            return _Video(None, self.duration(path) or None)
        except MediaError as error:
            return _Video(str(error))

    def _fault(self, mention: Mention) -> str | None:
        video, action = self._videos[mention.path], mention.action
        length = video.duration_s
        last = action.time_s if action.end_s is None else action.end_s
        if action.label.casefold() == BACKGROUND:
            return f"the label {BACKGROUND!r} is kept for moments without an action"
        if length is not None and last > length + SLACK_S:
            return f"{last:g} s is after the end of the video, which lasts {length:.1f} s"
        if video.actions and (video.split or mention.split) != (mention.split or video.split):
            return f"the video is {video.split}, by an earlier row, and cannot be {mention.split} too"
        before = video.places.get((action.time_s, action.end_s, action.label))
        return f"the same as {before}" if before else None


def _below(path: Path, root: Path) -> Path:
    folder = root if root.is_dir() else root.parent
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _finished(path: Path, video: _Video) -> LabelledVideo:
    actions = tuple(sorted(video.actions, key=lambda action: (action.time_s, action.label)))
    halves = {action.half for action in actions}
    half = video.half or (halves.pop() if len(halves) == 1 else None)
    return LabelledVideo(path, actions, half, video.group, video.split, video.duration_s)


def _nothing(root: Path, skipped: list[Skipped]) -> str:
    lines = "; ".join(f"{item.path}: {item.reason}" for item in skipped[:3])
    found = f"Left out {len(skipped)}: {lines}." if skipped else "It is empty."
    return (
        f"{root} holds no usable action. {found} Expected a table with the columns video, time and label, "
        "or SoccerNet's folders with a Labels-v2.json beside the videos of a match."
    )
