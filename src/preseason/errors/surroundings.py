"""What a process must stand on before anything else is tried."""

from pathlib import Path

from preseason.errors import UsageError


def refuse_lost_folder() -> None:
    """Libraries of arithmetic end the whole process where the current folder is gone: say so before.

    Raises:
        UsageError: the current folder was deleted or moved.
    """
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError(
            "The current folder was deleted or moved. Go to a folder that is there (cd), and run it again."
        ) from None
