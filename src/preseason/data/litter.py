"""Files and folders that other programs leave beside a person's data, told by their names."""

import os
import re
from collections import Counter
from pathlib import Path

_NAMES = frozenset({
    # systems: macOS, Windows, Linux
    "__macosx", "icon\r", "network trash folder", "temporary items", "thumbs.db", "ehthumbs.db",
    "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "recycler", "system volume information", "lost+found",
    # network storage: Synology, QNAP
    "@eadir", "@tmp", "@sharebin", "@syno", "@database", "@recycle", "@recently-snapshot", "@__thumb",
    "#recycle", "#snapshot",
    # browsers of pictures, and programs that keep copies in step
    "thumbnails", "_thumbnails", "_thumbs", "picasa.ini", "zbthumbnail.info", "pspbrwse.jbf", "_gsdata_",
    # programming
    "__pycache__", "node_modules", "site-packages",
})  # fmt: skip
_ENDINGS = re.compile(
    r".+\.(lrdata|lrcat|lrcat-\w+|lrlibrary|photoslibrary|photolibrary|aplibrary|migratedphotolibrary|"
    r"cocatalog|cocatalogdb|cosessiondb|egg-info|pyc)|~\$.+|syno(file|photo)_thumb.*",
    re.IGNORECASE | re.DOTALL,
)
MAX_NAMED = 4
"""Different names of litter that a sentence lists."""
MAX_FOLDERS = 20_000
"""Folders that are looked into when litter is counted."""


def is_litter(name: str) -> bool:
    """Whether a name belongs to a system or another program rather than to the user's data.

    Example:
        >>> is_litter("@eaDir"), is_litter("2023 Previews.lrdata"), is_litter("@messi")
        (True, True, False)
    """
    return name.startswith(".") or name.lower() in _NAMES or _ENDINGS.fullmatch(name) is not None


def is_program(folder: Path) -> bool:
    """Whether a folder is an installed Python, whatever it is called."""
    return (folder / "pyvenv.cfg").is_file()


def litter_below(root: Path) -> str:
    """A line that counts the litter at and under `root` by its names; empty where there is none.

    Folders of litter count as one and are not looked into.
    """
    found = Counter[str]()
    for number, (folder, folders, files) in enumerate(os.walk(root)):
        astray = [name for name in folders if is_litter(name) or is_program(Path(folder, name))]
        found.update(name for name in (*astray, *filter(is_litter, files)))
        folders[:] = sorted(set(folders) - set(astray))
        if number >= MAX_FOLDERS:
            break
    if not found:
        return ""
    named = [f"{name} ({n})" if n > 1 else name for name, n in found.most_common(MAX_NAMED)]
    more = len(found) - len(named)
    rest = f" and {more} other names" if more > 1 else " and another name" if more else ""
    count = found.total()
    what = "1 file or folder" if count == 1 else f"{count} files and folders"
    return f"{what} of other programs left out by name: {', '.join(named)}{rest}."
