"""Rows of Excel and OpenDocument workbooks."""

import datetime
from io import BytesIO
from pathlib import Path

from preseason.errors import DataError
from preseason.errors.packages import require

SUFFIXES = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})


def read_sheet(path: Path) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """The cells of the first sheet that holds something, from its first row on, and what is to be told.

    Raises:
        DataError: it is locked by a password, damaged, or empty.
        MissingPackageError: python-calamine is absent.
    """
    require(f"The workbook {path}", "python_calamine", instead="Or save the sheet as CSV.")
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        book = CalamineWorkbook.from_filelike(BytesIO(path.read_bytes()))  # by content, whatever its name
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    except PasswordError:
        raise DataError(f"The workbook {path} is locked by a password: save a copy without one.") from None
    except (CalamineError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it is damaged"
        raise DataError(
            f"The workbook {path} cannot be read: {reason}. Open it and save the sheet as CSV."
        ) from None
    filled = [
        name for name, rows in sheets.items() if any(_shown(cell).strip() for row in rows for cell in row)
    ]
    if not filled:
        raise DataError(f"The workbook {path} is empty. Expected a header and a row for each example.")
    rows = tuple(tuple(_shown(cell) for cell in row) for row in sheets[filled[0]])
    note = f"Read was the sheet {filled[0]!r}; {len(filled) - 1} more with content: {', '.join(filled[1:])}."
    return rows, (note,) if len(filled) > 1 else ()


def _shown(cell: object) -> str:
    """A cell as a CSV file of it would have it."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ")
    return str(cell)
