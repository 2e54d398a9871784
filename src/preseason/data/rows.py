"""Rows of CSV, TSV, JSON Lines, JSON and Parquet files, whatever program wrote them."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from preseason.errors import DataError, MediaError
from preseason.errors.packages import require
from preseason.media.text import decoded

JSON_LINES = frozenset({".jsonl", ".ndjson"})
SUFFIXES = frozenset({".csv", ".tsv", ".parquet"}) | JSON_LINES
MAX_NAME = 40
_DELIMITERS = ",;\t|"
_FIELD_LIMIT = 10_000_000  # characters; csv's own 131,072 is less than a long text


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


def read_records(path: Path, limit: int | None = None) -> tuple[Record, ...]:
    """Rows (at most `limit`) of a table or of a JSON file, with their values as they stand there.

    Raises:
        DataError: as of `read_rows`; or a .json file holds no JSON, or no list.
    """
    suffix = path.suffix.lower()
    if suffix in JSON_LINES:
        return tuple(_json_lines(_decoded(path), limit))
    if suffix == ".json":
        return tuple(islice(_json_array(path), limit))
    return tuple(Record(row.number, dict(row.values), row.fault) for row in read_rows(path, limit)[1])


def read_rows(path: Path, limit: int | None = None) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """Column names and rows (at most `limit`) of a table.

    Raises:
        DataError: the file cannot be opened, is no text, or is empty.
        MissingPackageError: pyarrow is absent for Parquet.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet_rows(path, limit)
    text = _decoded(path)
    if not text.strip():
        raise DataError(f"{path} is empty. Expected a header line and a row for each example.")
    if path.suffix.lower() in JSON_LINES:
        return _json_rows(text, limit)
    return _csv_rows(path, text, limit)


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


def _decoded(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"The table {path} cannot be opened: {error.strerror}.") from None
    try:
        return decoded(data)
    except MediaError:
        raise DataError(f"{path} is no text. Save the table as CSV (comma separated, UTF-8).") from None


def _parquet_rows(path: Path, limit: int | None) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    require(f"The Parquet file {path}", "pyarrow", instead="Or save the table as CSV.")
    from pyarrow import ArrowException, parquet

    try:
        file = parquet.ParquetFile(path)
        batches = file.iter_batches(batch_size=limit or 65_536)
        values = [row for batch in islice(batches, 1 if limit else None) for row in batch.to_pylist()]
    except (OSError, ArrowException) as error:
        raise DataError(f"The table {path} cannot be read: {str(error).splitlines()[0]}.") from None
    rows = (Row(number, {k: _cell(v) for k, v in row.items()}) for number, row in enumerate(values, start=2))
    return tuple(file.schema_arrow.names), tuple(islice(rows, limit))


def _csv_rows(path: Path, text: str, limit: int | None) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(path, text))
    try:
        header = tuple(name.strip() for name in next(reader))
        rows = tuple(
            Row(number, dict(zip(header, cells, strict=False)), _surplus(header, cells))
            for number, cells in enumerate(islice(reader, limit), start=2)
        )
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a table: {error}, near line {reader.line_num}.") from None
    return header, rows


def _surplus(header: tuple[str, ...], cells: list[str]) -> str:
    """Why a row with more cells than columns cannot be trusted; empty cells at its end say nothing."""
    more = [cell for cell in cells[len(header) :] if cell.strip()]
    if not more:
        return ""
    return f"more than {len(header)} cells: put cells that hold the separator into double quotes"


def _delimiter(path: Path, text: str) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    header = text.lstrip("\r\n").splitlines()[0]
    return max(_DELIMITERS, key=header.count)


def _json_rows(text: str, limit: int | None) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    rows = tuple(
        Row(record.number, {name: _cell(value) for name, value in record.values.items()}, record.fault)
        for record in _json_lines(text, limit)
    )
    header = dict.fromkeys(name for row in rows for name in row.values)
    return tuple(header), rows


def _json_lines(text: str, limit: int | None) -> Iterator[Record]:
    for number, line in islice(enumerate(text.rstrip("\r\n").split("\n"), start=1), limit):
        try:
            yield _record(number, json.loads(line) if line.strip() else {})
        except (json.JSONDecodeError, RecursionError):
            yield Record(number, {}, "no JSON")


def _json_array(path: Path) -> Iterable[Record]:
    """Elements of the array, or of the first one in an object; an object without one is a row itself."""
    try:
        value = json.loads(_decoded(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {error}.") from None
    if isinstance(value, dict):
        value = next((item for item in value.values() if isinstance(item, list)), [value])
    if not isinstance(value, list):
        raise DataError(f"{path} holds no list of rows.")
    return (_record(number, item) for number, item in enumerate(value, start=1))


def _record(number: int, value: Any) -> Record:
    return Record(number, value) if isinstance(value, dict) else Record(number, {}, "no JSON object")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
