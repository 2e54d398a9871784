"""Rows of JSON: lines, arrays, objects around them, columns; comments and trailing commas are passed over."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from preseason.data import label_studio
from preseason.data.column_names import is_file_name
from preseason.data.split_names import split_from
from preseason.media.text import encodable

_LAX = re.compile(
    r'"(?:[^"\\]|\\.)*"'  # a text, kept as it is
    r"|//[^\n]*|/\*.*?\*/|(?m:^\s*#[^\n]*)"  # comments
    r"|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]])",  # a comma before the end of a list
    re.DOTALL,
)
_BESIDE_ROW = frozenset({"row_idx", "truncated_cells"})
_HALF = re.compile(r"\\ud[89a-f]", re.IGNORECASE)
_PROSE_WORDS = 3
"""Words of a text, at least."""
TWICE = "\ue000twice"
"""The key under which an object says which of its keys stands in it twice."""
_CUT = "it breaks off in the middle: it was not copied or written to its end"
_ROWS = ("data", "rows", "records", "items", "examples", "annotations")


def parse(text: str) -> Any:
    """The value of a JSON text; comments and commas at the end of lists do no harm.

    Raises:
        ValueError: it is no JSON; the message says where.
    """
    try:
        return _whole_signs(text, json.loads(text, object_pairs_hook=_object))
    except json.JSONDecodeError as error:
        plain = _LAX.sub(lambda found: found[0] if found[0].startswith('"') else " ", text)
        try:
            return _whole_signs(plain, json.loads(plain, object_pairs_hook=_object))
        except (json.JSONDecodeError, RecursionError):
            raise ValueError(f"{_CUT} ({error})" if _breaks_off(text, error) else str(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _breaks_off(text: str, error: json.JSONDecodeError) -> bool:
    """Whether a value ends in the middle, as in a file that was not written to its end."""
    return error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")


def rows_of_lines(text: str, limit: int | None = None) -> Iterator[tuple[int, Any, str]]:
    """Number of the line, value and fault of each line of JSON Lines.

    A text that is one JSON value over several lines is read as that.
    """
    lines = text.rstrip("\r\n").split("\n")
    whole = _whole(text, lines)
    if whole is not None:
        yield from ((number, value, "") for number, value in islice(enumerate(whole, start=1), limit))
        return
    for number, line in islice(enumerate(lines, start=1), limit):
        bare = line.strip()
        if not bare or bare.startswith(("//", "#")):
            yield number, {}, ""
            continue
        try:
            yield number, parse(bare.removesuffix(",")), ""
        except ValueError:
            last = number == len(lines) and not text.endswith(("\n", "\r"))
            yield number, {}, f"no JSON; {_CUT}" if last else "no JSON"


def rows_of_value(value: Any) -> list[Any]:
    """The rows in a JSON value: of a list, of the list in an object, of columns, or of named rows.

    Raises:
        ValueError: there are none.
    """
    if isinstance(value, list) and label_studio.is_export(value):
        return list(label_studio.rows_of(value))
    if isinstance(value, list):
        return _of_lists([_unwrapped(row) for row in value])
    if not isinstance(value, Mapping):
        raise ValueError("it holds no list of rows")
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return [dict(zip(map(str, value["columns"]), row, strict=False)) for row in value["data"]]
    for made in (_of_parts, _of_labels, _columns):
        rows = made(value)
        if rows is not None:
            return rows
    listed = [value[name] for name in _ROWS if isinstance(value.get(name), list)]
    listed += [item for item in value.values() if isinstance(item, list)]
    if listed:
        return _of_lists([_unwrapped(row) for row in listed[0]])
    return _of_named(value) or [value]


def _whole_signs(text: str, value: Any) -> Any:
    """The value with halves of surrogate pairs replaced: programs that cut texts leave them in JSON."""
    return _encodable(value) if _HALF.search(text) else value


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {encodable(name): _encodable(item) for name, item in value.items()}
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        found[TWICE] = next(name for name in names if names.count(name) > 1)
    return found


def _whole(text: str, lines: Sequence[str]) -> list[Any] | None:
    """Rows of a text that is one value over several lines; None where its lines are the values."""
    first = next((line.strip() for line in lines if line.strip()), "")
    if first[:1] not in "[{" or (first[:1] == "{" and _is_json(first)):
        return None
    try:
        return rows_of_value(parse(text))
    except ValueError:
        return None


def _is_json(line: str) -> bool:
    try:
        parse(line.removesuffix(","))
    except ValueError:
        return False
    return True


def _unwrapped(row: Any) -> Any:
    """A row itself where it stands beside its number, as servers of data sets send it."""
    inner = row.get("row") if isinstance(row, Mapping) else None
    return (
        inner
        if isinstance(inner, dict) and len(row) <= len(_BESIDE_ROW) + 1 and _BESIDE_ROW & set(row)
        else row
    )


def _of_lists(rows: Sequence[Any]) -> list[Any]:
    """Rows as they are; lists of which the first has names are rows under these names."""
    if len(rows) > 1 and all(isinstance(row, list) for row in rows):
        names = [str(name) for name in rows[0]]
        return [dict(zip(names, row, strict=False)) for row in rows[1:]]
    return list(rows)


def _of_parts(value: Mapping[str, Any]) -> list[Any] | None:
    """Rows of `{"train": [{...}], "test": [{...}]}`, each with its part."""
    parts = {name: item for name, item in value.items() if isinstance(item, list) and split_from(name)}
    rows = [row for item in parts.values() for row in item]
    if len(parts) < 2 or len(parts) < len(value) or not all(isinstance(row, dict) for row in rows):
        return None
    return [{"split": name, **row} for name, item in parts.items() for row in item]


def _of_labels(value: Mapping[str, Any]) -> list[Any] | None:
    """Rows of `{"messi": ["1.jpg", "2.jpg"], "salah": [...]}`: files by their label."""
    lists = [item for item in value.values() if isinstance(item, list)]
    cells = [cell for item in lists for cell in item]
    if len(lists) < 2 or len(lists) < len(value) or not cells:
        return None
    if not all(isinstance(cell, str) and is_file_name(cell) for cell in cells):
        return None
    return [{"path": cell, "label": label} for label, item in value.items() for cell in item]


def _columns(value: Mapping[str, Any]) -> list[Any] | None:
    """Rows of an object of columns, as pandas writes it: lists of one length, or objects by row number."""
    inner = [item for name, item in value.items() if name != TWICE]
    if len(inner) > 1 and all(isinstance(item, list) for item in inner):
        plain = not any(isinstance(cell, dict | list) for item in inner for cell in item[:5])
        if plain and len({len(item) for item in inner}) == 1:
            return [dict(zip(value, cells, strict=False)) for cells in zip(*inner, strict=True)]
    if len(inner) > 1 and all(isinstance(item, dict) for item in inner):
        numbers = [tuple(item) for item in inner]
        if len(set(numbers)) == 1 and numbers[0] and all(key.isdigit() for key in numbers[0]):
            return [{name: item[key] for name, item in value.items()} for key in numbers[0]]
    return None


def _of_named(value: Mapping[str, Any]) -> list[Any] | None:
    """Rows of `{"a.jpg": "messi", ...}` and of `{"a.jpg": {"label": "messi"}, ...}`."""
    items = list(value.items())
    if len(items) > 1 and all(isinstance(item, dict) for _, item in items):
        return [{"id": name, **item} for name, item in items]
    files = [name for name, _ in items if re.search(r"\.\w{2,4}$", name)]
    if len(items) > 1 and len(files) == len(items) and all(isinstance(item, str | int) for _, item in items):
        return [{"path": name, "label": item} for name, item in items]
    prose = [name for name, _ in items if len(name.split()) >= _PROSE_WORDS]
    if len(items) > _PROSE_WORDS and 2 * len(prose) > len(items) and _are_labels([item for _, item in items]):
        return [{"text": name, "label": item} for name, item in items]
    return None


def _are_labels(values: Sequence[Any]) -> bool:
    """Whether values are short texts or numbers that repeat."""
    plain = all(isinstance(value, str | int) for value in values)
    return plain and 1 < len({str(value) for value in values}) <= len(values) // 2


def columns_of(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Every name that occurs, in the order of its first use."""
    return tuple(dict.fromkeys(str(name) for row in rows for name in row if name != TWICE))
