"""What belongs together beside copies: bursts, frames of one video, folders of one match.

Names, folders and times propose families of groups. A family is used where it cannot do harm: every class
keeps groups enough to be both learnt and tested. Names must also be borne out by the pictures, since
`image_12` and `image_13` of a search engine have nothing to do with each other.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from preseason.data import near_duplicates
from preseason.data.dataset import Dataset, Sample
from preseason.data.split_names import split_from
from preseason.errors import UsageError

Members = tuple[tuple[int, ...], ...]
NONE = "none"
BURST_S = 10.0
"""Pictures of one camera that follow each other within so many seconds are one burst."""
NEAR_S = 2.0
"""Clips of one video with at most so many seconds between them belong together."""
MIN_EXAMPLES = 4
"""Groups that every class must keep, or as many as it had."""
MIN_PAIRS, BORNE_OUT = 10, 0.7
"""Fewest neighbours by name, and how often they must be more alike than two others of the class."""
COMPARED = 2000
SEED = 0
_COUNTED = re.compile(r"^(?P<stem>.*?[A-Za-z].*?)[\s_.(-]*(?P<number>\d{1,7})\)?$")


@dataclass(frozen=True)
class Family:
    """Groups found in one way.

    Attributes:
        kind: `folders`, `times`, `names`, `recordings` or what the user named.
        groups: how many with two or more examples.
        used: whether they were applied.
        said: why, or why not.
    """

    kind: str
    groups: int
    used: bool
    said: str


@dataclass(frozen=True)
class Clue:
    """What one file tells beyond its name.

    Attributes:
        thumbnail: see `likeness`; None where there is no picture.
        taken: camera and seconds of its clock when the picture was taken; None where nobody knows.
    """

    thumbnail: near_duplicates.Thumbnail | None = None
    taken: tuple[str, float] | None = None


def named_by(pattern: str, dataset: Dataset) -> Dataset:
    """The dataset with groups from a regular expression over each path below the root, or over each text.

    The first group of the expression names the group, the whole match where it has none; what does not
    match stands alone.

    Raises:
        UsageError: no regular expression, or nothing matches.
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"--group {pattern}: no regular expression ({error}), and no column of a table."
        ) from None
    samples = tuple(replace(s, group=_found(wanted, _below(dataset.root, s))) for s in dataset.samples)
    if not any(sample.group for sample in samples):
        example = _below(dataset.root, dataset.samples[0]) if dataset.samples else "nothing"
        raise UsageError(
            f"--group {pattern} matches none of {len(samples)} examples, e.g. {example}. Write a regular "
            "expression over the path whose first group names the match, e.g. --group '(match_[0-9]+)'."
        )
    return replace(dataset, samples=samples)


def ungrouped(dataset: Dataset) -> Dataset:
    """The dataset with every sample by itself."""
    return replace(dataset, samples=tuple(replace(sample, group=None) for sample in dataset.samples))


def proposals(dataset: Dataset, clues: Sequence[Clue]) -> dict[str, Members]:
    """Groups of two or more samples by kind, the surest kind first."""
    return {
        "recordings": _recordings(dataset.samples),
        "times": _bursts(clues),
        "names": _names(dataset.samples, clues),
        "folders": _folders(dataset),
    }


def judged(
    kind: str, members: Members, samples: tuple[Sample, ...], joined: Callable[[Members], Sequence[int]]
) -> Family:
    """Whether a kind of groups can be used: every class keeps `MIN_EXAMPLES` groups, or what it had.

    Args:
        joined: root of every sample when these members hang together as well; of nothing, what it is now.
    """
    short = _short(members, samples, joined)
    if short is not None:
        return Family(kind, len(members), False, _refused(kind, *short))
    return Family(kind, len(members), True, f"{len(members)} {_SAID[kind]}")


def keeps_enough(
    members: Members, samples: tuple[Sample, ...], joined: Callable[[Members], Sequence[int]]
) -> bool:
    """Whether every class keeps `MIN_EXAMPLES` groups, or all it had, if these hang together (`judged`)."""
    return _short(members, samples, joined) is None


def _short(
    members: Members, samples: tuple[Sample, ...], joined: Callable[[Members], Sequence[int]]
) -> tuple[str, int] | None:
    """The first class that is left with too few groups, and how many."""
    before, after = _per_class(joined(()), samples), _per_class(joined(members), samples)
    found = ((label, count) for label, count in after.items() if count < min(MIN_EXAMPLES, before[label]))
    return next(found, None)


_SAID = {
    "recordings": "stretches of videos that touch",
    "times": f"bursts taken within {BURST_S:.0f} s of each other",
    "names": "runs of file names that count on, alike to the eye too",
    "folders": "folders inside the classes",
}


def _refused(kind: str, label: str, left: int) -> str:
    only = "1 group" if left == 1 else f"{left} groups"
    return (
        f"The {kind} of the files hint at groups, but of {label} only {only} would be left to learn and "
        "test: they were not kept together, so the accuracy may flatter."
    )


def _per_class(roots: Sequence[int], samples: tuple[Sample, ...]) -> Counter[str]:
    pairs = {(str(sample.label), root) for sample, root in zip(samples, roots, strict=True)}
    return Counter(label for label, _ in pairs)


def _found(pattern: "re.Pattern[str]", text: str) -> str | None:
    match = pattern.search(text)
    return None if match is None else (match[1] if pattern.groups else match[0]) or None


def _below(root: Path, sample: Sample) -> str:
    return sample.source.below(root if root.is_dir() else root.parent)


def _several(places: dict[object, list[int]]) -> Members:
    return tuple(tuple(each) for each in places.values() if len(each) > 1)


def _chained(times: dict[object, list[tuple[float, float, int]]], gap: float) -> Members:
    """Stretches (start, end, sample) of one source that follow each other with at most `gap` between."""
    found: list[tuple[int, ...]] = []
    for stretches in times.values():
        chain: list[int] = []
        reached = -np.inf
        for start, end, index in sorted(stretches):
            if start > reached + gap:
                found.append(tuple(chain))
                chain = []
            chain.append(index)
            reached = max(reached, end)
        found.append(tuple(chain))
    return tuple(each for each in found if len(each) > 1)


def _recordings(samples: tuple[Sample, ...]) -> Members:
    times: defaultdict[object, list[tuple[float, float, int]]] = defaultdict(list)
    for index, sample in enumerate(samples):
        if sample.span is not None and sample.group is None:
            times[sample.source].append((*sample.span, index))
    return _chained(times, NEAR_S)


def _bursts(clues: Sequence[Clue]) -> Members:
    times: defaultdict[object, list[tuple[float, float, int]]] = defaultdict(list)
    for index, clue in enumerate(clues):
        if clue.taken is not None:
            camera, second = clue.taken
            times[camera].append((second, second, index))
    return _chained(times, BURST_S)


def _folders(dataset: Dataset) -> Members:
    """Samples of one folder inside the class folders; one name is one match, whatever the class."""
    if not dataset.root.is_dir():
        return ()
    places: defaultdict[object, list[int]] = defaultdict(list)
    for index, sample in enumerate(dataset.samples):
        inside = _inside(dataset.root, sample)
        if inside and sample.group is None:
            places[inside].append(index)
    return _several(places) if len(places) > 1 else ()


def _inside(root: Path, sample: Sample) -> str:
    """Folders between the class folder and the file."""
    parts = PurePosixPath(_below(root, sample)).parts[:-1] if sample.source.name else ()
    kept = parts[1:] if parts and split_from(parts[0]) is not None else parts
    return "/".join(kept[1:]) if kept and kept[0].strip() == sample.label else ""


def _names(samples: tuple[Sample, ...], clues: Sequence[Clue]) -> Members:
    """Runs of names that count on, where neighbours by name are more alike than others of the class."""
    places: defaultdict[tuple[str | None, str, str], list[tuple[int, int]]] = defaultdict(list)
    for index, sample in enumerate(samples):
        if not sample.source.name or sample.span is not None or sample.group is not None:
            continue
        match = _COUNTED.match(PurePosixPath(sample.source.name).stem)
        if match is not None:
            key = (sample.label, _folder_of(sample), match["stem"])
            places[key].append((int(match["number"]), index))
    totals = Counter(sample.label for sample in samples)
    runs = [
        [index for _, index in sorted(run)]
        for (label, _, _), run in places.items()
        if 1 < len(run) <= totals[label] / 2
    ]
    return tuple(tuple(run) for run in runs) if runs and _borne_out(runs, samples, clues) else ()


def _folder_of(sample: Sample) -> str:
    """The folder of a file, or the container and folder of a member."""
    return str(sample.source).rpartition(sample.source.name)[0]


def _borne_out(runs: list[list[int]], samples: tuple[Sample, ...], clues: Sequence[Clue]) -> bool:
    """Whether neighbours in a run correlate more than two of the class from different runs do."""
    seen = {index for run in runs for index in run if clues[index].thumbnail is not None}
    near = [(a, b) for run in runs for a, b in pairwise(run) if {a, b} <= seen]
    number = {index: place for place, run in enumerate(runs) for index in run}
    rng, far = np.random.default_rng(SEED), []
    by_label: defaultdict[object, list[int]] = defaultdict(list)
    for index in sorted(seen):
        by_label[samples[index].label].append(index)
    pools = [pool for pool in by_label.values() if len(pool) > 1]
    for _ in range(COMPARED if pools else 0):
        one, other = rng.choice(pools[rng.integers(len(pools))], 2, replace=False)
        if number[int(one)] != number[int(other)]:
            far.append((int(one), int(other)))
    if len(near) < MIN_PAIRS or len(far) < MIN_PAIRS:
        return False
    near = near[:: max(1, len(near) // COMPARED)]
    inside, outside = (np.sort(_correlations(pairs, clues)) for pairs in (near, far))
    below = np.searchsorted(outside, inside, side="left") + np.searchsorted(outside, inside, side="right")
    return float(below.mean() / 2 / len(outside)) >= BORNE_OUT


def _correlations(pairs: list[tuple[int, int]], clues: Sequence[Clue]) -> "np.ndarray":
    wanted = sorted({index for pair in pairs for index in pair})
    thumbs = np.stack([thumb for index in wanted if (thumb := clues[index].thumbnail) is not None])
    rows = near_duplicates.standardised(thumbs)
    place = {index: number for number, index in enumerate(wanted)}
    first, second = ([place[pair[side]] for pair in pairs] for side in (0, 1))
    return np.asarray((rows[first] * rows[second]).sum(axis=1))
