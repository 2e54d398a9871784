"""From files on disk to dialogues and texts."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from preseason.data.account import Account
from preseason.data.dataset import Skipped
from preseason.data.files import readable
from preseason.data.litter import is_litter
from preseason.data.rows import JSON, MAX_PEEK, SUFFIXES, Record, is_table, read_records
from preseason.data.split_names import split_from
from preseason.errors import DataError, MediaError, UsageError
from preseason.language.rows import RowError, Segment, kind_of, read_row
from preseason.language.samples import Corpus, Example
from preseason.media.text import SUFFIXES as PROSE
from preseason.media.text import read_text

TABLES = SUFFIXES
PEEKED_ROWS = 20
EXPECTED = (
    'Expected JSON Lines with {"messages": [...]}, with prompt and response, or with text; '
    "or .txt and .md files."
)


def recognises(root: Path) -> bool:
    """Whether dialogues or texts without labels lie at `root`."""
    if root.is_file():
        return _recognises_file(root)
    files = _files(root) if root.is_dir() else []
    if len(files) > 1 and all(path.suffix.lower() in PROSE for path in files):
        return True  # transcripts, also where a speaker and a tab stand in front of each line
    return bool(files) and all(path.suffix.lower() in TABLES | PROSE for path in files) and all(
        _recognises_file(path) for path in files[:PEEKED_ROWS]
    )  # fmt: skip


def read_corpus(root: Path) -> Corpus:
    """All dialogues and texts at `root`, a file or a folder of files.

    Of `train.jsonl` beside `validation.jsonl` or `test.jsonl` only the first is learnt from.

    Raises:
        DataError: nothing is there, or nothing of it can be used.
    """
    if not root.exists():
        raise DataError(f"There is no {root}. {EXPECTED}")
    examples: list[Example] = []
    skipped: list[Skipped] = []
    paths = [root] if root.is_file() else _files(root)
    declared = _held_out(paths)
    for path in paths:
        found, faults = _read_file(path)
        examples += [replace(one, held=path.name) for one in found] if path in declared else found
        skipped += faults
    if not examples:
        why = f" First fault: {skipped[0].path}: {skipped[0].reason}." if skipped else ""
        raise DataError(f"{root} holds no dialogue and no text.{why} {EXPECTED}")
    return Corpus(tuple(examples), tuple(skipped), _notes(paths))


def _notes(paths: list[Path]) -> tuple[str, ...]:
    """What is to be told of pairs of a preferred and a rejected answer."""
    for path in paths:
        if is_table(path):
            with suppress(DataError, UsageError):
                if any(kind_of(row.values) == "preference" for row in read_records(path, PEEKED_ROWS)):
                    name = readable(path.name)
                    return (f"{name} holds pairs of answers: the chosen ones are learnt, the others not.",)
    return ()


def account_of_corpus(root: Path) -> Account:
    """How the dialogues and texts at `root` were read.

    Raises:
        DataError: as of `read_corpus`.
    """
    corpus = read_corpus(root)
    held = sum(1 for example in corpus.examples if example.held)
    count = len(corpus.examples)
    return Account(
        task="chat",
        noun="dialogues" if corpus.style == "dialogue" else "texts",
        layout="dialogues" if corpus.style == "dialogue" else "texts",
        examples=count,
        labels={},
        splits={"train": count - held, "test": held} if held else {},
        groups=len(corpus.groups),
        notes=("There are no labels: a model that talks is fitted.",),
        skipped=corpus.skipped,
    )


def _files(folder: Path) -> list[Path]:
    """Visible files below `folder`; texts in folders of their own may be labelled, so none deeper count."""
    entries = sorted(path for path in folder.iterdir() if not is_litter(path.name))
    return entries if not any(path.is_dir() for path in entries) else []


def _held_out(paths: list[Path]) -> set[Path]:
    """Files whose names say that they are judged on, where another's says that it is learnt from."""
    parts = {path: split_from(path.stem) for path in paths}
    if "train" not in parts.values():
        return set()
    return {path for path, part in parts.items() if part not in (None, "train")}


def _recognises_file(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in PROSE and not is_table(path):
        return True
    if not is_table(path) or (suffix == ".json" and path.stat().st_size > MAX_PEEK):
        return False
    try:
        kinds = [kind_of(row.values) for row in read_records(path, PEEKED_ROWS) if is_filled(row)]
    except (DataError, UsageError):
        return False
    if suffix not in JSON:
        return bool(kinds) and all(kind in ("answer", "messages", "preference") for kind in kinds)
    return bool(kinds) and all(kinds)


def is_filled(record: Record) -> bool:
    """Whether a row was read and says something; blank lines and rows with a fault do not."""
    return bool(record.values) and not record.fault


def _read_file(path: Path) -> tuple[list[Example], list[Skipped]]:
    name = readable(path.name)
    if path.suffix.lower() in PROSE:
        return _read_prose(path, name)
    if path.suffix.lower() not in TABLES:
        return [], [Skipped(name, "no text: expected .jsonl, .json, .csv, .xlsx, .txt or .md")]
    try:
        return _read_table(path, name)
    except DataError as error:
        return [], [Skipped(name, str(error))]


def _read_prose(path: Path, name: str) -> tuple[list[Example], list[Skipped]]:
    try:
        return [Example(group=name, text=read_text(path, max_bytes=None))], []
    except MediaError as error:
        return [], [Skipped(name, str(error))]


def _read_table(path: Path, name: str) -> tuple[list[Example], list[Skipped]]:
    examples: list[Example] = []
    segments: dict[str, list[Segment]] = {}
    skipped: list[Skipped] = []
    for record in read_records(path):
        place = f"{name}, row {record.number}"
        try:
            found = _read_record(record, place)
        except RowError as error:
            skipped.append(Skipped(place, str(error)))
            continue
        if isinstance(found, Segment):
            segments.setdefault(found.document, []).append(found)
        elif found is not None:
            examples.append(found)
    return examples + [_joined(parts) for parts in segments.values()], skipped


def _read_record(record: Record, place: str) -> Example | Segment | None:
    """What the row holds; None for a blank one."""
    if record.fault:
        raise RowError(record.fault)
    return read_row(record.values, place) if record.values else None


def _joined(parts: list[Segment]) -> Example:
    """The segments of one document in the order of their times (rows of equal times as they stand)."""
    ordered = sorted(parts, key=lambda part: part.start)
    return Example(group=parts[0].group, text="\n".join(part.text for part in ordered))
