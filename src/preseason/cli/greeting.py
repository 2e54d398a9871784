"""What `preseason` alone says: three commands for what lies in the current folder."""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from preseason.formatting import shell_word

ENTRIES, FILES = 200, 300
"""Things in the folder, and files below one of them, that are looked at; a greeting must not keep waiting."""
EXAMPLES = 3
MODEL_FILE = "preseason.json"
WRITTEN = "texts"
KINDS = (
    ("photos", ("jpg", "jpeg", "png", "webp", "heic", "bmp", "tif", "tiff", "gif", "avif")),
    ("clips", ("mp4", "mov", "mkv", "avi", "webm", "m4v")),
    ("sounds", ("wav", "mp3", "ogg", "flac", "m4a", "aac", "opus")),
    (WRITTEN, ("txt", "md")),
)
"""What a folder is said to hold, by the endings of most names in it: a hint, which a fit does not follow."""
WITH_BOXES = "pictures with boxes"
BOXES = ("data.yaml", "obj.names", "_annotations.coco.json")
CODE = ("py", "js", "ts", "html", "css", "java", "c", "h", "cpp", "go", "rs", "php", "rb")
PROJECT = (".git", "pyproject.toml", "setup.py", "package.json")
"""A folder with one of these is a program's, not data."""
TABLE = "a table"
TABLES = ("csv", "tsv", "jsonl", "parquet", "xlsx")
KIND_OF = {ending: kind for kind, endings in KINDS for ending in endings}
ELSEWHERE = (
    ("a folder per label, photos inside", "preseason fit photos/ -o players"),
    ("a table of texts with labels", "preseason fit tweets.csv -o mood"),
    ("nothing at hand", "preseason demo"),
)


def greeting(place: Path) -> str:
    """The usual first commands, with the names of what lies in `place` where something usable does."""
    here = list(islice(_commands_for(place), EXAMPLES))
    rows = here or list(ELSEWHERE)
    width = max(len(what) for what, _ in rows)
    lines = [f"  {what.ljust(width)}   {command}" for what, command in rows]
    return "\n".join(
        [
            "preseason fine-tunes a pretrained network on a few labelled examples.",
            "",
            "In this folder:" if here else "To begin with:",
            *lines,
            "",
            "preseason fit DATA --dry-run says how data would be read; preseason --help lists all commands.",
        ]
    )


def _commands_for(place: Path) -> Iterator[tuple[str, str]]:
    entries = _entries(place)
    models = [path for path in entries if (path / MODEL_FILE).is_file()]
    kinds = {path: _kind_of(path) for path in entries if path not in models}
    plain = Counter(kind for path, (kind, labels) in kinds.items() if path.is_dir() and not labels and kind)
    for kind, folders in plain.items():
        if folders > 1 and kind not in (TABLE, WITH_BOXES):
            name = shell_word(f"../{place.resolve().name}-model")
            yield f"this folder: {folders} folders of {kind}", f"preseason fit . -o {name}"
    for path, (kind, labels) in kinds.items():
        named, output = shell_word(path.name + "/" * path.is_dir()), shell_word(f"{path.stem}-model")
        if labels > 1:
            yield f"{path.name}: {labels} folders of {kind}", f"preseason fit {named} -o {output}"
        elif kind in (TABLE, WITH_BOXES) or (kind == WRITTEN and plain[kind] == 1):
            yield f"{path.name}: {kind}", f"preseason fit {named} -o {output}"
    for path in models:
        yield f"{path.name}: a model", f"preseason serve {shell_word(path.name)}"


def _entries(place: Path) -> list[Path]:
    try:
        found = [path for path in islice(place.iterdir(), ENTRIES) if not path.name.startswith(".")]
    except OSError:
        return []
    return sorted(path for path in found if path.name.isprintable())


def _kind_of(path: Path) -> tuple[str, int]:
    """What a file or folder seems to hold, by the endings of names, and its number of class folders."""
    if any((path / name).exists() for name in PROJECT):
        return "", 0
    if path.is_file():
        return (TABLE, 0) if path.suffix.lower().lstrip(".") in TABLES else ("", 0)
    kinds: Counter[str] = Counter()
    labels: set[str] = set()
    code = 0
    for folder, name in islice(_files_below(path), FILES):
        ending = name.rpartition(".")[2].lower()
        if ending == "xml" or name in BOXES:
            return WITH_BOXES, 0
        code += ending in CODE
        kind = KIND_OF.get(ending, TABLE if ending in TABLES else "")
        kinds.update([kind] if kind else [])
        labels |= {folder} if folder else set()
    if code >= sum(kinds.values()):
        return "", 0
    return kinds.most_common(1)[0][0], len(labels)


def _files_below(root: Path) -> Iterator[tuple[str, str]]:
    """The first folder below `root` and the name, of a few files of every folder."""
    for folder, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        first = Path(folder).relative_to(root).parts[:1]
        yield from ((first[0] if first else "", name) for name in sorted(names)[:5])
