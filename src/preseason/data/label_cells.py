"""What the cells of a column of labels mean: words that stand for nothing, lists, one column a label."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from preseason.data.column_names import plain
from preseason.data.files import label_from
from preseason.data.rows import Row, Table
from preseason.errors import DataError

WORDS = frozenset({"none", "nan", "null", "n/a", "na", "-", "nil", "nothing", "#n/a", "<na>", "?"})
"""What people and programs write where there is no value; as labels they are taken at their word."""
EMPTY = frozenset({"", "nan", "none", "null", "n/a"})
"""Cells of other columns than that of the labels that say nothing."""
_SEPARATORS = (";", "|", ",")
_YES, _NO = frozenset({"1", "1.0", "true", "yes", "x"}), frozenset({"0", "0.0", "false", "no", ""})


@dataclass(frozen=True)
class Labels:
    """The label of every row of a table.

    Attributes:
        of_row: by the row's number; empty where there is none.
        notes: sentences on what was not plain.
    """

    of_row: dict[int, str]
    notes: tuple[str, ...] = ()


def labels_in(table: Table, column: str) -> Labels:
    """The labels in one column: only empty cells are none, and NaN among numbers.

    Raises:
        DataError: cells hold several labels.
    """
    written = _said_in_objects({row.number: row.values.get(column, "") for row in table.rows})
    cells = {number: label_from(_unlisted(cell)) for number, cell in written.items()}
    if _is_numeric([cell for cell in cells.values() if cell and cell.lower() != "nan"]):
        cells = {number: "" if cell.lower() == "nan" else cell for number, cell in cells.items()}
    _refuse_several(table, column, cells)
    words = Counter(cell for cell in cells.values() if cell.lower() in WORDS)
    notes = (_told(table, words),) if words else ()
    return Labels(cells, notes)


def one_hot(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that hold nothing but 0 and 1, where they are two or more: each stands for a label."""
    rows = [row for row in table.rows if _is_filled(row)]
    found = [
        name
        for name in columns
        if name.strip()
        and {row.values.get(name, "").strip().lower() for row in rows} <= _YES | _NO
        and any(row.values.get(name, "").strip().lower() in _YES for row in rows)
        and not plain(name).startswith("is")
    ]
    return tuple(found) if len(found) > 1 else ()


def labels_of_columns(table: Table, columns: Sequence[str]) -> Labels:
    """The label of each row from columns of 0 and 1, of which one holds the 1.

    Raises:
        DataError: a row has several of them, or none.
    """
    set_in = {
        row.number: [name for name in columns if row.values.get(name, "").strip().lower() in _YES]
        for row in table.rows
        if _is_filled(row)
    }
    several = [number for number, names in set_in.items() if len(names) != 1]
    shown = ", ".join(columns[:4]) + (", ..." if len(columns) > 4 else "")
    if several:
        names = ", ".join(set_in[several[0]]) or "none"
        raise DataError(
            f"{table.path}: the columns {shown} hold 0 and 1 and stand for labels, and row {several[0]} has "
            f"{names} ({len(several)} such rows). An example can have only one label here: leave a single "
            "1 in each row, or name the one column to learn with --label COLUMN."
        )
    note = f"The label is the column that holds the 1, of {shown}."
    return Labels({number: label_from(names[0]) for number, names in set_in.items()}, (note,))


def _is_filled(row: Row) -> bool:
    return not row.fault and any(value.strip() for value in row.values.values())


def _said_in_objects(cells: dict[int, str]) -> dict[int, str]:
    """The one value of cells such as `{"player": "Messi"}`, where all have the same key; else the cells."""
    filled = {number: cell for number, cell in cells.items() if cell.strip()}
    if not filled or not all(cell.lstrip().startswith("{") for cell in filled.values()):
        return cells
    found: dict[int, str] = {}
    keys = set[str]()
    for number, cell in filled.items():
        try:
            said = json.loads(cell)
        except ValueError:
            return cells
        if not isinstance(said, dict) or len(said) > 1 or not all(_is_plain(each) for each in said.values()):
            return cells
        keys.update(said)
        found[number] = next((str(each) for each in said.values()), "")
    return cells | found if len(keys) == 1 else cells


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def _unlisted(cell: str) -> str:
    """The label of a list of one; other cells as they are."""
    bare = cell.strip()
    if not (bare.startswith("[") and bare.endswith("]")):
        return bare
    items = _items(bare)
    return items[0] if items is not None and len(items) == 1 else "" if items == [] else bare


def _items(cell: str) -> list[str] | None:
    """The members of a cell that is a list, as JSON or Python write it; None where it is none."""
    for written in (cell, cell.replace("'", '"')):
        try:
            found = json.loads(written)
        except ValueError:
            continue
        return [str(item) for item in found] if isinstance(found, list) else None
    return None


def _refuse_several(table: Table, column: str, cells: dict[int, str]) -> None:
    """Raise where cells hold several labels: combinations would become classes."""
    alone = Counter(cells.values())
    for separator in ("[", *_SEPARATORS):
        parts = {number: _split(cell, separator) for number, cell in cells.items()}
        joined = {number: names for number, names in parts.items() if len(names) > 1}
        if joined and (separator == "[" or _are_labels(joined, alone, separator)):
            number, names = next(iter(joined.items()))
            raise DataError(
                f"{table.path}: {len(joined)} cells of the column {column!r} hold several labels, such as "
                f"row {number}: {' and '.join(names[:3])}. An example can have only one label here: "
                "leave one in each cell, or name another column with --label COLUMN."
            )


def _split(cell: str, separator: str) -> list[str]:
    if separator == "[":
        return (_items(cell) or []) if cell.startswith("[") else []
    names = [name.strip() for name in cell.split(separator)]
    return names if all(names) else []


def _are_labels(joined: dict[int, list[str]], alone: Counter[str], separator: str) -> bool:
    """Whether what separators part are labels: they stand alone too, or in several combinations."""
    combinations = {tuple(sorted(set(names))) for names in joined.values()}
    uses = Counter(name for names in combinations for name in names)
    parts = set(uses)
    stand_alone = {name for name in parts if alone[name]}
    if separator == ",":  # also in names: Smith, John
        return len(stand_alone) > len(parts) / 2 or _turned_round(joined)
    return bool(stand_alone) or max(uses.values()) > 1


def _turned_round(joined: dict[int, list[str]]) -> bool:
    orders = {tuple(names) for names in joined.values()}
    return any(tuple(reversed(names)) in orders for names in orders if len(set(names)) > 1)


def _is_numeric(cells: Sequence[str]) -> bool:
    try:
        return bool(cells) and all(float(cell.replace(",", ".")) is not None for cell in cells)
    except ValueError:
        return False


def _told(table: Table, words: Counter[str]) -> str:
    shown = ", ".join(f"{word!r} ({count:,})" for word, count in words.most_common(3))
    return (
        f"{shown} in the labels of {table.path.name} counts as a label like any other: leave cells without "
        "a label empty."
    )
