"""Rows of tables, whatever program wrote them: CSV and its kin, JSON, Excel, Parquet."""

import csv
import gzip
import io
import json
import math
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from preseason.data import workbooks
from preseason.data.column_names import COLUMNS, TEXT_COLUMNS, guess_columns, is_file_name, names_nothing
from preseason.data.delimited import Grid, read_delimited
from preseason.data.json_rows import TWICE, columns_of, parse, rows_of_lines, rows_of_value
from preseason.errors import DataError, MediaError
from preseason.errors.packages import require
from preseason.media.content import kind
from preseason.media.text import decoded, letters_guessed

JSON_LINES = frozenset({".jsonl", ".ndjson"})
JSON = JSON_LINES | {".json"}
SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".parquet"}) | JSON | workbooks.SUFFIXES
TEXT_FILE, GZIP = ".txt", ".gz"
PEEKED = 2**16
"""Bytes of a text file from which is told whether its lines are rows."""
FEW_LINES = 4
"""Lines of a text file below which nothing is told from them."""
MOST_UNPACKED = 2**31
"""Bytes that a compressed table may have."""
MAX_NAME = 40
MAX_PEEK = 2**26
"""Bytes of a file that has to be read whole, when it is read only to see what it is."""
_LOOKED_AT = 50
"""Rows from which is told whether there is a header."""
_PREFIX = "__label__"
_WAY_OUT = "Save the table as CSV (comma separated, UTF-8)."


@dataclass(frozen=True)
class Row:
    """One row: its number as a spreadsheet counts (JSON Lines: line number) and its cells by column.

    Attributes:
        number: 1 is the header of a CSV or Parquet file, or the first line of a JSON Lines file.
        values: cell texts by column name; absent cells are empty.
        fault: why the row cannot be read, or an empty text.
    """

    number: int
    values: dict[str, str]
    fault: str = ""


@dataclass(frozen=True)
class Record:
    """One row with its values as JSON has them; those of a CSV file are texts.

    Attributes:
        number: as of `Row`; in a JSON array the first element is 1.
        fault: why the row cannot be read, or an empty text.
    """

    number: int
    values: dict[str, Any]
    fault: str = ""


@dataclass(frozen=True)
class Table:
    """A file of rows.

    Attributes:
        path: the file.
        header: names of its columns, in their order; one that stands there twice is there twice.
        rows: its rows.
        notes: sentences on what was not plain in reading it.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def read_records(path: Path, limit: int | None = None) -> tuple[Record, ...]:
    """Rows (at most `limit`) of a table, with their values as they stand there.

    Raises:
        DataError, MissingPackageError: as of `read_table`.
    """
    data = _bytes(path)
    if _form(path, data) != "json":
        table = _read(path, data, limit)
        return tuple(Record(row.number, dict(row.values), row.fault) for row in table.rows)
    return tuple(_json_records(path, decoded(data), limit))


def read_rows(path: Path, limit: int | None = None) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """Column names and rows (at most `limit`) of a table.

    Raises:
        DataError, MissingPackageError: as of `read_table`.
    """
    table = read_table(path, limit)
    return table.header, table.rows


def read_table(path: Path, limit: int | None = None) -> Table:
    """A table as its owner meant it: what it is tells its content, where that and its ending disagree.

    Raises:
        DataError: the file cannot be opened, is no table, or is empty.
        MissingPackageError: what its format needs is absent.
    """
    return _read(path, _bytes(path), limit)


def listed(header: Sequence[str]) -> str:
    """Column names for a message; what is far too long for a name is a row without a header above it.

    Example:
        >>> listed(["Tweet", "Sentiment", ""]), listed([])
        ('Tweet, Sentiment', '(none)')
    """
    names = [" ".join(name.split()) for name in header if name.strip()]
    shown = ", ".join(name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…" for name in names)
    if any(len(name) > MAX_NAME for name in names):
        shown += " (the first line must name the columns)"
    return shown or "(none)"


def is_table(path: Path) -> bool:
    """Whether a file is called as a table, or is a text file whose lines are rows.

    The files that Excel makes while it has a table open are none.
    """
    if path.name.startswith("~$"):
        return False
    ending = ending_of(path)
    return ending in SUFFIXES or (
        ending == TEXT_FILE and path.suffix.lower() == TEXT_FILE and _has_rows(path)
    )


def ending_of(path: Path) -> str:
    """The ending of a file's name in small letters, without that of gzip.

    Example:
        >>> ending_of(Path("tweets.CSV")), ending_of(Path("tweets.csv.gz"))
        ('.csv', '.csv')
    """
    return Path(path.stem if path.suffix.lower() == GZIP else path.name).suffix.lower()


def _has_rows(path: Path) -> bool:
    """Whether the first lines of a text file are rows: under a header of examples, or a text and a label.

    Times in front of a label, as Audacity and Raven write them, are read by layouts of their own.
    """
    try:
        with path.open("rb") as file:
            head = decoded(file.read(PEEKED))
    except (OSError, MediaError):
        return False
    lines = [line for line in head.splitlines()[:_LOOKED_AT] if line.strip()]
    lines = lines[:-1] if len(head) >= PEEKED // 4 and len(lines) > FEW_LINES else lines
    if len(lines) < FEW_LINES or "begin time" in lines[0].lower():
        return False
    for separator in "\t;,|":
        if not all(separator in line for line in lines):
            continue
        header = [cell.strip().strip('"') for cell in lines[0].split(separator)]
        for names in (TEXT_COLUMNS, COLUMNS):
            roles = guess_columns(header, names)
            if "label" in roles and ("text" in roles or "path" in roles):
                return True
    if is_fasttext(head):
        return True
    cells = [line.split(" ") for line in lines]
    if all(len(row) == 2 and is_file_name(row[0]) for row in cells):
        return True
    return {line.count("\t") for line in lines} == {1} and any(
        _may_be_labels([cells[place].strip() for cells in (line.split("\t") for line in lines)])
        for place in (0, 1)
    )


def _may_be_labels(cells: Sequence[str]) -> bool:
    """Whether the cells are single words that repeat, and no numbers."""
    words = set(cells)
    single = all(cell and len(cell) <= MAX_NAME and not cell.split()[1:] for cell in words)
    return single and 1 < len(words) <= len(cells) // 2 and any(not cell[0].isdigit() for cell in words)


def _bytes(path: Path) -> bytes:
    """The content of a file, unpacked where it is compressed by gzip."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"The table {path} cannot be opened: {error.strerror}.") from None
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(MOST_UNPACKED + 1)
    except (OSError, EOFError, zlib.error):
        raise DataError(f"{path} is damaged: it cannot be unpacked to its end. Copy it again.") from None
    if len(unpacked) > MOST_UNPACKED:
        raise DataError(f"{path} is larger than {MOST_UNPACKED >> 30} GB when it is unpacked: split it.")
    return unpacked


def _form(path: Path, data: bytes) -> str:
    """What a file is: by its first bytes, else by its ending."""
    suffix = ending_of(path)
    if data.startswith(b"PAR1") or (suffix == ".parquet" and not data):
        return "parquet"
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "workbook"
    if data.startswith(b"PK\x03\x04"):
        inside = any(name in data for name in (b"xl/workbook", b"opendocument.spreadsheet"))
        return "workbook" if inside or suffix in workbooks.SUFFIXES else "other"
    if _is_other(data):
        return "other"
    if suffix == ".parquet":
        return "parquet"
    return "json" if suffix in JSON else "delimited"


def _is_other(data: bytes) -> bool:
    """Whether a file is of a kind that holds no table; a text with a tag in it is a text."""
    found = kind(data[:1024])
    if found in (None, "text file", "empty file", "file of zeros"):
        return False
    return b"\x00" in data[:1024] or data.lstrip().startswith((b"<", b"%PDF", b"version https://git-lfs"))


def _read(path: Path, data: bytes, limit: int | None) -> Table:
    form = _form(path, data)
    if form == "parquet":
        return _parquet(path, limit)
    if form == "workbook":
        return _workbook(path, limit)
    text = _decoded(path, data)
    if not text.strip():
        raise DataError(f"{path} is empty. Expected a header line and a row for each example.")
    encoding = letters_guessed(data)
    notes = () if encoding is None else (_guessed(encoding),)
    if form == "json":
        return _json(path, text, limit, notes)
    if is_fasttext(text):
        return _fasttext(path, text, limit, notes)
    return _delimited(path, text, limit, notes)


def _guessed(encoding: str) -> str:
    return f"Its letters were read as {encoding}, a guess; save it as UTF-8 if names look wrong."


def _decoded(path: Path, data: bytes) -> str:
    what = kind(data[:1024])
    if _form(path, data) == "other":
        raise DataError(f"{path} is a {what}, not a table. {_WAY_OUT}")
    try:
        return decoded(data)
    except MediaError:
        raise DataError(f"{path} is no text. {_WAY_OUT}") from None


def _parquet(path: Path, limit: int | None) -> Table:
    require(f"The Parquet file {path}", "pyarrow", instead="Or save the table as CSV.")
    from pyarrow import ArrowException, parquet

    try:
        file = parquet.ParquetFile(path)
        batches = file.iter_batches(batch_size=limit or 65_536)
        values = [row for batch in islice(batches, 1 if limit else None) for row in batch.to_pylist()]
    except (OSError, ArrowException) as error:
        raise DataError(f"The table {path} cannot be read: {str(error).splitlines()[0]}.") from None
    rows = (Row(number, {k: _cell(v) for k, v in row.items()}) for number, row in enumerate(values, start=2))
    return Table(path, tuple(file.schema_arrow.names), tuple(islice(rows, limit)))


def _workbook(path: Path, limit: int | None) -> Table:
    rows, notes = workbooks.read_sheet(path)
    out = _as_csv(rows)
    table = _delimited(path, out, limit, notes)
    return replace(table, rows=tuple(replace(row, fault="") for row in table.rows))


def _as_csv(rows: Iterable[Sequence[str]]) -> str:
    """Cells as the text that `read_delimited` reads, so that titles and comments are found here too."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def _delimited(path: Path, text: str, limit: int | None, notes: tuple[str, ...]) -> Table:
    try:
        most = None if limit is None else max(limit, _LOOKED_AT)
        grid = read_delimited(text, most, tabs=ending_of(path) in (".tsv", ".tab", TEXT_FILE))
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a table: {error}. {_WAY_OUT}") from None
    if names_nothing(grid.header, [cells for _, cells in grid.lines[:_LOOKED_AT] if any(cells)]):
        grid = _headed(grid)
    again = {number for number, cells in grid.lines if tuple(cell.strip() for cell in cells) == grid.header}
    rows = [
        Row(number, _by_name(grid.header, cells), _surplus(grid.header, cells))
        for number, cells in grid.lines
        if number not in again and not _is_rule(cells)
    ]
    if most is None and rows and _breaks_off(text, grid):
        rows[-1] = replace(
            rows[-1], fault="the file breaks off here: it was not copied or written to its end"
        )
    if again:
        one = len(again) == 1
        shown = f"Row {min(again)} repeats" if one else f"{len(again)} rows repeat"
        notes = (*notes, f"{shown} the header and {'is no example' if one else 'are no examples'}.")
    return Table(path, grid.header, tuple(rows[:limit]), notes + grid.notes)


def _is_rule(cells: Sequence[str]) -> bool:
    """Whether a row is the line below the header of a Markdown table."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    return bool(filled) and all(re.fullmatch(":?-{2,}:?", cell) for cell in filled)


def _breaks_off(text: str, grid: Grid) -> bool:
    """Whether the last line is shorter than all others and has no line end."""
    filled = [cells for _, cells in grid.lines if any(cell.strip() for cell in cells)]
    if text.endswith(("\n", "\r")) or len(filled) < FEW_LINES:
        return False
    return len(filled[-1]) < len(grid.header) <= min(len(cells) for cells in filled[:-1])


def is_fasttext(text: str) -> bool:
    """Whether every line begins with a label as fastText writes it: `__label__goal What a goal!`."""
    lines = [line for line in text.splitlines()[:_LOOKED_AT] if line.strip()]
    return len(lines) > 1 and all(line.lstrip().startswith(_PREFIX) for line in lines)


def _fasttext(path: Path, text: str, limit: int | None, notes: tuple[str, ...]) -> Table:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split(" ")
        labels = [
            word.removeprefix(_PREFIX) for word in takewhile(lambda word: word.startswith(_PREFIX), words)
        ]
        said = " ".join(words[len(labels) :])
        shown = labels[0] if len(labels) == 1 else json.dumps(labels) if labels else ""
        rows.append(Row(number, {"text": said, "label": shown}))
    return Table(path, ("text", "label"), tuple(rows[:limit]), notes)


def _headed(grid: Grid) -> Grid:
    """A table without a header, under the names `column 1`, `column 2`."""
    names = tuple(f"column {number}" for number in range(1, len(grid.header) + 1))
    first = (grid.lines[0][0] - 1, grid.header)
    note = f"The first line names no columns, so it is an example: {', '.join(names)}."
    return Grid(names, (first, *grid.lines), (*grid.notes, note))


def _by_name(header: tuple[str, ...], cells: Sequence[str]) -> dict[str, str]:
    """Cells by column; of a column that stands there twice the first counts."""
    found: dict[str, str] = {}
    for name, cell in zip(header, cells, strict=False):
        found.setdefault(name, cell)
    return found


def _surplus(header: tuple[str, ...], cells: Sequence[str]) -> str:
    """Why a row with more cells than columns cannot be trusted; empty cells at its end say nothing."""
    more = [cell for cell in cells[len(header) :] if cell.strip()]
    if not more:
        return ""
    return f"more than {len(header)} cells: put cells that hold the separator into double quotes"


def _json(path: Path, text: str, limit: int | None, notes: tuple[str, ...]) -> Table:
    records = list(_json_records(path, text, limit))
    rows = tuple(
        Row(record.number, {name: _cell(value) for name, value in record.values.items()}, record.fault)
        for record in records
    )
    return Table(path, columns_of(record.values for record in records), rows, notes)


def _json_records(path: Path, text: str, limit: int | None) -> Iterable[Record]:
    if ending_of(path) in JSON_LINES:
        return [
            Record(number, {}, fault) if fault else _record(number, value)
            for number, value, fault in rows_of_lines(text, limit)
        ]
    try:
        value = parse(text)
    except ValueError as error:
        lines = [item for item in rows_of_lines(text, limit) if item[1]]
        if len(lines) > 1 and not any(fault for _, _, fault in lines):
            return [_record(number, value) for number, value, _ in lines]
        raise DataError(f"{path} is no JSON: {error}.") from None
    try:
        rows = rows_of_value(value)
    except ValueError as error:
        raise DataError(f"{path} cannot be read as a table: {error}.") from None
    return [_record(number, item) for number, item in islice(enumerate(rows, start=1), limit)]


def _record(number: int, value: Any) -> Record:
    if not isinstance(value, dict):
        return Record(number, {}, "no JSON object")
    if "_input_hash" in value and value.get("answer") in ("reject", "ignore"):
        return Record(number, value, f"it was answered with {value['answer']} in Prodigy")
    if TWICE in value:
        return Record(number, {}, f"it names {value[TWICE]!r} twice")
    return Record(number, value)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
