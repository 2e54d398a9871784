"""Texts from files, whatever program wrote them."""

import codecs
import re
from pathlib import Path

from preseason.errors import MediaError
from preseason.media import content

MAX_BYTES = 20_000_000
"""A larger file is a log or a dump, not one example."""
SUFFIXES = frozenset({".txt", ".text", ".md"})
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ALPHABETS = ("cp1251", "koi8_r", "cp1253", "cp1256", "cp1255", "cp932", "gb18030", "big5", "euc_kr")
_GUESSED_FROM = 2**16  # bytes
_FOREIGN_RUN = re.compile(rb"[\x80-\xff]{3,}")
_LATIN_WORD = re.compile(rb"[A-Za-z]{3,}")
_RETWEET = re.compile(r"^\s*(?:RT|MT)\s+@\w+\s*:?\s*", re.IGNORECASE)
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_MENTION = re.compile(r"@\w+")


def decoded(data: bytes) -> str:
    """Bytes as text: by the byte-order mark, else UTF-8, else what Windows writes.

    UTF-8 with a few broken bytes stays UTF-8; they become question marks. Of other bytes `encoding_of` tells
    the alphabet where most letters are not Latin ones; else they are cp1252, or an old Mac's where lines end
    as there.

    Raises:
        MediaError: these bytes are no text.

    Example:
        >>> decoded("Müller".encode("cp1252")), decoded("Müller".encode("utf-16"))
        ('Müller', 'Müller')
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\x00" in data:
        return _without_mark(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _nearly_utf8(data) or data.decode(encoding_of(data) or _latin(data), "replace")


def encoding_of(data: bytes) -> str | None:
    """The encoding of an alphabet that is not Latin, guessed; None where the bytes are UTF or Latin letters.

    Example:
        >>> encoding_of("Гол забил Салах".encode("cp1251")), encoding_of("Müller".encode("cp1252"))
        ('cp1251', None)
    """
    head = data[:_GUESSED_FROM]
    if data.startswith(tuple(mark for mark, _ in _MARKS)) or b"\x00" in data or head.isascii():
        return None
    foreign, words = len(_FOREIGN_RUN.findall(head)), len(_LATIN_WORD.findall(head))
    if not foreign or 4 * foreign < words or _is_utf8(data) or _nearly_utf8(data):
        return None
    from charset_normalizer import from_bytes

    best = from_bytes(head, cp_isolation=list(_ALPHABETS)).best()
    return None if best is None else best.encoding


def _latin(data: bytes) -> str:
    """Latin letters as Windows writes them; an old Mac ends its lines with a carriage return alone."""
    return "mac_roman" if b"\r" in data and b"\n" not in data else "cp1252"


def letters_guessed(data: bytes) -> str | None:
    """The encoding of letters that are not those of UTF, which is a guess; None where there are none."""
    if data.isascii() or b"\x00" in data or data.startswith(tuple(mark for mark, _ in _MARKS)):
        return None
    if _is_utf8(data) or _nearly_utf8(data):
        return None
    return encoding_of(data) or _latin(data)


def encodable(text: str) -> str:
    """Text without halves of surrogate pairs, which no encoding can hold: pairs joined, the rest replaced.

    Example:
        >>> encodable("goal \\ud83d"), encodable("goal \\ud83d\\ude00") == "goal \U0001f600"
        ('goal \ufffd', True)
    """
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def read_text(path: Path, max_bytes: int | None = MAX_BYTES) -> str:
    """The text of a file, without spaces around it.

    Args:
        max_bytes: the largest file that is read; None for any.

    Raises:
        MediaError: it cannot be opened, is too large, is no text, or is empty.
    """
    try:
        if max_bytes is not None and path.stat().st_size > max_bytes:
            raise MediaError(f"larger than {max_bytes // 1_000_000} MB, which is no single text")
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(content.opening_failure(error)) from None
    return text_of(data)


def text_of(data: bytes) -> str:
    """Bytes as a text, without spaces around it.

    Raises:
        MediaError: it is no text, or empty.
    """
    text = decoded(data).strip()
    if not text:
        raise MediaError("an empty text")
    return text


def check(path: Path) -> str | None:
    """None for a file of plain text, else the reason why it is none; reads its head only.

    A file without a suffix is one where its name holds a number, as those of old collections do.
    """
    if path.suffix.lower() not in SUFFIXES and not is_numbered(path.name):
        return check_head(b"", path.name)
    try:
        return check_head(content.read_head(path), path.name)
    except MediaError as error:
        return str(error)


def is_numbered(name: str) -> bool:
    """Whether a file's name has no suffix and holds a number: `53068`, `message_12`."""
    return Path(name).suffix == "" and any(map(str.isdigit, name))


def check_head(head: bytes, name: str) -> str | None:
    """As `check`, of the first bytes of a file and its name."""
    suffix = Path(name).suffix
    if suffix.lower() not in SUFFIXES and not is_numbered(name):
        return f"no text file (expected {', '.join(sorted(SUFFIXES))})"
    if not head.strip():
        return "an empty file"
    kind = content.kind(head)
    if kind in ("text file", "XML file", "web page", None):
        return None if kind or not _is_binary(head) else "no text but binary data"
    return f"a {kind} saved as {suffix}, not a text" if suffix else f"a {kind}, not a text"


def essence(text: str) -> str:
    """What a text says without who passed it on: no retweet mark, links, mentions, case, punctuation.

    Empty where nothing else is in it.

    Example:
        >>> essence("RT @fifa: What a GOAL!! https://t.co/x")
        'what a goal'
    """
    bare = _MENTION.sub(" ", _LINK.sub(" ", _RETWEET.sub("", text)))
    letters = "".join(each if each.isalnum() else " " for each in bare.casefold())
    return " ".join(letters.split())


def _without_mark(data: bytes) -> str:
    """UTF-16 without its mark shows as a zero in every second byte of plain letters."""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if max(even, odd) < 0.3 * len(data) / 2 or min(even, odd) > 0.02 * len(data):
        raise MediaError("no text but binary data")
    return data.decode("utf-16-le" if odd > even else "utf-16-be", "replace")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _nearly_utf8(data: bytes) -> str | None:
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    foreign = sum(not letter.isascii() for letter in text) - broken
    return text if foreign > 3 * broken else None


def _is_binary(head: bytes) -> bool:
    try:
        return any(ord(c) < 32 and c not in "\t\n\r\f\x1b" for c in decoded(head[: len(head) // 4 * 4]))
    except MediaError:
        return True
