"""Actions in long videos: windows around their times are learnt, and moments without one as background."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.data.actions import LabelledVideo, LabelledVideos
from preseason.data.clock import clock
from preseason.data.dataset import Dataset, Sample
from preseason.data.files import Accept, readable
from preseason.data.labelled_videos import holds_actions
from preseason.data.labelled_videos import read as read_videos
from preseason.data.windows import windows
from preseason.inference.candidates import Candidate
from preseason.media import video
from preseason.recipe import Recipe
from preseason.tasks.base import tasks
from preseason.tasks.clips import Clips

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone

MIN_GROUPS = 4
"""Matches that cross-validation needs; of fewer, stretches of time take the place of matches."""

MIDDLE = 1 / 3
"""Share of a window that is looked at closely: a pass lasts a third of the time from one to the next."""
CLOSELY = {"statistics": "statistics of the middle", "attention": "attention to the middle"}


class Actions(Clips):
    """The task of spotting: clips are windows cut out of long videos, and fitting is that of clips.

    The last blocks are fine-tuned only when asked for: a long video would take hours.
    """

    name = "actions"
    noun = "windows"
    problem = "spotting"
    singular = "window"
    scouted: tuple[str, ...] = ("image",)
    rank = 20
    tuned_by_default = False

    def read(self, root: Path, accept: Accept) -> Dataset:
        """Windows of all labelled videos, in groups by match, or by stretch of time where matches are few."""
        found = labelled(root)
        samples = windows(found.videos)
        if len({sample.group for sample in samples}) < MIN_GROUPS:
            samples = _by_stretch(samples)
        labels = tuple(sorted({str(sample.label) for sample in samples}))
        return Dataset(root, "actions", samples, labels, found.skipped, _at_one_time(found.videos))

    def candidates(
        self, recipe: Recipe, backbone: "Backbone", samples: Sequence[Sample] = ()
    ) -> tuple[Candidate, ...]:
        """Those of clips; where none is named, two of them on the middle of the window as well."""
        found = super().candidates(recipe, backbone, samples)
        if recipe.head != "auto" or recipe.unfreeze not in ("auto", "0"):
            return found
        close = [
            replace(candidate, name=CLOSELY[candidate.name], spec=replace(candidate.spec, middle=MIDDLE))
            for candidate in found
            if candidate.name in CLOSELY
        ]
        return (*found[: len(close)], *close, *found[len(close) :])

    def describe(self, recipe: Recipe, backbone: "Backbone") -> str:
        """What is tried when nothing is asked for."""
        return f"{super().describe(recipe, backbone)}; the middle of a window is looked at closely as well"

    def recognises(self, root: Path) -> bool:
        """Whether there are times of actions at `root`."""
        return holds_actions(root, duration_s)


def labelled(root: Path) -> LabelledVideos:
    """The labelled videos at `root`, each with its length.

    Raises:
        DataError: nothing usable is there.
    """
    return read_videos(root, video.check, duration_s)


def duration_s(path: Path) -> float:
    """Declared seconds of a video.

    Raises:
        MediaError: it cannot be read.
    """
    return video.facts(path).duration_s


def _at_one_time(videos: Sequence[LabelledVideo]) -> tuple[str, ...]:
    """A sentence on moments with several labels; none where there are none."""
    labels: defaultdict[tuple[Path, float], list[str]] = defaultdict(list)
    for each in videos:
        for action in each.actions:
            labels[each.path, action.time_s].append(action.label)
    several = [(place, names) for place, names in labels.items() if len(names) > 1]
    if not several:
        return ()
    (path, time_s), names = several[0]
    what = "1 moment bears" if len(several) == 1 else f"{len(several)} moments bear"
    return (
        f"{what} several labels, such as {' and '.join(names)} at {clock(time_s)} of {readable(path.name)}: "
        "all are learnt and spotted, and equal windows under several labels leave the score.",
    )


def _by_stretch(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Groups of neighbouring windows, parted only where no two overlap."""
    ordered = sorted(samples, key=lambda sample: (str(sample.source), sample.span))
    wished = max(1, len(ordered) // (4 * MIN_GROUPS))
    found: list[Sample] = []
    number, size, until, source = 0, 0, 0.0, ""
    for sample in ordered:
        assert sample.span is not None
        apart = str(sample.source) != source or sample.span[0] >= until
        if apart and (size >= wished or str(sample.source) != source):
            number, size, until = number + 1, 0, 0.0
        source, until, size = str(sample.source), max(until, sample.span[1]), size + 1
        found.append(replace(sample, group=f"stretch {number} of {Path(source).name}"))
    return tuple(found)


tasks.add("actions", Actions())
