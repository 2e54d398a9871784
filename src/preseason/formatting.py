"""Figures and names in messages, said alike wherever they are said."""

import difflib
import re
import shlex
from collections.abc import Iterable

BASELINES = {
    "linear": "linear head alone",
    "tfidf": "counted words alone (TF-IDF)",
    "scratch": "same network with random weights",
    "majority": "always the most frequent label",
}
"""What a model is compared with, by the names that records have for it."""


def percent(rate: float, digits: int = 0) -> str:
    """A rate 0..1 as a percentage; one that is not quite all or nothing is never rounded to it.

    Example:
        >>> percent(0.94), percent(0.9495, 1), percent(0.998), percent(1.0)
        ('94 %', '95.0 %', '99.8 %', '100 %')
    """
    figure = f"{100 * rate:.{digits}f}"
    if (float(figure) == 100 and rate < 1) or (float(figure) == 0 and rate > 0):
        figure = f"{min(max(100 * rate, 0.1), 99.9):.1f}"
    return f"{figure} %"


def duration(seconds: float) -> str:
    """A length of time as a person says it.

    Example:
        >>> duration(8.34), duration(134), duration(3601)
        ('8.3 s', '2 min 14 s', '1 h 0 min')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def nearest_name(name: str, known: Iterable[str]) -> str:
    """The known name that `name` may have been meant for; empty where none is near."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), "")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that suggests the nearest known name, led by a space; empty where none is near.

    Example:
        >>> did_you_mean("messy", ["messi", "salah"]), did_you_mean("xyz", ["messi"])
        (" Did you mean 'messi'?", '')
    """
    near = nearest_name(name, known)
    return f" Did you mean {near!r}?" if near else ""


_PLAIN_WORDS = re.compile(r"[\w.,/:+@%=~ -]+")


def shell_word(text: str) -> str:
    """A text as one word of a command that a person pastes into a shell, whatever is in it.

    Example:
        >>> shell_word("photos/1.jpg"), shell_word("my photos"), shell_word("a$b;c")
        ('photos/1.jpg', '"my photos"', "'a$b;c'")
    """
    if not text.isprintable():
        kept = "".join(rf"\{letter}" if letter in "\\'" else letter for letter in text)
        return "$'" + "".join(each if each.isprintable() else _escape(each) for each in kept) + "'"
    if _PLAIN_WORDS.fullmatch(text) and not text.startswith("~"):
        return f'"{text}"' if " " in text else text
    return shlex.quote(text)


def _escape(letter: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))
