"""Tables of actions: a video, a time and a label in each row."""

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from preseason.data.actions import Action
from preseason.data.clock import FORMS, seconds_from
from preseason.data.column_names import COLUMNS, IDS, TEXT_COLUMNS, guess_columns, plain
from preseason.data.columns import LOOKED_AT, WORDS_OF_TEXT, Roles
from preseason.data.files import files_in, label_from
from preseason.data.gathering import Duration, Gathering, Mention
from preseason.data.rows import Row, Table, is_table, listed, read_table
from preseason.data.whereabouts import Finder
from preseason.errors import DataError, MediaError
from preseason.media.content import kind, read_head

LONG_S = 60.0
"""Rows with start and end are actions of a match, not clips cut out of it, where the video is this long."""

EXPECTS = "a table (CSV, JSON, Excel) with the columns video (or match), time and label (or start and end)"
ROLES: dict[str, tuple[str, ...]] = {
    **COLUMNS,
    "path": ("video", "videopath", "videofile", *COLUMNS["path"]),
    "label": (*COLUMNS["label"], "event", "eventtype"),
    "time": ("time", "times", "timeseconds", "timestamp", "timecode", "moment", "gametime", "clock", "at"),
    "minute": ("minute", "minutes", "min", "matchminute"),
    "second": ("second", "seconds", "sec", "secs"),
    "frame": ("frame", "frames", "framenumber", "frameid", "frameindex"),
    "milliseconds": ("position", "positionms", "milliseconds", "timems", "ms"),
    "half": ("half", "period"),
    "confidence": ("confidence", "probability"),
    "visible": ("visible", "visibility", "shown"),
}
_HIDDEN = frozenset({"false", "no", "0", "not shown", "unshown"})
_HALF_TIME = re.compile(r"([1-5])\s*-\s*([0-9].*)")
_HALF = re.compile(r"[^0-9]*([1-5])[^0-9]*")
_HALVES = {"first": 1, "second": 2}


@dataclass(frozen=True)
class _Table:
    """A table and which of its columns plays which role."""

    table: Table
    roles: Roles
    finder: Finder

    @property
    def path(self) -> Path:
        return self.table.path

    @property
    def rows(self) -> tuple[Row, ...]:
        return self.table.rows

    def has(self, *roles: str) -> bool:
        """Whether a column plays one of the roles."""
        return bool(set(roles) & set(self.roles.columns))

    def value(self, row: Row, role: str) -> str:
        """The cell of a role, trimmed; empty where the column or the value is absent."""
        return self.roles.cell(row, role)

    def video(self, row: Row) -> Path:
        """The file that a row names."""
        return Path(os.path.normpath(self.finder.find(self.value(row, "path")).path))

    def time(self, row: Row) -> str:
        """The cell that says when, from whichever column has it; of minute and second the two as mm:ss."""
        text = self.value(row, "time") or self.value(row, "start")
        minute, second = self.value(row, "minute"), self.value(row, "second")
        if text or not (minute or second):
            return text
        if ":" in minute:  # a clock under the name of its minutes
            return minute
        minute = minute.rstrip("'′’")
        return f"{minute or 0}:{second.zfill(2)}" if second else f"{minute}'"


def holds(table: Path, duration: Duration | None = None) -> bool:
    """Whether a table lists actions of long videos, not clips or photos.

    It does when its first file is a video and it has times, or starts and no ends, or when most of its rows
    with start and end are of videos that are listed more than once and last a minute or more.

    Args:
        table: an existing file.
        duration: measures a video; without it the last end that the table names stands for its length.

    Raises:
        DataError: videos are listed several times with times that cannot be read: they are no clips.
    """
    try:
        read = _read(table, limit=1)
        if not _has_roles(read) or not _names_a_video(read):
            return False
        read = _read(table)
    except DataError:
        return False
    if not read.has("time", "minute") and any(read.value(row, "end") for row in read.rows):
        return _mostly_long(read, duration)
    timed = [_is_timed(read, row) for row in read.rows if read.value(row, "path")]
    if 2 * sum(timed) > len(timed):
        return True
    _refuse_unread_times(read)
    return False


def refuse_without_videos(table: Path) -> None:
    """Raise where a table lists times and labels of matches, and no video is called as they are.

    Raises:
        DataError: it does.
    """
    try:
        read = _read(table)
    except DataError:
        return
    ids = next((name for name in read.table.header if plain(name) in (*ROLES["group"], *IDS)), None)
    if ids is None or _absent(read) != ["video"] or "text" in guess_columns(read.table.header, TEXT_COLUMNS):
        return
    anything = Finder(table)
    if _holds_texts(read.table) or any(
        not anything.find(row.values.get(ids, "")).fault for row in read.rows[:LOOKED_AT]
    ):
        return
    rows = [row for row in read.rows if row.values.get(ids, "").strip() and _says_when(read, row)]
    if 2 * len(rows) > len(read.rows):
        named = list(dict.fromkeys(row.values[ids].strip() for row in rows))
        shown = ", ".join(named[:3]) + (", ..." if len(named) > 3 else "")
        raise DataError(
            f"{table} lists actions of matches by their names ({shown}), and no video below its folder is "
            f"called so: put them there ({named[0]}.mp4), or name them in a column video."
        )


def _holds_texts(table: Table) -> bool:
    """Whether a column holds sentences rather than names, times and labels."""
    rows = table.rows[:LOOKED_AT]
    return any(
        sum(len(row.values.get(name, "").split()) for row in rows) >= WORDS_OF_TEXT * max(len(rows), 1)
        for name in table.header
    )


def _says_when(read: _Table, row: Row) -> bool:
    """Whether a row has something that begins as times do, readable or not."""
    said = read.time(row) or read.value(row, "frame") or read.value(row, "milliseconds")
    return said[:1].isdigit()


def table_in(root: Path, duration: Duration | None = None) -> Path | None:
    """The one table of actions directly in a folder, or None where there is none or several."""
    found = [path for path in files_in(root) if is_table(path) and holds(path, duration)]
    return found[0] if len(found) == 1 else None


def gather(table: Path, gathering: Gathering) -> None:
    """Take in every row, or name it by its number, counted as a spreadsheet does: the header is row 1.

    Raises:
        DataError: the table cannot be read, or has no column for the video, the time or the label.
    """
    read = _read(table)
    if not _has_roles(read):
        raise DataError(
            f"{table} has no column for the {' and the '.join(_absent(read))}. "
            f"Found the columns {listed(read.table.header)}; expected {EXPECTS}."
        )
    blank = 0
    for row in read.rows:
        if row.fault or any(value.strip() for value in row.values.values()):
            _gather_row(read, row, gathering)
        else:
            blank += 1
    if blank:
        gathering.skip(table, "1 blank row" if blank == 1 else f"{blank} blank rows")


def _read(table: Path, limit: int | None = None) -> _Table:
    read = read_table(table, limit)
    columns = guess_columns(read.header, ROLES)
    if "second" in columns and "minute" not in columns:
        columns.setdefault("time", columns.pop("second"))
    finder = Finder(table, _is_video)
    _find_videos(read, columns, finder)
    return _Table(read, Roles(columns), finder)


def _find_videos(read: Table, columns: dict[str, str], finder: Finder) -> None:
    """Where no column is called as files are, or its cells lead nowhere: one of ids that lead to videos."""
    called = {plain(name): name for name in reversed(read.header)}
    known = columns.get("path")
    for name in (known, *(called[each] for each in (*IDS, *ROLES["group"]) if each in called)):
        cells = [cell for row in read.rows[:LOOKED_AT] if name and (cell := row.values.get(name, "").strip())]
        if cells and 2 * sum(not finder.find(cell).fault for cell in cells) >= len(cells):
            columns["path"] = str(name)
            return


def _is_video(path: Path) -> bool:
    """Whether a file can be what an id without suffix means."""
    try:
        found = kind(read_head(path)) or ""
    except MediaError:
        return False
    return "video" in found or found == "GIF"


def _absent(read: _Table) -> list[str]:
    shown = {"path": "video", "label": "label"}
    absent = [name for role, name in shown.items() if not read.has(role)]
    timed = read.has("time", "milliseconds", "start", "minute", "frame")
    return absent if timed else [*absent, "time"]


def _has_roles(read: _Table) -> bool:
    return not _absent(read)


def _names_a_video(read: _Table) -> bool:
    path = read.video(read.rows[0]) if read.rows and read.value(read.rows[0], "path") else None
    return path is not None and path.is_file() and _is_video(path)


def _is_timed(read: _Table, row: Row) -> bool:
    try:
        _moment(read, row)
    except ValueError:
        return False
    return True


def _refuse_unread_times(read: _Table) -> None:
    """Raise where one video is listed at several times of which none can be read."""
    times: dict[Path, set[str]] = {}
    for row in read.rows:
        if said := read.time(row) or read.value(row, "frame"):
            times.setdefault(read.video(row), set()).add(said)
    several = [sorted(said) for said in times.values() if len(said) > 1]
    if several:
        raise DataError(
            f"{read.path} lists videos at several times that cannot be read, such as {several[0][0]!r}. "
            f"Expected {FORMS}, counted from the first frame of the video; divide frame numbers by the "
            "frames a second."
        )


def _mostly_long(read: _Table, duration: Duration | None) -> bool:
    counts: dict[Path, int] = {}
    reach: dict[Path, float] = {}
    for row in read.rows:
        path = read.video(row)
        counts[path] = counts.get(path, 0) + 1
        reach[path] = max(reach.get(path, 0.0), _end_or_zero(read, row))
    listed_often = [path for path, count in counts.items() if count > 1]
    long = [path for path in listed_often if max(reach[path], _measured(path, duration)) >= LONG_S]
    return 2 * sum(counts[path] for path in long) > sum(counts.values())


def _end_or_zero(read: _Table, row: Row) -> float:
    try:
        return seconds_from(read.value(row, "end"))
    except ValueError:
        return 0.0


def _measured(path: Path, duration: Duration | None) -> float:
    if duration is None or not path.is_file():
        return 0.0
    try:
        return duration(path)
    except MediaError:
        return 0.0


def _gather_row(read: _Table, row: Row, gathering: Gathering) -> None:
    place = f"row {row.number} of {read.path.name}"
    fault = next(_faults(read, row), None)
    if fault:
        gathering.skip(read.value(row, "path") or read.path, f"{place}: {fault}")
        return
    group = read.value(row, "group") or None
    split = read.roles.split(row)
    gathering.add(Mention(read.video(row), _action(read, row), place, group, split))


def _faults(read: _Table, row: Row) -> Iterator[str]:
    """Why a row gives no action, the plainest reason first."""
    if row.fault:
        yield row.fault
    if not read.value(row, "path"):
        yield "no video"
    if fault := read.finder.find(read.value(row, "path")).fault:
        yield fault
    if not label_from(read.value(row, "label")):
        yield "no label"
    split = read.value(row, "part")
    if split and read.roles.split(row) is None:
        yield f"part {split!r} is none of train, validation, test"
    try:
        _half(read, row)
        time_s, end_s = _moment(read, row)[0], _end(read, row)
        _confidence(read, row)
    except ValueError as error:
        yield str(error)
        return
    if end_s is not None and end_s < time_s:
        yield f"it ends at {end_s:g} s, before it begins at {time_s:g} s"


def _action(read: _Table, row: Row) -> Action:
    time_s, half = _moment(read, row)
    return Action(
        time_s=time_s,
        label=label_from(read.value(row, "label")),
        confidence=_confidence(read, row),
        half=_half(read, row) or half,
        end_s=_end(read, row),
        visible=read.value(row, "visible").lower() not in _HIDDEN,
    )


def _moment(read: _Table, row: Row) -> tuple[float, int | None]:
    """The time of a row and, from SoccerNet's "1 - 05:23", the half.

    Milliseconds count where there is no other time or one of SoccerNet's, which is in whole seconds: else a
    column called so may be anything, such as a player's position.

    Raises:
        ValueError: there is none, it cannot be read, or it is negative.
    """
    text = read.time(row)
    game_time = _HALF_TIME.fullmatch(text)
    exact = read.value(row, "milliseconds") if game_time or not text else ""
    if not text and not exact:
        raise ValueError("no time")
    time_s = _number(exact) / 1000 if exact else seconds_from(game_time[2] if game_time else text)
    if time_s < 0:
        raise ValueError(f"the time {exact or text} is negative")
    return time_s, int(game_time[1]) if game_time else None


def _end(read: _Table, row: Row) -> float | None:
    text = read.value(row, "end")
    return seconds_from(text) if text else None


def _half(read: _Table, row: Row) -> int | None:
    text = read.value(row, "half").lower()
    found = _HALF.fullmatch(text)
    if text and not found and text not in _HALVES:
        raise ValueError(f"half {text!r} is none of 1 to 5")
    return int(found[1]) if found else _HALVES.get(text)


def _confidence(read: _Table, row: Row) -> float:
    text = read.value(row, "confidence")
    value = _number(text) if text else 1.0
    if not 0 <= value <= 1:
        raise ValueError(f"the confidence {text} is not within 0 and 1")
    return value


def _number(text: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value
