"""Pictures below a folder, found by what a label file calls them."""

from collections import defaultdict
from functools import cached_property
from pathlib import Path

from preseason.data.box_reading import pictures_below


class PictureIndex:
    """Pictures below `root`, by path, by name, and by name without its suffix.

    Attributes:
        root: the folder, absolute.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @cached_property
    def pictures(self) -> list[Path]:
        """All of them, in order."""
        return pictures_below(self.root)

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: defaultdict[str, list[Path]] = defaultdict(list)
        for path in self.pictures:
            found[path.name].append(path)
            found[path.stem].append(path)
        return found

    def find(self, name: str, folders: list[Path]) -> Path | None:
        """The picture that `name` means: at that path in one of `folders`, else the only one so called.

        A name without a suffix is that of any picture so called, and folders in front of it may be those of
        another machine.
        """
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        if not parts:
            return None
        for first in range(len(parts)):
            for folder in folders:
                path = folder.joinpath(*parts[first:])
                if _is_file(path):
                    return path
        for key in (parts[-1], parts[-1].rsplit(".", 1)[0]):
            several = self._by_name.get(key, [])
            near = [path for path in several if path.parent in folders] or several
            if len(near) == 1:
                return near[0]
        return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name longer than may be, or with a zero in it
        return False
