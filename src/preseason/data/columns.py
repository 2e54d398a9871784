"""Which column of a table plays which role: what the user named, else by names and by values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from preseason.data.column_names import COLUMNS, IDS, ORIGINS, TEXT_COLUMNS, guess_columns, plain
from preseason.data.files import Columns
from preseason.data.label_cells import EMPTY, one_hot
from preseason.data.rows import Row, Table, listed
from preseason.data.split_names import split_from
from preseason.errors import DataError, UsageError
from preseason.formatting import did_you_mean

LOOKED_AT = 50
"""Rows from which is told what a column holds."""
WORDS_OF_TEXT = 3.0
"""Words that the cells of a column of texts have on average, at least."""
_MOST_LABELS = 100
_TRUE, _FALSE = frozenset({"1", "true", "yes", "1.0"}), frozenset({"0", "false", "no", "0.0", ""})
_FLAGS = {"istest": "test", "isvalid": "validation", "isval": "validation", "isvalidation": "validation"}
_FLAGS |= {"istrain": "train", "istraining": "train"}
_FLAGS |= {"test": "test", "valid": "validation", "validation": "validation", "val": "validation"}


@dataclass(frozen=True)
class Roles:
    """The columns of a table by what they hold.

    Attributes:
        columns: name of the column of each role that one plays: path or text, label, group, part, start, end.
        of_labels: columns of 0 and 1 that each stand for a label, where no single column holds the labels.
        notes: sentences on what was taken for what, where its name did not say so, and what was not used.
    """

    columns: Mapping[str, str]
    of_labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def cell(self, row: Row, role: str) -> str:
        """The cell of a role, trimmed; empty where the column or the value is absent."""
        name = self.columns.get(role)
        text = row.values.get(name, "").strip() if name is not None else ""
        return "" if text.lower() in EMPTY else text

    def split(self, row: Row) -> str | None:
        """The part that a row names; None where it names none that is known.

        A column such as `is_test` holds true and false: of which part the others are stands in its name.
        """
        text, flag = self.cell(row, "part"), _FLAGS.get(plain(self.columns.get("part", "")))
        if flag is None or text.lower() not in _TRUE | _FALSE:
            return split_from(text)
        if text.lower() in _TRUE:
            return flag
        return "test" if flag == "train" else "train"

    def told(self) -> tuple[str, ...]:
        """What was taken for what, in a sentence, and the notes."""
        shown = ", ".join(f"{role} {name!r}" for role, name in self.columns.items())
        return (f"Columns read: {shown}.", *self.notes)


@dataclass
class _Guess:
    """Roles while they are guessed."""

    table: Table
    named: Columns
    columns: dict[str, str]
    notes: list[str] = field(default_factory=list)

    def rows(self) -> list[Row]:
        return [row for row in self.table.rows[: 4 * LOOKED_AT] if not row.fault and any(row.values.values())]

    def cells(self, column: str) -> list[str]:
        return [cell for row in self.rows() if (cell := row.values.get(column, "").strip())]

    def free(self) -> list[str]:
        """Columns that no role has yet, without those that have no name."""
        taken = set(self.columns.values())
        return [
            name
            for name in dict.fromkeys(self.table.header)
            if plain(name) and name not in taken and not _is_index(name)
        ]

    def take(self, role: str, name: str, why: str) -> None:
        self.columns[role] = name
        self.notes.append(f"The column {name!r} was taken for the {role}: {why} (--{role} names another).")


def roles_of_files(
    table: Table, named: Columns, leads: Callable[[str], bool], labelled: bool = True
) -> Roles:
    """The roles of a table whose rows name files.

    Args:
        table: with its rows, or with the first of them.
        named: columns that the user named; they go before every guess.
        leads: whether a cell leads to a file.
        labelled: whether a column of labels is needed.

    Raises:
        UsageError: a column that was named is not there.
        DataError: it is not clear which column holds the files or the labels, or two are called alike.
    """
    guess = _guess(table, named, COLUMNS)
    _find_path(guess, leads)
    of_labels = _find_label(guess) if labelled else ()
    _judge(guess)
    wanted = ("path", "label") if labelled and not of_labels else ("path",)
    _refuse_absent(guess, wanted)
    return Roles(guess.columns, of_labels, tuple(guess.notes))


def roles_of_texts(table: Table, named: Columns, labelled: bool = True) -> Roles:
    """The roles of a table whose cells are texts; as `roles_of_files`.

    Raises:
        UsageError, DataError: as of `roles_of_files`.
    """
    guess = _guess(table, named, TEXT_COLUMNS, optional=() if labelled else ("label",))
    if "text" not in guess.columns and (found := _texts(guess)):
        guess.take("text", found[0], "it holds sentences")
    of_labels = _find_label(guess) if labelled else ()
    _judge(guess)
    _refuse_absent(guess, ("text", "label") if labelled and not of_labels else ("text",))
    if labelled and guess.columns["text"] == guess.columns.get("label"):
        raise UsageError(
            f"--text and --label both name the column {guess.columns['text']!r} of {table.path}."
        )
    return Roles(guess.columns, of_labels, tuple(guess.notes))


def _guess(
    table: Table, named: Columns, spellings: Mapping[str, Sequence[str]], optional: Sequence[str] = ()
) -> _Guess:
    """What the names of the columns say, and what the user does."""
    by_name = guess_columns(table.header, spellings)
    roles = {"text": named.text, "path": named.path, "label": named.label, "part": named.split}
    said = {
        role: found
        for role, name in roles.items()
        if name is not None
        and (role in spellings)
        and (found := _checked(table, name, role, role in optional))
    }
    if named.group in table.header:
        said["group"] = str(named.group)
    taken = set(said.values())
    guess = _Guess(table, named, {role: name for role, name in by_name.items() if name not in taken} | said)
    for role, name in guess.columns.items():
        _refuse_twice(table, role, name, role in said)
    _prefer_repeated(guess, said, spellings["label"])
    return guess


def _checked(table: Table, name: str, role: str, optional: bool) -> str:
    folded = {each.casefold(): each for each in reversed(table.header)}
    if name in table.header or name.casefold() in folded:
        return name if name in table.header else folded[name.casefold()]
    if optional:
        return ""
    flag = {"part": "split"}.get(role, role)
    hint = did_you_mean(name, table.header)
    raise UsageError(
        f"--{flag} {name}: {table.path} has no such column.{hint} Found the columns {listed(table.header)}."
    )


def _refuse_twice(table: Table, role: str, name: str, named: bool) -> None:
    """Raise where two columns are called alike: one of them would be taken in silence."""
    alike = [
        at for at, other in enumerate(table.header, start=1)
        if other == name or (not named and plain(other) == plain(name))
    ]  # fmt: skip
    if len(alike) > 1:
        shown = " and ".join(f"{table.header[at - 1]!r} (column {at})" for at in alike)
        raise DataError(
            f"{table.path} has {len(alike)} columns for the {role}: {shown}. Rename or delete one, so that "
            "it is clear which counts."
        )


def _prefer_repeated(guess: _Guess, said: Mapping[str, str], spellings: Sequence[str]) -> None:
    """Of several columns that are called as labels the first that repeats its values is it."""
    if "label" in said:
        return
    called = {plain(name): name for name in reversed(guess.table.header)}
    others = [called[each] for each in spellings if each in called and called[each] not in said.values()]
    others = [name for name in others if name not in {v for k, v in guess.columns.items() if k != "label"}]
    if len(others) < 2:
        return
    repeated = [name for name in others if _repeats(guess.cells(name))]
    best = (repeated or others)[0]
    guess.columns["label"] = best
    rest = ", ".join(repr(name) for name in others if name != best)
    guess.notes.append(f"The label is the column {best!r}; so might be {rest} (--label COLUMN).")


def _find_path(guess: _Guess, leads: Callable[[str], bool]) -> None:
    """Where no name tells, or the cells of the named one lead nowhere: by what the cells lead to."""
    if guess.named.path is not None:
        return
    by_name = guess.columns.get("path")
    if by_name is not None and any(map(leads, guess.cells(by_name)[:LOOKED_AT])):
        return
    called = {plain(name): name for name in reversed(guess.table.header)}
    ids = [called[each] for each in IDS if each in called]
    order = [*ids, *(name for name in guess.table.header if plain(name) and not _is_index(name))]
    cells = {name: guess.cells(name)[:LOOKED_AT] for name in dict.fromkeys(order)}
    shares = {
        name: _share(cells[name], leads)
        for name in cells
        if name in ids or (2 * len(set(cells[name])) > len(cells[name]) and not _is_numeric(cells[name]))
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    if best is None or shares[best] < 0.5:
        return
    for role in [role for role, name in guess.columns.items() if name == best]:
        del guess.columns[role]
    guess.take("path", best, "its cells lead to files")


def _is_numeric(cells: Sequence[str]) -> bool:
    return all(cell.replace(".", "", 1).isdigit() for cell in cells)


def _share(cells: Sequence[str], leads: Callable[[str], bool]) -> float:
    return sum(map(leads, cells)) / len(cells) if cells else 0.0


def _find_label(guess: _Guess) -> tuple[str, ...]:
    """Where no name tells: columns of 0 and 1, or the one column whose values repeat."""
    if "label" in guess.columns:
        return ()
    free = guess.free()
    columns = one_hot(guess.table, free)
    if columns:
        return columns
    repeated = [name for name in free if _repeats(guess.cells(name)) and not _is_prose(guess.cells(name))]
    repeated = [name for name in repeated if plain(name) not in ORIGINS]
    flags = [name for name in repeated if plain(name) in _FLAGS]
    repeated = [name for name in repeated if name not in flags and not _names_parts(guess.cells(name))]
    if len(repeated) == 1:
        guess.take("label", repeated[0], "its values repeat")
    return ()


def _repeats(cells: Sequence[str]) -> bool:
    """Whether values occur several times, as labels do."""
    different = len(set(cells))
    return 2 <= different <= _MOST_LABELS and 2 * different <= len(cells) + 1 and len(cells) > different


def _texts(guess: _Guess) -> list[str]:
    """Columns of texts, the longest first."""
    found = [name for name in guess.free() if _is_prose(guess.cells(name))]
    return sorted(found, key=lambda name: -_words(guess.cells(name)))


def _is_prose(cells: Sequence[str]) -> bool:
    return _words(cells) >= WORDS_OF_TEXT and 2 * len(set(cells)) >= len(cells)


def _words(cells: Sequence[str]) -> float:
    return sum(len(cell.split()) for cell in cells) / len(cells) if cells else 0.0


def _judge(guess: _Guess) -> None:
    """A guessed split or group counts only where its values are ones; what is not used is told."""
    _judge_split(guess)
    name = guess.columns.get("group")
    if name is None or guess.named.group == name:
        return
    cells = {row.values.get(name, "").strip() for row in guess.table.rows}
    if len(guess.rows()) > 1 and len(cells) == 1:
        del guess.columns["group"]
        guess.notes.append(
            f"The column {name!r} has one value everywhere, so it does not say what belongs together."
        )


def _judge_split(guess: _Guess) -> None:
    name, named = guess.columns.get("part"), guess.named.split is not None
    if name is not None:
        cells = [
            cell
            for row in guess.table.rows
            if (cell := row.values.get(name, "").strip()).lower() not in EMPTY
        ]
        known = [cell for cell in cells if split_from(cell) or _is_flag(name, cell)]
        if 2 * len(known) > len(cells) or not cells:
            return
        shown = ", ".join(dict.fromkeys(cells[:LOOKED_AT]))[:60]
        if named:
            raise UsageError(
                f"--split {guess.named.split}: its values ({shown}) are none of train, validation, test. "
                "Leave it out, or write these."
            )
        del guess.columns["part"]
        guess.notes.append(
            f"The column {name!r} is no split: its values ({shown}) name no train, validation, test."
        )
    parts = next((each for each in guess.free() if _names_parts(guess.cells(each))), None)
    if parts is not None:
        guess.columns["part"] = parts
        guess.notes.append(
            f"The column {parts!r} was taken for the split: its values name parts (--split names another)."
        )
        return
    flag = next((each for each in guess.free() if plain(each) in _FLAGS), None)
    if flag is not None and set(map(str.lower, guess.cells(flag))) <= _TRUE | _FALSE:
        guess.columns["part"] = flag
        guess.notes.append(f"The column {flag!r} was taken for the split (--split names another).")


def _names_parts(cells: Sequence[str]) -> bool:
    """Whether all values name parts of a split, and more than one of them."""
    parts = {split_from(cell) for cell in cells}
    return None not in parts and len(parts) > 1


def _is_flag(name: str, cell: str) -> bool:
    return plain(name) in _FLAGS and cell.lower() in _TRUE | _FALSE


def _is_index(name: str) -> bool:
    """Whether a column numbers the rows, as pandas and R write."""
    return plain(name).startswith("unnamed") or name == "#"


def _refuse_absent(guess: _Guess, wanted: Sequence[str]) -> None:
    absent = [role for role in wanted if role not in guess.columns]
    if not absent:
        return
    flags = " ".join(f"--{role} COLUMN" for role in absent)
    known = ", ".join(f"{role} {name!r}" for role, name in guess.columns.items())
    guessed = f" Guessed: {known}." if known else ""
    found = f"Found the columns {listed(guess.table.header)}."
    if "path" in wanted:
        or_texts = (
            " If its cells are texts, say which: --text COLUMN --label COLUMN." if "path" in absent else ""
        )
        raise DataError(
            f"{guess.table.path} has no column for the {' and the '.join(absent)}. {found}{guessed} "
            f"Say so with {flags}.{or_texts}"
        )
    raise DataError(
        f"Which column of {guess.table.path} holds the {' and which the '.join(absent)}? {found} Say so with "
        f"{flags}.{guessed}"
    )
