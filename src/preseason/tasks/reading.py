"""From what a user names to an audited dataset."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.data.audit import audit
from preseason.data.dataset import Dataset, File, Sample, Skipped
from preseason.data.files import Accept, Columns, files_in
from preseason.data.groups import NONE
from preseason.data.layouts.inputs import collect as collect_texts
from preseason.data.layouts.inputs import collect_files
from preseason.data.layouts.texts import named as texts_named
from preseason.data.layouts.texts import table_of
from preseason.data.rows import is_table, read_rows
from preseason.data.spellings import joined
from preseason.errors import DataError, UsageError
from preseason.formatting import did_you_mean
from preseason.media.content import opening_failure
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Progress, Silent
from preseason.stores.mirror import here
from preseason.tasks.base import tasks

if TYPE_CHECKING:
    from preseason.data.audit import Audit
    from preseason.tasks.base import Task

NOT_NAMED = Columns()
LABELS = "classification"
"""The problem of examples that bear one label each."""
LOOKED_AT = 40
"""Examples that are looked at to tell of what kind they are."""


def task_for(root: Path | Dataset, columns: Columns = NOT_NAMED) -> "Task":
    """The task that recognises what lies at `root`; columns of texts, or the task itself, where named.

    Raises:
        DataError: nothing is there.
        UsageError: there is no such task.
    """
    if isinstance(root, Dataset):
        return tasks.get(columns.task) if columns.task else _task_of(root)
    if not root.exists():
        expected = "Expected a folder with one folder of photos for each label."
        raise DataError(f"There is no {root}. {expected}", code="PS-D02")
    if columns.task is not None:
        return tasks.get(columns.task)
    ranked = sorted((tasks.get(name) for name in tasks), key=lambda task: task.rank)
    if texts_named(root, columns):
        return next(task for task in ranked if task.accept.cells)
    return next(task for task in ranked if task.recognises(root))


def _task_of(dataset: Dataset) -> "Task":
    """The task whose kind of examples most of the first samples are; of texts, where no sample is a file."""
    ranked = sorted((tasks.get(name) for name in tasks), key=lambda task: task.rank)
    ranked = [task for task in ranked if task.problem == LABELS]
    files = [sample.path for sample in dataset.samples if isinstance(sample.source, File)][:LOOKED_AT]
    if not files:
        return next(task for task in ranked if task.accept.cells)
    taken = [sum(_takes(task.accept, path) for path in files) for task in ranked]
    return ranked[taken.index(max(taken))]


def _takes(accept: Accept, path: Path) -> bool:
    return accept.folder(path) if path.is_dir() else accept.file(path) is None


def read(data: str | Path, progress: Progress | None = None, columns: Columns = NOT_NAMED) -> "Audit":
    """Read labelled data: samples, skipped files, duplicates and conflicting labels.

    Args:
        data: a folder or file, or its address in a store, e.g. `s3://bucket/photos`.
        columns: what is named of a table, of the layout and of the task; the rest is guessed.

    Returns:
        What was found; `account` says in a sentence what was taken for what.

    Raises:
        DataError: nothing usable is there, or it can be read in two ways.
        UsageError: no task or layout has the name given.
    """
    root = here(data, cache_folder())
    return read_for(task_for(root, columns), root, progress, columns)


def read_for(
    task: "Task", root: Path | Dataset, progress: Progress | None = None, columns: Columns = NOT_NAMED
) -> "Audit":
    """As `read`, for a task that was found before; a data set is taken as it is.

    Raises:
        DataError: it contains nothing usable.
        UsageError: a column of a table is named, and there is no table.
    """
    if isinstance(root, Dataset):
        dataset, pattern = root, _pattern_of(columns)
    else:
        column, pattern = group_of(root, columns.group)
        accept = replace(accept_of(task, columns), group=column, layout=columns.layout)
        dataset = joined(task.read(root, accept), rename=columns.rename)
    audited = audit(dataset, task.signature, progress or Silent(), group=pattern)
    return replace(audited, task=task.name, noun=task.noun)


def _pattern_of(columns: Columns) -> str | None:
    """The regular expression of `--group`; nothing else of how data are read applies to a data set."""
    others = (("--layout", columns.layout), ("--rename", columns.rename))
    named = (*columns.named, *(flag for flag, value in others if value))
    if named:
        raise UsageError(f"{', '.join(named)}: the examples are given one by one, with their labels.")
    return columns.group


def read_labelled(
    task: "Task", root: Path | Dataset, columns: Columns, known: Sequence[str] = ()
) -> tuple[Dataset, tuple[str, ...]]:
    """Labelled examples for a model that knows the labels `known`, and what was joined to these.

    Raises:
        DataError: nothing usable is there.
        UsageError: a column or a label that was named is not there.
    """
    found = root
    if not isinstance(found, Dataset):
        found = task.read(found, replace(accept_of(task, columns), layout=columns.layout))
    one = joined(found, known, columns.rename)
    return one, one.notes[len(found.notes) :]


def group_of(root: Path, named: str | None) -> tuple[str | None, str | None]:
    """What `--group` means: a column of the table at `root`, or a regular expression (`none` as well).

    Raises:
        UsageError: it is neither: no such column, and nothing that looks like an expression.
    """
    if named is None or named == NONE:
        return None, named
    header = _header(root)
    if named in header:
        return named, None
    if named.isidentifier() and header:
        hint = did_you_mean(named, header)
        raise UsageError(
            f"--group {named}: the table has no such column.{hint} Found the columns "
            f"{', '.join(filter(None, header)) or '(none)'}."
        )
    return None, named


def _header(root: Path) -> tuple[str, ...]:
    """Columns of the table at `root`; none where there is no table."""
    inside = [root] if root.is_file() else files_in(root)
    tables = [path for path in inside if is_table(path)]
    return read_rows(tables[0], limit=1)[0] if len(tables) == 1 else ()


def accept_of(task: "Task", columns: Columns) -> Accept:
    """What the task takes, with the columns that the user named.

    Raises:
        UsageError: a column of texts is named, and it reads none.
    """
    if columns.text and not task.accept.cells:
        raise UsageError(
            f"--text: {task.noun} are read from files, expected a table of texts. Name the column of the "
            "files with --path."
        )
    return replace(task.accept, columns=columns)


def read_inputs(
    inputs: "tuple[str | Path, ...]", task: "Task", columns: Columns = NOT_NAMED
) -> tuple[tuple[Sample, ...], tuple[Skipped, ...]]:
    """Unlabelled samples with fingerprints, in the order asked, and what could not be read.

    A table stands for the files or texts of its rows. Where texts are examples, an input that is no file is a
    text itself.

    Raises:
        DataError: it is not clear which column of a table of texts holds them.
        UsageError: a column that was named is not there.
    """
    accept = accept_of(task, columns)
    if not accept.cells:
        return fingerprinted(collect_files(inputs, accept), task)
    return fingerprinted(collect_texts(inputs, accept), task)


def has_column(inputs: Sequence[str | Path], name: str | None) -> bool:
    """Whether a column is called `name` in every table among `inputs`."""
    tables = [table for given in inputs if (table := _table(given)) is not None]
    return name is not None and all(name in _columns_of(table) for table in tables)


def _columns_of(table: Path) -> tuple[str, ...]:
    try:
        return read_rows(table, limit=1)[0]
    except DataError:  # what is wrong with it is told where it is read
        return ()


def _table(given: str | Path) -> Path | None:
    try:
        return table_of(Path(given))
    except (OSError, ValueError):  # a text, longer than a path may be
        return None


def fingerprinted(found: Dataset, task: "Task") -> tuple[tuple[Sample, ...], tuple[Skipped, ...]]:
    """The samples with the fingerprint of their content; unreadable files are skipped."""
    samples, skipped = [], list(found.skipped)
    for sample in found.samples:
        try:
            samples.append(replace(sample, fingerprint=task.fingerprint(sample)))
        except OSError as error:
            skipped.append(Skipped(str(sample.source), opening_failure(error)))
    return tuple(samples), tuple(skipped)
