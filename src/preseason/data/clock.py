"""Times of a match as people write them: seconds, minutes and seconds, hours too, dot or comma."""

import math
import re

FORMS = "seconds, mm:ss or h:mm:ss"
_MINUTE = re.compile(r"[0-9]{1,3}(?:\s*\+\s*[0-9]+)?\s*['’′]|[0-9]{1,3}\s*\+\s*[0-9]+")
_FRAMED = re.compile(r"([0-9]{1,2}:[0-9]{2}:[0-9]{2})[:;]([0-9]{2})")
_DATED = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}.*")
FRAME_RATE = 30
"""Frames a second in `hh:mm:ss:ff`, which does not say: at 25 or 60 it is off by less than half a second."""
_NUMBER = r"([0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)"
_PLAIN = re.compile(rf"([+-]?){_NUMBER}(e[+-]?[0-9]+)?\s*(?:s|sec|seconds)?", re.IGNORECASE)
_CLOCK = re.compile(rf"([+-]?)(?:([0-9]+):)?([0-9]+):{_NUMBER}")


def seconds_from(text: str) -> float:
    """Seconds of `83.5`, `83,5 s`, `1:23.5`, `75:02` (minutes may pass 59), `1:02:03.5` or `1:02:03:12`.

    A minus sign is kept, so that the caller can say that a time is negative.

    Raises:
        ValueError: the text is none of these; the message says what it is.

    Example:
        >>> seconds_from("12:31"), seconds_from("1:02:03,5"), seconds_from("0,25")
        (751.0, 3723.5, 0.25)
    """
    plain = text.strip()
    if found := _PLAIN.fullmatch(plain):
        return _signed(found[1], _decimal(found[2] + (found[3] or "")))
    found = _CLOCK.fullmatch(plain)
    if found is None:
        return _framed(plain)
    hours, minutes, seconds = int(found[2] or 0), int(found[3]), _decimal(found[4])
    if seconds >= 60 or (found[2] and minutes >= 60):
        raise ValueError(f"{plain!r} is no time: it has 60 or more behind a colon")
    return _signed(found[1], hours * 3600.0 + minutes * 60.0 + seconds)


def _framed(text: str) -> float:
    """Seconds of hours, minutes, seconds and frames, as editors of video write them.

    Raises:
        ValueError: it is something else; the message says what.
    """
    found = _FRAMED.fullmatch(text)
    if found is not None and int(found[2]) < 60:
        return seconds_from(found[1]) + min(int(found[2]) / FRAME_RATE, 0.999)
    if _MINUTE.fullmatch(text):
        raise ValueError(f"{text!r} is a minute of the match, no time in the video: expected {FORMS}")
    if _DATED.fullmatch(text):
        raise ValueError(f"{text!r} is a date, no time in the video: expected {FORMS}")
    raise ValueError(f"{text!r} is no time: expected {FORMS}")


def clock(time_s: float, decimals: int = 0) -> str:
    """`m:ss`, or `h:mm:ss` from an hour on, rounded to the decimals asked (0 to 9).

    Example:
        >>> clock(751.25), clock(3723.5, decimals=1), clock(59.96, decimals=1)
        ('12:31', '1:02:03.5', '1:00.0')
    """
    hours, minutes, rest = _split(time_s, decimals)
    shown = f"{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"
    return f"{hours}:{shown}" if hours else shown


def full_clock(time_s: float, decimals: int = 3) -> str:
    """Always `hh:mm:ss.mmm`, as subtitle files want it.

    Example:
        >>> full_clock(751.25)
        '00:12:31.250'
    """
    hours, minutes, rest = _split(time_s, decimals)
    return f"{hours:02d}:{minutes:02d}:{rest}"


def match_clock(time_s: float) -> str:
    """`mm:ss` with minutes past 59 where needed, as a match is counted; part of a second is dropped.

    Example:
        >>> match_clock(31.5), match_clock(4000)
        ('0:31', '66:40')
    """
    whole = int(time_s)
    return f"{whole // 60}:{whole % 60:02d}"


def _decimal(text: str) -> float:
    return float(text.replace(",", "."))


def _signed(sign: str, seconds: float) -> float:
    if not math.isfinite(seconds):
        raise ValueError("the time is too large to be one")
    return -seconds if sign == "-" and seconds else seconds


def _split(time_s: float, decimals: int) -> tuple[int, int, str]:
    """Hours, minutes, and seconds as text of two digits and the decimals."""
    units = 10**decimals
    ticks = round(time_s * units)
    seconds, fraction = divmod(ticks, units)
    shown = f"{seconds % 60:02d}" + (f".{fraction:0{decimals}d}" if decimals else "")
    return seconds // 3600, seconds // 60 % 60, shown
