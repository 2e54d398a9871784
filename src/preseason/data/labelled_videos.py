"""Long videos with labelled actions, however they lie on disk: SoccerNet's folders or a table."""

from pathlib import Path

from preseason.data import action_tables, soccernet
from preseason.data.actions import LabelledVideos
from preseason.data.gathering import Check, Duration, Gathering
from preseason.data.rows import is_table
from preseason.errors import DataError


def holds_actions(root: Path, duration: Duration | None = None) -> bool:
    """Whether `root` is labelled with times of actions in long videos, to be spotted rather than classified.

    That is a folder with SoccerNet's label files, one of these files, a table that `action_tables.holds`,
    or a folder with one such table. A table of clips (start and end in seconds, each video once or short)
    and a table of photos with a time in it are none.

    Args:
        root: an existing file or folder; False where there is nothing.
        duration: measures a video, where that helps to tell.

    Raises:
        DataError: a table lists actions of matches whose videos are not there.
    """
    if soccernet.label_files(root):
        return True
    if root.is_file():
        if not is_table(root):
            return False
        found = action_tables.holds(root, duration)
        if not found:
            action_tables.refuse_without_videos(root)
        return found
    return action_tables.table_in(root, duration) is not None


def read(root: Path, check: Check, duration: Duration | None = None) -> LabelledVideos:
    """Every labelled video under `root` with its actions; what cannot be used is named in `skipped`.

    Args:
        root: an existing file or folder.
        check: None for a usable video, or why it is none; reads its head only.
        duration: seconds of a video, so that times past its end are found; see `Gathering`.

    Raises:
        DataError: there is nothing at `root`, it is laid out otherwise, or no action is usable.
    """
    if not root.exists():
        raise DataError(f"There is no file or folder {root}. Check the spelling, or give the full path.")
    gathering = Gathering(root, check, duration)
    labels = soccernet.label_files(root)
    for path in labels:
        soccernet.gather(path, gathering)
    if not labels:
        action_tables.gather(_table(root, duration), gathering)
    return gathering.result()


def _table(root: Path, duration: Duration | None) -> Path:
    table = root if root.is_file() else action_tables.table_in(root, duration)
    if table is None or not is_table(table):
        raise DataError(
            f"{root} says no times of actions. Expected {action_tables.EXPECTS}, one of them in the folder, "
            f"or SoccerNet's folders with a {soccernet.LABEL_FILES[0]} for each match."
        )
    return table
