"""What names of recordings tell: who speaks, or which recording a sound was cut from."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from preseason.data.dataset import Dataset, Sample

FIELD = re.compile(r"[_\-. ]+")
SPEAKER = re.compile(r"(?:spk|spkr|speaker|subject|subj|sub|actor|person|p|s|id)\d+", re.IGNORECASE)
IDENTITY = re.compile(r"(?=.*\d)(?:\d{4,}|[0-9a-f]{6,}|[a-z]+\d{3,})", re.IGNORECASE)
"""Numbers of four digits and more, and the digests that collections name their speakers by."""
FEWEST, MOST = 2, 200
"""Speakers that a collection may have."""
MOST_SOURCES = 0.95
"""Of the sounds: where nearly every one has a number of its own, numbers join nothing."""


@dataclass(frozen=True)
class Named:
    """A field of the names that says what belongs together.

    Attributes:
        kind: `speaker` or `recording`.
        place: of the field, counted from 0.
        values: of every sample.
    """

    kind: str
    place: int
    values: tuple[str, ...]


def grouped(dataset: Dataset) -> Dataset:
    """The dataset with groups by speaker or recording where names tell, and a note that says so.

    Groups that a table declares stand; where the layout names parts the field is told all the same.
    """
    if any(sample.group for sample in dataset.samples):
        return dataset
    found = named_by_fields(dataset.samples)
    if found is None:
        return dataset
    samples = tuple(
        replace(sample, group=f"{found.kind} {value}")
        for sample, value in zip(dataset.samples, found.values, strict=True)
    )
    count = len(set(found.values))
    note = (
        f"The names of the files tell {count} {found.kind}s, e.g. {found.values[0]} in "
        f"{dataset.samples[0].source.name}: what is of one {found.kind} stays on one side of every split. "
        "--group says otherwise (--group none for no groups)."
    )
    return replace(dataset, samples=samples, notes=(*dataset.notes, note))


def named_by_fields(samples: Sequence[Sample]) -> Named | None:
    """The field of the names that tells speakers, else the one that tells recordings; or None."""
    split = [FIELD.split(PurePath(sample.source.name).stem) for sample in samples]
    if len(samples) < 8 or len({len(fields) for fields in split}) != 1 or len(split[0]) < 2:
        return None
    columns = [tuple(values) for values in zip(*split, strict=True)]
    labels = [str(sample.label) for sample in samples]
    kinds = {place: _kind(values, labels) for place, values in enumerate(columns)}
    for wanted in ("speaker", "recording"):
        place = next((place for place, kind in kinds.items() if kind == wanted), None)
        if place is not None:
            return Named(wanted, place, columns[place])
    return None


def _kind(values: Sequence[str], labels: Sequence[str]) -> str:
    """What a field names: `speaker`, `recording` or nothing."""
    count = len(set(values))
    if _says_label(values, labels):
        return ""
    crosses = _crosses(values, labels)
    if FEWEST <= count <= MOST and crosses and all(map(_names_someone, set(values))):
        return "speaker"
    if not all(IDENTITY.fullmatch(value) for value in set(values)):
        return ""
    if crosses and count <= len(values) / 2:
        return "speaker"
    return "recording" if 2 <= count <= MOST_SOURCES * len(values) else ""


def _names_someone(value: str) -> bool:
    """Whether a value is a name, or a number with what it counts before it; a letter alone is a take."""
    return bool(SPEAKER.fullmatch(value)) or (len(value) > 2 and value.isalpha())


def _crosses(values: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether most values stand beside several labels each."""
    beside = defaultdict(set)
    for value, label in zip(values, labels, strict=True):
        beside[value].add(label)
    several = sum(len(found) > 1 for found in beside.values())
    return len(set(labels)) > 1 and several >= 0.8 * len(beside)


def _says_label(values: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether a field is the label in other words: one value for each label, one label for each value."""
    pairs = Counter(zip(values, labels, strict=True))
    return len(pairs) == len(set(values)) == len(set(labels))
