"""Examples without labels, to be predicted: files, folders, globs, in the order given."""

import glob
from collections.abc import Sequence
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import Accept, Found, walk
from preseason.data.layouts.base import Layout, layouts


def matches(root: Path) -> bool:
    """Whether there is anything at `root`."""
    return root.exists()


def read(root: Path, accept: Accept) -> Dataset:
    """Every usable example at or under `root`, without labels.

    Raises:
        DataError: never by itself; an empty result is for the caller to judge.
    """
    return collect([str(root)], accept)


def collect(inputs: Sequence[str | Path], accept: Accept) -> Dataset:
    """Usable examples of files, folders and globs, in the order given.

    A file that is named twice is there twice; folders and globs add what is not there yet. What does not
    exist or cannot be used is named in `skipped`. An existing file whose name holds `*`, `?` or `[` is taken
    as that file.
    """
    named = {Path(text) for text in inputs if str(text).strip() and Path(text).is_file()}
    taken = set(named)
    paths: list[Path] = []
    found = Found()
    for text in inputs:
        if not str(text).strip():
            found.skipped.append(Skipped(repr(str(text)), "an empty name"))
            continue
        for path in _matching(text):
            _gather(path, accept, found)
        paths += [path for path in found.paths if path not in taken or path == Path(text)]
        taken.update(found.paths)
        found.paths.clear()
    root = Path(inputs[0]) if len(inputs) == 1 else Path()
    return Dataset(root, "unlabelled", tuple(Sample(File(path)) for path in paths), (), tuple(found.skipped))


def _matching(text: str | Path) -> list[Path]:
    if Path(text).exists():
        return [Path(text)]
    hits = [Path(hit) for hit in sorted(glob.glob(str(text), recursive=True))]  # noqa: PTH207
    return hits or [Path(text)]


def _gather(path: Path, accept: Accept, found: Found) -> None:
    if not path.is_dir():
        _judge(path, accept, found)
    elif accept.folder(path):
        found.paths.append(path)
    else:
        inside = walk(path, accept)
        found.paths += inside.paths
        found.skipped += inside.skipped


def _judge(path: Path, accept: Accept, found: Found) -> None:
    if path.is_file():
        found.judge(path, accept)
    elif glob.has_magic(str(path)):
        found.skip(path, "nothing matches this pattern")
    else:
        found.skip(path, "there is no such file")


layouts.add("unlabelled", Layout("files, or folders of files", 90, False, matches, read))
