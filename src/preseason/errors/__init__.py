"""Every error a user can meet, each with the exit code the command line ends with and a stable code."""

from collections.abc import Callable
from typing import Any, ClassVar

from preseason.errors.codes import CODES


class PreseasonError(Exception):
    """Base class of all errors raised on purpose; messages say what was received, expected, and what to do.

    Attributes:
        code: stable name of what went wrong, e.g. "PS-D02"; `general`, of the class if none is narrower.
    """

    exit_code: ClassVar[int] = 1
    general: ClassVar[str] = "PS-X01"

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = self.general if code is None else code
        if self.code not in CODES:
            raise ValueError(f"{self.code} is explained nowhere: add it to preseason.errors.codes")

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """A worker's error reaches the process that waits for it, whatever arguments its class takes."""
        return _again, (type(self), self.args, vars(self))


def _again(kind: type[PreseasonError], args: tuple[Any, ...], state: dict[str, Any]) -> PreseasonError:
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error


class UsageError(PreseasonError):
    """A setting, name or argument that cannot be used."""

    exit_code = 2
    general = "PS-U01"


class DeviceMemoryError(PreseasonError):
    """The memory of the graphics processor is too small for what is asked of it."""

    exit_code = 2
    general = "PS-U05"

    def __init__(self) -> None:
        super().__init__(
            "The GPU is out of memory. Use a smaller --batch-size, stop other programs that use "
            "it (`nvidia-smi` shows them), or use --device cpu."
        )


def device_is_full(error: BaseException) -> bool:
    """Whether torch says so; asked by name, so that torch need not be imported."""
    return type(error).__name__ == "OutOfMemoryError"


def first_line(error: BaseException) -> str:
    """What an error of another library says first, without a full stop; its class where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]


class WorkersError(PreseasonError):
    """Workers of one fit that are gone, and without whom it cannot go on."""

    general = "PS-G01"


class ExportError(UsageError):
    """A model that cannot be exported as asked, or whose export answers differently."""

    general = "PS-E01"


class DataError(PreseasonError):
    """Labelled data from which nothing can be learnt as it stands."""

    exit_code = 3
    general = "PS-D01"


class MediaError(DataError):
    """One file that cannot be decoded; readers turn it into a named skip."""

    general = "PS-F01"


class WeightsError(PreseasonError):
    """Pretrained weights that are absent or do not fit the network."""

    exit_code = 4
    general = "PS-W01"


class ModelFolderError(PreseasonError):
    """A saved model folder that is incomplete, damaged or of an unknown format."""

    exit_code = 5
    general = "PS-M01"


class CacheError(PreseasonError):
    """A feature bank that cannot be written: full disk, unwritable folder."""

    exit_code = 3
    general = "PS-C01"
