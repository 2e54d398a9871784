"""Examples without labels, to be predicted: files, folders, globs, in the order given."""

import glob
from collections.abc import Sequence
from pathlib import Path

from preseason.data.dataset import Dataset, File, Sample
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
    """Usable examples of files, folders and globs, in the order given, each path once.

    What does not exist or cannot be used is named in `skipped`. An existing file whose name holds `*`,
    `?` or `[` is taken as that file.
    """
    found = Found()
    for text in inputs:
        for path in _matching(text):
            _gather(path, accept, found)
    unique = dict.fromkeys(found.paths)
    root = Path(inputs[0]) if len(inputs) == 1 else Path()
    return Dataset(root, "unlabelled", tuple(Sample(File(path)) for path in unique), (), tuple(found.skipped))


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
