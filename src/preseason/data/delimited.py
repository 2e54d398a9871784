"""Cells of delimited text, whatever wrote it: the separator, what stands before the header, row names."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from preseason.data.column_names import is_file_name

_SEPARATORS = ",;\t|"
_FIELD_LIMIT = 10_000_000  # characters; csv's own 131,072 is less than a long text
_LOOKED_AT = 30
"""Lines from which the form of a file is told."""
_SEP_LINE = re.compile(r'"?sep=(\\t|.)"?,*\s*', re.IGNORECASE)
_NAMED = re.compile(r"#?\s?\w*")


@dataclass(frozen=True)
class Grid:
    """Lines of cells, with what was told of them.

    Attributes:
        header: names of the columns.
        lines: number of a row, as a spreadsheet counts, and its cells.
        notes: sentences on what was not plain.
    """

    header: tuple[str, ...]
    lines: tuple[tuple[int, tuple[str, ...]], ...]
    notes: tuple[str, ...] = ()


def read_delimited(text: str, limit: int | None = None, tabs: bool = False) -> Grid:
    """The cells of a CSV, TSV or similar text.

    Read are: a first line `sep=;`, blank lines, comments (`#`) and titles above the header, lines that are
    quoted whole, R's row names (a header that is one cell short), any line ends.

    Args:
        text: all of the file.
        limit: rows at most.
        tabs: whether the file says that tabs separate its cells.

    Raises:
        csv.Error: a cell is larger than any text.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    text = text.lstrip("\ufeff")
    told = _SEP_LINE.fullmatch(text.splitlines()[0])
    separator = (told[1].replace("\\t", "\t") if told else None) or _separator(text, tabs)
    rows = _parsed(text, separator)
    if told:
        next(rows)
    head = list(islice(rows, _LOOKED_AT if limit is None else max(limit, _LOOKED_AT)))
    if _is_quoted_whole(head):
        return _read_again(head, rows, limit, tabs)
    start = _header_at([cells for _, cells in head], separator)
    header = tuple(name.strip() for name in head[start][1])
    lines = [*head[start + 1 :], *(rows if limit is None else ())]
    grid = Grid(_without_hash(header), tuple(islice(lines, limit)))
    return _with_row_names(grid, quoted=text.lstrip().startswith('"'))


def _parsed(text: str, separator: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Records with their numbers: the first is 1."""
    lines = _Lines(text)
    for number, cells in enumerate(csv.reader(lines, delimiter=separator), start=1):
        if len(lines.taken) > 1 and _is_open(lines.taken, separator):
            raise csv.Error(
                f"row {number} opens a double quote that is never closed, so its cell takes in the "
                f"{len(lines.taken) - 1} lines below. Close or delete it"
            )
        lines.taken.clear()
        yield number, tuple(cells)


@dataclass
class _Lines:
    """The lines of a text, and which of them the row that is being read has taken."""

    text: str
    taken: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[str]:
        for line in io.StringIO(self.text, newline=""):
            self.taken.append(line)
            yield line


def _is_open(lines: Sequence[str], separator: str) -> bool:
    """Whether a quote is still open at the end of a row, which only the last one can have."""
    try:
        list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _separator(text: str, tabs: bool) -> str:
    """The separator that makes the most of the header, of equals the one that later lines agree with."""
    lines = [line for line in islice(_lines(text), _LOOKED_AT) if line.strip() and not _is_comment(line)]
    if tabs and any("\t" in line for line in lines):
        return "\t"
    counts = {each: [_cells(line, each) for line in lines] for each in _SEPARATORS}
    heads = [next((count for count in counts[each] if count > 1), 1) for each in _SEPARATORS]
    if max(heads, default=1) == 1:
        return " " if _is_spaced(lines) else ","
    first = lines[0] if lines else ""
    return max(
        _SEPARATORS, key=lambda each: (_cells(first, each), _agreeing(counts[each]), max(counts[each]))
    )


def _lines(text: str) -> Iterator[str]:
    """Lines of the beginning of a text; what is cut off there is not needed to tell its form."""
    return iter(text[: 2**20].replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _cells(line: str, separator: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=separator), []))
    except csv.Error:
        return 1


def _agreeing(counts: Sequence[int]) -> int:
    """How many lines have the commonest number of cells, where that is more than one."""
    several = [count for count in counts if count > 1]
    return max((several.count(count) for count in set(several)), default=0)


def _is_spaced(lines: Sequence[str]) -> bool:
    """Whether spaces separate cells: as R's `write.table` does, or after a file, as in lists of pictures.

    Every line has as many cells, or one more than the first.
    """
    counts = [_cells(line, " ") for line in lines]
    if len(lines) > 2 and set(counts) == {2} and all(is_file_name(line.split(" ")[0]) for line in lines):
        return True
    if len(counts) < 3 or min(counts) < 2 or len(set(counts[1:])) > 1:
        return False
    return counts[1] - counts[0] in (0, 1) and (lines[0].startswith('"') or counts[1] > counts[0])


def _is_quoted_whole(head: Sequence[tuple[int, tuple[str, ...]]]) -> bool:
    """Whether each line is one quoted cell that holds the separators of a table."""
    filled = [cells for _, cells in head if any(cell.strip() for cell in cells)]
    if len(filled) < 2 or any(len(cells) > 1 for cells in filled):
        return False
    inner = [max(_cells(cells[0], each) for each in _SEPARATORS) for cells in filled]
    return min(inner) > 1 and len(set(inner)) == 1


def _read_again(
    head: Sequence[tuple[int, tuple[str, ...]]],
    rest: Iterator[tuple[int, tuple[str, ...]]],
    limit: int | None,
    tabs: bool,
) -> Grid:
    text = "\n".join(cells[0] if cells else "" for _, cells in (*head, *rest))
    grid = read_delimited(text, limit, tabs)
    return replace(grid, notes=("Every line is quoted whole: what stands inside was read.", *grid.notes))


def _header_at(head: Sequence[tuple[str, ...]], separator: str) -> int:
    """Where the header stands: below blank lines, comments and titles."""
    filled = [at for at, cells in enumerate(head) if any(cell.strip() for cell in cells)]
    for place, at in enumerate(filled):
        below = [head[other] for other in filled[place + 1 : place + 5]]
        if not (_is_remark(head[at], below) or _is_title(head[at], below)):
            return at
    return filled[0] if filled else 0


def _is_remark(cells: tuple[str, ...], below: Sequence[tuple[str, ...]]) -> bool:
    """Whether a line that begins with # is a remark; `#,text,label` and `#path,label` name columns."""
    if not cells[0].lstrip().startswith("#") or not below:
        return False
    as_wide = any(len(cells) == len(other) for other in below if not other[0].lstrip().startswith("#"))
    return not (len(cells) > 1 and as_wide and all(_NAMED.fullmatch(cell.strip()) for cell in cells))


def _is_title(cells: tuple[str, ...], below: Sequence[tuple[str, ...]]) -> bool:
    """Whether one cell stands above lines that all have the same number of several."""
    filled = [cell for cell in cells if cell.strip()]
    widths = {len(other) for other in below}
    return len(filled) == 1 and len(below) > 1 and len(widths) == 1 and widths.pop() > max(1, len(cells) - 1)


def _without_hash(header: tuple[str, ...]) -> tuple[str, ...]:
    """`#path` is the column `path`; `#` alone keeps its name."""
    first = header[0] if header else ""
    return (first[1:].strip() or first, *header[1:]) if first.startswith("#") else header


def _with_row_names(grid: Grid, quoted: bool) -> Grid:
    """R writes the names of rows under no name: each row has a cell more than the header."""
    filled = [cells for _, cells in grid.lines if any(cell.strip() for cell in cells)]
    names = [cells[0] for cells in filled]
    if not filled or any(len(cells) != len(grid.header) + 1 for cells in filled):
        return grid
    if len(set(names)) < len(names) or not (quoted or all(name.isdigit() for name in names)):
        return grid
    note = "The header is one cell short: the first cell of each row is taken for its name."
    return replace(grid, header=("", *grid.header), notes=(*grid.notes, note))
