"""Lists of files beside class folders that say which part each belongs to: train.txt, meta/test.txt."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample
from preseason.data.files import files_in, folders_in, readable
from preseason.data.folder_shapes import listed
from preseason.data.split_names import split_from
from preseason.errors import MediaError
from preseason.media.text import read_text

ENDINGS = frozenset({".txt", ".lst", ".csv"})
MOST_BYTES = 50_000_000
FOUND = 0.9
"""Share of the lines that must name an example, each another one."""
Ends = dict[tuple[str, ...], list[int]]


def by_lists(dataset: Dataset, places: Sequence[Path]) -> Dataset:
    """The dataset with the parts that lists of its files say, and a sentence on them; else as it is.

    A list is a text file named as a part, with one file a line: `pasta/1.jpg`, also without its suffix. It
    counts where nearly every line names one example, and no example stands in two of them.

    Args:
        places: folders in which lists are looked for, and the folders in them that no example lies in.
    """
    if any(sample.split for sample in dataset.samples):
        return dataset
    ends = _ends_of(dataset.samples)
    parts: dict[int, str] = {}
    used: list[Path] = []
    read_from = {parent for sample in dataset.samples for parent in _folders(sample)}
    for path in _lists(places, read_from):
        found = _listed_in(path, ends)
        if found and not parts.keys() & found:
            used.append(path)
            parts |= dict.fromkeys(found, str(split_from(path.stem)))
    if len(set(parts.values())) < 2:
        return dataset
    samples = tuple(
        replace(sample, split=parts.get(at, sample.split)) for at, sample in enumerate(dataset.samples)
    )
    named = listed(readable(path.name) for path in used)
    rest = len(samples) - len(parts)
    note = f"The split is that of the lists {named}" + (f"; {rest} examples stand in none." if rest else ".")
    return replace(dataset, samples=samples, notes=(*dataset.notes, note))


def _lists(places: Sequence[Path], read_from: set[Path]) -> Iterator[Path]:
    for place in dict.fromkeys(places):
        folders = [place, *(folder for folder in folders_in(place) if folder not in read_from)]
        for path in (path for folder in folders for path in files_in(folder)):
            if path.suffix.lower() in ENDINGS and split_from(path.stem) and path.stat().st_size < MOST_BYTES:
                yield path


def _listed_in(path: Path, ends: Ends) -> set[int]:
    """The examples that the lines of a file name; none where they are other lines."""
    try:
        lines = [line.strip() for line in read_text(path, MOST_BYTES).splitlines() if line.strip()]
    except MediaError:
        return set()
    named = [ends.get(_end(line), []) for line in lines]
    found = {hits[0] for hits in named if len(hits) == 1}
    return found if lines and len(found) >= FOUND * len(lines) else set()


def _ends_of(samples: Sequence[Sample]) -> Ends:
    """Examples by their folder and name, with and without its suffix."""
    found: Ends = defaultdict(list)
    for at, sample in enumerate(samples):
        if isinstance(sample.source, File):
            path = sample.source.path
            for name in dict.fromkeys((path.name, path.stem)):
                found[path.parent.name, name].append(at)
    return found


def _folders(sample: Sample) -> Sequence[Path]:
    return sample.source.path.parents if isinstance(sample.source, File) else ()


def _end(line: str) -> tuple[str, ...]:
    return tuple(line.replace("\\", "/").rsplit("/", 2)[-2:])
