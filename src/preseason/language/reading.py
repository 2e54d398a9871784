"""From files on disk to dialogues and texts."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from preseason.data.dataset import Skipped
from preseason.data.files import hidden, readable
from preseason.data.layouts.splits import split_from
from preseason.data.rows import read_rows
from preseason.errors import DataError
from preseason.language.rows import RowError, Segment, kind_of, read_row
from preseason.language.samples import Corpus, Example
from preseason.media.content import opening_failure

TABLES = {".jsonl", ".ndjson", ".json", ".csv", ".tsv"}
PROSE = {".txt", ".md"}
PEEKED_ROWS = 20
MAX_PEEK = 2**26  # bytes of a .json file that is read only to see what it is
EXPECTED = (
    'Expected JSON Lines with {"messages": [...]}, with prompt and response, or with text; '
    "or .txt and .md files."
)
Record = Mapping[str, Any] | str
"""A row, or what is wrong with it."""


def recognises(root: Path) -> bool:
    """Whether dialogues or texts without labels lie at `root`."""
    if root.is_file():
        return _recognises_file(root)
    files = _files(root) if root.is_dir() else []
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
    return Corpus(tuple(examples), tuple(skipped))


def _files(folder: Path) -> list[Path]:
    """Visible files below `folder`; texts in folders of their own may be labelled, so none deeper count."""
    entries = sorted(path for path in folder.iterdir() if not hidden(path.name))
    return entries if not any(path.is_dir() for path in entries) else []


def _held_out(paths: list[Path]) -> set[Path]:
    """Files whose names say that they are judged on, where another's says that it is learnt from."""
    parts = {path: split_from(path.stem) for path in paths}
    if "train" not in parts.values():
        return set()
    return {path for path, part in parts.items() if part not in (None, "train")}


def _recognises_file(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in PROSE:
        return True
    if suffix not in TABLES or (suffix == ".json" and path.stat().st_size > MAX_PEEK):
        return False
    try:
        rows = [row for _, row in islice(records(path), PEEKED_ROWS) if not isinstance(row, str)]
    except DataError:
        return False
    kinds = [kind_of(row) for row in rows]
    if suffix in (".csv", ".tsv"):
        return bool(kinds) and all(kind == "answer" for kind in kinds)
    return bool(kinds) and all(kinds)


def records(path: Path) -> Iterator[tuple[int, Record]]:
    """Rows of a table with their numbers; a row that cannot be read is a text that says why.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        for row in read_rows(path)[1]:
            yield row.number, row.fault or row.values
    elif suffix == ".json":
        yield from enumerate(_json_array(path), start=1)
    else:
        yield from _json_lines(path)


def _json_lines(path: Path) -> Iterator[tuple[int, Record]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _parsed(line)
    except OSError as error:
        raise DataError(f"{path} {opening_failure(error)}.") from None


def _parsed(line: bytes) -> Record:
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "not written in UTF-8"
    except (ValueError, RecursionError):
        return "no JSON"
    return value if isinstance(value, dict) else "no JSON object"


def _json_array(path: Path) -> list[Record]:
    try:
        value = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path} {opening_failure(error)}.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}.") from None
    if isinstance(value, dict):
        value = next((item for item in value.values() if isinstance(item, list)), [value])
    if not isinstance(value, list):
        raise DataError(f"{path} holds no list of rows. {EXPECTED}")
    return [item if isinstance(item, dict) else "no JSON object" for item in value]


def _read_file(path: Path) -> tuple[list[Example], list[Skipped]]:
    name = readable(path.name)
    if path.suffix.lower() in PROSE:
        return _read_prose(path, name)
    if path.suffix.lower() not in TABLES:
        return [], [Skipped(name, "no text: expected .jsonl, .json, .csv, .txt or .md")]
    try:
        return _read_table(path, name)
    except DataError as error:
        return [], [Skipped(name, str(error))]


def _read_prose(path: Path, name: str) -> tuple[list[Example], list[Skipped]]:
    try:
        text = path.read_bytes().decode("utf-8-sig").strip()
    except OSError as error:
        return [], [Skipped(name, opening_failure(error))]
    except UnicodeDecodeError:
        return [], [Skipped(name, "not written in UTF-8")]
    if not text or "\x00" in text:
        return [], [Skipped(name, "no text" if text else "empty")]
    return [Example(group=name, text=text)], []


def _read_table(path: Path, name: str) -> tuple[list[Example], list[Skipped]]:
    examples: list[Example] = []
    segments: dict[str, list[Segment]] = {}
    skipped: list[Skipped] = []
    for number, row in records(path):
        place = f"{name}, row {number}"
        try:
            if isinstance(row, str):
                raise RowError(row)
            found = read_row(row, place)
        except RowError as error:
            skipped.append(Skipped(place, str(error)))
            continue
        if isinstance(found, Segment):
            segments.setdefault(found.document, []).append(found)
        else:
            examples.append(found)
    return examples + [_joined(parts) for parts in segments.values()], skipped


def _joined(parts: list[Segment]) -> Example:
    """The segments of one document in the order of their times (rows of equal times as they stand)."""
    ordered = sorted(parts, key=lambda part: part.start)
    return Example(group=parts[0].group, text="\n".join(part.text for part in ordered))
