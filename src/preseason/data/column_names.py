"""What people call the columns of their tables, and whether a first line names columns at all."""

import re
from collections.abc import Mapping, Sequence

# spellings of each column, the likeliest first; matched without case, dashes, underscores or spaces
_PATH = ("path", "file", "filename", "filepath", "image", "imagepath", "imagefile", "imagename", "photo")
_LABEL = ("label", "class", "classname", "labelname", "category", "player", "target", "action", "name")
COLUMNS: dict[str, tuple[str, ...]] = {
    "path": (*_PATH, "picture", "img", "imgpath", "clip", "video", "videopath", "audio", "sound"),
    "label": (*_LABEL, "labels", "choice", "tag", "annotation", "groundtruth", "categoryname", "y"),
    "group": ("group", "groupid", "match", "matchid", "game", "gameid", "session", "burst", "videoid"),
    "part": ("part", "split", "set", "subset", "partition", "fold", "usage"),
    "start": ("start", "starts", "starttime", "begin", "from"),
    "end": ("end", "ends", "endtime", "stop", "to"),
}
IDS = ("imageid", "id", "imgid", "fileid", "photoid", "videoid", "clipid", "uuid")
"""Columns that name a file where no other does."""
ORIGINS = frozenset(
    {"license", "licence", "licenses", "licences", "copyright", "rights", "author", "authors", "attribution"}
    | {"credit", "credits", "url", "uploader", "recordist", "photographer"}
)
"""Columns that say whose a file is, never what it shows."""
_TEXT = ("text", "tweet", "sentence", "review", "comment", "message", "content", "body", "post", "document")
_SAID = ("sentiment", "topic", "emotion", "intent", "stance", "polarity")
TEXT_COLUMNS: dict[str, tuple[str, ...]] = {
    "text": (*_TEXT, "texts", "tweettext", "fulltext", "reviewtext", "headline", "utterance", "description"),
    "label": ("label", *_SAID, "accept", *(s for s in COLUMNS["label"] if s not in ("label", "name", "y"))),
    "group": (*COLUMNS["group"], "thread", "threadid", "conversation", "conversationid", "author"),
    "part": COLUMNS["part"],
}
_OTHERS = (
    "time",
    "event",
    "gametime",
    "position",
    "half",
    "prompt",
    "response",
    "question",
    "answer",
    "messages",
)
_KNOWN = frozenset(
    {spelling for roles in (COLUMNS, TEXT_COLUMNS) for spellings in roles.values() for spelling in spellings}
    | {*IDS, *_OTHERS}
)
_FILE = re.compile(r".*[^\s.]\.(?=\w*[a-z])\w{2,4}", re.IGNORECASE | re.DOTALL)
_LONG_WORDS, LONG_NAME = 5, 60
"""Words and characters from which on a cell is a text, not a name."""


def plain(name: str) -> str:
    """A name in small letters and digits alone: `File Name` and `file_name` are one.

    Example:
        >>> plain("File-Name ")
        'filename'
    """
    return "".join(filter(str.isalnum, name.lower()))


def guess_columns(header: Sequence[str], roles: Mapping[str, Sequence[str]] = COLUMNS) -> dict[str, str]:
    """Which column plays which role, by its name, e.g. {"path": "File Name", "label": "Player"}.

    Example:
        >>> guess_columns(("Player", "file-name", "age"))
        {'path': 'file-name', 'label': 'Player'}

    Args:
        header: names of the columns.
        roles: spellings of each role, the likeliest first, as of `plain`.
    """
    called = {plain(name): name for name in reversed(header) if name.strip()}
    found = {
        role: next((called[spelling] for spelling in spellings if spelling in called), None)
        for role, spellings in roles.items()
    }
    return {role: name for role, name in found.items() if name is not None}


def is_file_name(cell: str) -> bool:
    """Whether a cell looks like the name of a file, by its ending.

    Example:
        >>> is_file_name("images/1.png"), is_file_name("goal"), is_file_name("1.5")
        (True, False, False)
    """
    return _FILE.fullmatch(cell) is not None


def names_nothing(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether what stands in the first line is an example itself, as in a table without a header.

    It is when no cell is a known name, and one is a file among files, a long text, or a value of its column.
    """
    if not rows or any(plain(name) in _KNOWN for name in header):
        return False
    width = len(header)
    counted = tuple(str(number) for number in range(width))
    if any(len(row) != width for row in rows) or tuple(header) in (counted, ("", *counted[:-1])):
        return False  # pandas numbers columns that have no names
    return any(_is_value(name.strip(), [row[at].strip() for row in rows]) for at, name in enumerate(header))


def _is_value(name: str, cells: Sequence[str]) -> bool:
    if _FILE.fullmatch(name):
        return any(_FILE.fullmatch(cell) for cell in cells)
    if len(name.split()) >= _LONG_WORDS or len(name) > LONG_NAME:
        return True
    return bool(name) and name in cells and len(set(cells)) < len(cells)
