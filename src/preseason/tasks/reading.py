"""From what a user names to an audited dataset."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.data.audit import audit
from preseason.data.dataset import Dataset, File, Member, Sample, Skipped
from preseason.data.files import Accept, Columns, files_in
from preseason.data.groups import NONE
from preseason.data.layouts.inputs import collect as collect_texts
from preseason.data.layouts.inputs import collect_files
from preseason.data.layouts.texts import named as texts_named
from preseason.data.layouts.texts import table_of
from preseason.data.rows import is_table, read_rows
from preseason.data.shards import Shards, first_members, read_shards, shards_at, shards_in
from preseason.data.spellings import joined
from preseason.errors import DataError, UsageError
from preseason.formatting import did_you_mean
from preseason.media.content import opening_failure
from preseason.recipe import Recipe
from preseason.runtime.addresses import is_address
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Progress, Silent
from preseason.stores.mirror import fetched
from preseason.stores.store import store_at
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
    if columns.task is None and (shards := shards_at(root)) is not None:
        return _task_of_shards(shards)
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
    if any(sample.boxes is not None for sample in dataset.samples):
        return next(task for task in ranked if getattr(task, "boxed", False))
    ranked = [task for task in ranked if task.problem == LABELS]
    files = [sample.path for sample in dataset.samples if isinstance(sample.source, File)][:LOOKED_AT]
    inside = [each.source for each in dataset.samples if isinstance(each.source, Member)][:LOOKED_AT]
    if inside:
        heads = [(each.head(), each.name) for each in inside]
        return max(ranked, key=lambda task: sum(_takes_head(task.accept, *each) for each in heads))
    if not files:
        return next(task for task in ranked if task.accept.cells)
    taken = [sum(_takes(task.accept, path) for path in files) for task in ranked]
    return ranked[taken.index(max(taken))]


def _task_of_shards(shards: Shards) -> "Task":
    """The task whose kind of examples most of the first files in shards are; sidecars count little."""
    members = first_members(shards)
    ranked = sorted((tasks.get(name) for name in tasks), key=lambda task: task.rank)
    reading = [task for task in ranked if task.problem == LABELS and task.accept.member is not None]

    def taken(task: "Task") -> int:
        accepts = task.accept.member
        return sum(accepts is not None and accepts(*each) is None for each in members)

    # Of a photo beside its caption or label, the photo is the example.
    counted = {task.name: taken(task) for task in reading}
    media = [task for task in reading if not task.accept.cells and counted[task.name]]
    return max(media or reading, key=lambda task: counted[task.name])


def opened(data: str | Path, cache: Path, columns: Columns = NOT_NAMED) -> Path | Dataset:
    """What a fit reads: a local path, or the examples of shards in a store, which are not copied.

    Raises:
        DataError: nothing lies at the address, or the store cannot be reached.
        CacheError: the copy does not fit.
    """
    if not is_address(data):
        return Path(data)
    store = store_at(data)
    objects = store.objects()
    shards = shards_in(store, objects)
    if shards is None:
        return fetched(store, cache, objects)
    task = tasks.get(columns.task) if columns.task else _task_of_shards(shards)
    return read_shards(shards, replace(accept_of(task, columns), group=_column_of_groups(columns)))


def _takes_head(accept: Accept, head: bytes, name: str) -> bool:
    return accept.member is not None and accept.member(head, name) is None


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
    root = opened(data, cache_folder(), columns)
    if isinstance(root, Dataset):
        columns = beyond_shards(columns)
    return read_for(task_for(root, columns), root, progress, columns)


def columns_of(recipe: Recipe) -> Columns:
    """What the user said of how the data are to be read."""
    given = (recipe.text, recipe.label, recipe.group, recipe.path, recipe.split)
    task = None if recipe.task == "auto" else recipe.task
    return Columns(*given, rename=recipe.rename, layout=recipe.layout, task=task)


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


def beyond_shards(columns: Columns) -> Columns:
    """What is still to be said of examples that `opened` read: not their columns."""
    group = None if _column_of_groups(columns) else columns.group
    return Columns(group=group, rename=columns.rename, task=columns.task)


def _column_of_groups(columns: Columns) -> str | None:
    """The column that `--group` names; None where it is a pattern or says that there are none."""
    group = columns.group
    return group if group and group != NONE and group.isidentifier() else None


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
    shards = [_shards_among(given) if accept.member is not None else None for given in inputs]
    if not any(shards):
        return fingerprinted(_collected(inputs, accept), task)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for given, found in zip(inputs, shards, strict=True):
        one = _collected((given,), accept) if found is None else read_shards(found, accept, labelled=False)
        samples += one.samples
        skipped += one.skipped
    return fingerprinted(Dataset(Path(), "loose", tuple(samples), (), tuple(skipped)), task)


def _collected(inputs: "tuple[str | Path, ...]", accept: Accept) -> Dataset:
    return collect_texts(inputs, accept) if accept.cells else collect_files(inputs, accept)


def _shards_among(given: str | Path) -> Shards | None:
    """The shards that an input names; None where it names anything else."""
    try:
        return shards_at(Path(given))
    except (OSError, ValueError):  # a text, longer than a path may be
        return None


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
