"""Labels of Audacity: a text file beside each recording, with start, end and label in a line."""

from collections.abc import Iterator
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import Accept, files_in, label_from, readable
from preseason.data.layouts.base import Layout, layouts
from preseason.errors import MediaError
from preseason.media.text import read_text

POINT_S = 0.5
"""A label without a length stands for so many seconds on either side."""
FEWEST_GROUPS = 4
"""Recordings from which on each is a group of its own."""
Line = tuple[float, float, str]


def matches(root: Path) -> bool:
    """Whether a file of labels lies beside another file of its name at `root`."""
    return root.is_dir() and next(_pairs(root), None) is not None


def read(root: Path, accept: Accept) -> Dataset:
    """A sample for each label whose recording lies beside it; what has none is named.

    Raises:
        DataError: never by itself; an empty result is for the caller to judge.
    """
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    pairs = list(_pairs(root))
    several = len(pairs) >= FEWEST_GROUPS
    for table, recording in pairs:
        reason = accept.file(recording)
        if reason is not None:
            skipped.append(Skipped(readable(str(recording)), reason))
            continue
        lines, faults = _read(table)
        skipped += [Skipped(readable(str(table)), fault) for fault in faults]
        group = recording.stem if several else None
        samples += [Sample(File(recording), label, group, (start, end)) for start, end, label in lines]
    labels = tuple(sorted({sample.label for sample in samples if sample.label is not None}))
    return Dataset(root, "audacity", tuple(samples), labels, tuple(skipped))


def _pairs(root: Path) -> Iterator[tuple[Path, Path]]:
    """Files of labels with the recordings of their name."""
    inside = files_in(root)
    named = {path.stem: path for path in inside if path.suffix.lower() != ".txt"}
    for table in inside:
        if table.suffix.lower() == ".txt" and table.stem in named and _read(table)[0]:
            yield table, named[table.stem]


def _read(table: Path) -> tuple[list[Line], list[str]]:
    """Lines of a file of labels, and what is wrong with the others."""
    try:
        text = read_text(table)
    except MediaError:
        return [], []
    lines, faults = [], []
    for number, line in enumerate(text.splitlines(), 1):
        # A line that begins with a backslash tells the frequencies of the label before it.
        if not line.strip() or line.startswith("\\"):
            continue
        try:
            lines.append(_line(line))
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    return lines, faults


def _line(text: str) -> Line:
    parts = text.split("\t", 2)
    if len(parts) < 3 or not label_from(parts[2]):
        raise ValueError("expected start, end and label, parted by tabs")
    start, end = (float(part.replace(",", ".")) for part in parts[:2])
    if not 0 <= start <= end < float("inf"):
        raise ValueError("start and end are no seconds with start before end")
    if start == end:
        start, end = max(0.0, start - POINT_S), end + POINT_S
    return start, end, label_from(parts[2])


layouts.add(
    "audacity",
    Layout(
        "recordings with Audacity's label files beside them (match.wav, match.txt)", 14, True, matches, read
    ),
)
