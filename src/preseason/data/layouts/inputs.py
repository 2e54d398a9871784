"""Examples to be answered, as they come: written on the command line, in files, in tables."""

from collections.abc import Sequence
from pathlib import Path

from preseason.data.dataset import Dataset, Sample, Skipped, Text
from preseason.data.files import Accept, readable
from preseason.data.layouts import table, texts, unlabelled
from preseason.data.rows import SUFFIXES as TABLES
from preseason.data.rows import is_table
from preseason.errors import DataError
from preseason.media.text import SUFFIXES


def collect(inputs: Sequence[str | Path], accept: Accept) -> Dataset:
    """Samples of every input in the order given: a file's path, a table's texts, or the input itself.

    An input that is no file, folder or pattern of files is a text, and so is a word that happens to be the
    name of a folder, `.` or `*`: folders are named with a slash (`reports/`) or as a `Path`. One that looks
    like the name of a file is named as missing.

    Raises:
        DataError: a table is the only input, and it is not clear which of its columns holds the texts.
        UsageError: a column that was named is not there.
    """
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for given in inputs:
        found = _one(given, accept, len(inputs))
        samples += found.samples
        skipped += found.skipped
    return Dataset(Path(), "loose", tuple(samples), (), tuple(skipped))


def collect_files(inputs: Sequence[str | Path], accept: Accept) -> Dataset:
    """Samples of every input in the order given: files, what folders and patterns hold, and what tables name.

    A table that lies among its own files, as in `photos/*`, adds none of them again; one that names no files
    is named in `skipped`.

    Raises:
        UsageError: a column that was named is not there.
    """
    tables = [given for given in inputs if _is_table_of_files(given, accept)]
    found = unlabelled.collect([given for given in inputs if given not in tables], accept)
    if not tables:
        return found
    taken = {sample.path.resolve() for sample in found.samples}
    rows: dict[str | Path, tuple[Sample, ...]] = {}
    skipped = list(found.skipped)
    for given in tables:
        try:
            read = table.read_unlabelled(Path(given), accept)
        except DataError as error:
            skipped.append(Skipped(readable(str(given)), str(error).removesuffix(".")))
            continue
        rows[given] = tuple(sample for sample in read.samples if sample.path.resolve() not in taken)
        skipped += read.skipped
    ordered = _in_order(inputs, tables, rows, found, accept)
    return Dataset(found.root, "unlabelled", ordered, (), tuple(skipped))


def _in_order(
    inputs: Sequence[str | Path],
    tables: Sequence[str | Path],
    rows: dict[str | Path, tuple[Sample, ...]],
    found: Dataset,
    accept: Accept,
) -> tuple[Sample, ...]:
    """The samples of files and of tables, as their inputs were named."""
    left = list(found.samples)
    ordered: list[Sample] = []
    for given in inputs:
        if given in tables:
            ordered += rows.pop(given, ())
            continue
        own = {sample.path for sample in unlabelled.collect([given], accept).samples}
        while left and left[0].path in own:
            ordered.append(left.pop(0))
    return (*ordered, *left)


def _is_table_of_files(given: str | Path, accept: Accept) -> bool:
    """Whether an input is a table, and no example by itself."""
    path = _existing(given) if str(given).strip() else None
    return path is not None and path.is_file() and is_table(path) and accept.file(path) is not None


def _one(given: str | Path, accept: Accept, inputs: int) -> Dataset:
    if isinstance(given, str) and not _may_name_files(given):
        return _as_text(given)
    path = _existing(given)
    if path is not None and path.is_file() and is_table(path):
        return _of_texts(path, accept, inputs)
    found = unlabelled.collect([given], accept) if path is not None or _is_short(given) else None
    if found is not None and (path is not None or found.samples):
        return found
    if isinstance(given, Path) or _names_a_file(given):
        return Dataset(Path(), "loose", (), (), (Skipped(readable(str(given)), "there is no such file"),))
    return _as_text(given)


def _of_texts(path: Path, accept: Accept, inputs: int) -> Dataset:
    """The texts of a table; one that cannot be read ends the answers only where nothing else is asked."""
    try:
        return texts.read_unlabelled(path, accept.columns)
    except DataError as error:
        if inputs == 1:
            raise
        return Dataset(Path(), "loose", (), (), (Skipped(readable(str(path)), str(error)),))


def _may_name_files(given: str) -> bool:
    """Whether a text may name files at all: it has a slash in it, or the ending of a file."""
    name = given.strip()
    return any(slash in name for slash in "/\\") or Path(name).suffix != ""


def _as_text(given: str) -> Dataset:
    if not given.strip():
        return Dataset(Path(), "loose", (), (), (Skipped(repr(given), "an empty text"),))
    return Dataset(Path(), "loose", (Sample(Text(readable(given.strip()))),), ())


def _existing(given: str | Path) -> Path | None:
    try:
        return Path(given) if Path(given).exists() else None
    except (OSError, ValueError):  # longer than a path may be, or with a zero in it
        return None


def _is_short(given: str | Path) -> bool:
    """Whether it may be a pattern of files at all."""
    return len(str(given)) < 1000 and "\x00" not in str(given) and "\n" not in str(given)


def _names_a_file(given: str) -> bool:
    return Path(given).suffix.lower() in SUFFIXES | TABLES and " " not in given.strip()
