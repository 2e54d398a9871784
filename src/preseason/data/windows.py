"""From labelled matches to training windows: actions, near misses and quiet moments.

A window is a few seconds of a video, a `Sample` with a span. A spotter must learn what an action looks like
and when it is not there: so beside the windows on actions there are some just outside the tolerance (near
misses) and some far from any action (quiet moments), both labelled `BACKGROUND`.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from preseason.data.actions import BACKGROUND, Action, LabelledVideo
from preseason.data.dataset import File, Sample
from preseason.errors import UsageError

MAX_WINDOW_S = 4.0
MIN_WINDOW_S = 0.5
Room = list[tuple[float, float]]


@dataclass(frozen=True)
class WindowPlan:
    """How training windows are cut.

    Attributes:
        length_s: of a window; None takes `fitting_length` of the videos.
        copies: windows for each action: one centred on it, the others shifted.
        shift_s: how far those may be shifted either way; None takes half the tolerance.
        tolerance_s: nearer than this to an action a moment counts as the action; None takes a quarter of
            the length.
        near_misses: windows for each action, centred one to two tolerances away from it.
        quiet: windows for each action, at moments of which no action is in the window.
        unshown: whether actions that the pictures do not show are learnt as well. No window of background is
            ever taken near them.
    """

    length_s: float | None = None
    copies: int = 3
    shift_s: float | None = None
    tolerance_s: float | None = None
    near_misses: int = 1
    quiet: float = 2.0
    unshown: bool = False

    def __post_init__(self) -> None:
        least = {"length_s": 1e-3, "tolerance_s": 1e-3, "shift_s": 0}
        least |= {"copies": 1, "near_misses": 0, "quiet": 0}
        given = {name: getattr(self, name) for name in least}
        faults = [
            f"{name}={value}: expected {least[name]:g} or more"
            for name, value in given.items()
            if value is not None and not (least[name] <= value < math.inf)
        ]
        if faults:
            raise UsageError(f"Windows cannot be cut so: {'; '.join(faults)}.")


def fitting_length(videos: Iterable[LabelledVideo]) -> float:
    """Seconds of a window that suit the actions, between half a second and four.

    It is 1.5 times the usual length of an action where they have ends, else the usual time from one action to
    the next, so that most windows show one action only.
    """
    videos = tuple(videos)
    lengths = [a.end_s - a.time_s for video in videos for a in video.actions if a.end_s is not None]
    gaps = [gap for video in videos for gap in np.diff(_moments(video.actions)).tolist() if gap > 0]
    usual = 1.5 * float(np.median(lengths)) if lengths else float(np.median(gaps)) if gaps else MAX_WINDOW_S
    return min(max(round(usual, 3), MIN_WINDOW_S), MAX_WINDOW_S)


def windows(
    videos: Sequence[LabelledVideo], plan: WindowPlan | None = None, seed: int = 0
) -> tuple[Sample, ...]:
    """Training windows of all videos: for each its actions, near misses and quiet moments, in order of time.

    All windows have the plan's length (the whole video where that is shorter) and lie inside their video;
    near its ends they are moved inwards. Each carries the video's match as its group. The same videos, plan
    and seed give the same windows; where the plan says the length, those on an action stay the same when
    other actions or videos are added.

    Args:
        videos: with their actions; where a video's duration is unknown it is taken to end with the window
            on its last action.
        plan: how they are cut.
        seed: of the shifts and of the moments without action.

    Raises:
        UsageError: an action is labelled as background.
    """
    plan = plan or WindowPlan()
    _refuse_reserved(videos)
    length_s = plan.length_s if plan.length_s is not None else fitting_length(videos)
    found: list[Sample] = []
    for video in videos:
        cutter = _Cutter(video, plan, length_s, seed)
        found += sorted(cutter.samples(), key=lambda sample: (sample.span or (0.0, 0.0), sample.label or ""))
    return tuple(found)


class _Cutter:
    """The windows of one video."""

    def __init__(self, video: LabelledVideo, plan: WindowPlan, length_s: float, seed: int) -> None:
        moments = _moments(video.actions)
        end_s = video.duration_s or max(moments, default=0.0) + length_s / 2
        self.video, self.plan, self.seed = video, plan, seed
        self.length_s, self.end_s = min(length_s, end_s), end_s
        self.tolerance_s = length_s / 4 if plan.tolerance_s is None else plan.tolerance_s
        self.shift_s = self.tolerance_s / 2 if plan.shift_s is None else plan.shift_s
        self.moments = moments

    def samples(self) -> Iterator[Sample]:
        """All windows of the video, in no order."""
        shown = [action for action in self.video.actions if action.visible or self.plan.unshown]
        for action in shown:
            yield from self._on(action)
        missed = [centre for action in shown for centre in self._near(action)]
        centres = missed + self._quiet(math.ceil(self.plan.quiet * max(len(shown), 1)))
        yield from (self._sample(centre, BACKGROUND) for centre in dict.fromkeys(centres))

    def _on(self, action: Action) -> Iterator[Sample]:
        random = self._random("on", action)
        shifts = random.uniform(-self.shift_s, self.shift_s, self.plan.copies - 1)
        spans = dict.fromkeys(self._span(action.moment_s + shift) for shift in [0.0, *shifts.tolist()])
        yield from (self._window(span, action.label) for span in spans)

    def _near(self, action: Action) -> list[float]:
        """Centres one to two tolerances away from an action and at least one from every other."""
        at, reach = action.moment_s, self.tolerance_s
        around = [(at - 2 * reach, at - reach), (at + reach, at + 2 * reach)]
        room = _without(self._inside(around), self.moments, reach)
        return _drawn(room, self.plan.near_misses, self._random("near", action))

    def _quiet(self, count: int) -> list[float]:
        """Centres so far from every action that none is in the window, nor within a tolerance of it."""
        apart = self.length_s / 2 + self.tolerance_s
        room = _without(self._inside([(0.0, self.end_s)]), self.moments, apart)
        return _drawn(room, count, self._random("quiet"))

    def _inside(self, room: Room) -> Room:
        """The part of `room` that centres may lie in, so that windows end inside the video."""
        low, high = self.length_s / 2, self.end_s - self.length_s / 2
        cut = [(max(begin, low), min(end, high)) for begin, end in room]
        return [(begin, end) for begin, end in cut if begin < end]

    def _span(self, centre_s: float) -> tuple[float, float]:
        begin = min(max(centre_s - self.length_s / 2, 0.0), self.end_s - self.length_s)
        return round(begin, 3), round(begin + self.length_s, 3)

    def _sample(self, centre_s: float, label: str) -> Sample:
        return self._window(self._span(centre_s), label)

    def _window(self, span: tuple[float, float], label: str) -> Sample:
        video = self.video
        return Sample(File(video.path), label, video.group or video.path.as_posix(), span, video.split)

    def _random(self, what: str, action: Action | None = None) -> np.random.Generator:
        """Chance that depends on the video and the action, not on what else there is."""
        named = (action.label, round(action.moment_s * 1000)) if action else ()
        key = (self.seed, what, self.video.path.parent.name, self.video.path.name, *named)
        digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
        return np.random.default_rng(int.from_bytes(digest))


def _moments(actions: Iterable[Action]) -> list[float]:
    return sorted(action.moment_s for action in actions)


def _without(room: Room, moments: list[float], apart_s: float) -> Room:
    """`room` less everything nearer than `apart_s` to one of the moments, which rise."""
    left: Room = []
    for begin, end in room:
        start = begin
        for moment in moments:
            if moment + apart_s <= start or moment - apart_s >= end:
                continue
            if moment - apart_s > start:
                left.append((start, moment - apart_s))
            start = moment + apart_s
        if start < end:
            left.append((start, end))
    return left


def _drawn(room: Room, count: int, random: np.random.Generator) -> list[float]:
    """`count` moments spread evenly by chance over `room`; none where there is no room."""
    ends = np.cumsum([end - begin for begin, end in room])
    if not count or not len(ends):
        return []
    places = np.sort(random.uniform(0, ends[-1], count))
    pieces = np.minimum(np.searchsorted(ends, places, side="right"), len(room) - 1)
    return [
        room[piece][1] - (float(ends[piece]) - place)
        for piece, place in zip(pieces.tolist(), places.tolist(), strict=True)
    ]


def _refuse_reserved(videos: Iterable[LabelledVideo]) -> None:
    for video in videos:
        if any(action.label.casefold() == BACKGROUND for action in video.actions):
            raise UsageError(
                f"{video.path} has actions labelled {BACKGROUND!r}, which stands for moments without one. "
                "Leave these rows out: quiet moments are found between the actions."
            )
