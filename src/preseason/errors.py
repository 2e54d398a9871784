"""Every error a user can meet, each with the exit code the command line ends with."""

from typing import ClassVar


class PreseasonError(Exception):
    """Base of all errors raised on purpose; the message says what was received, expected, and next."""

    exit_code: ClassVar[int] = 1


class UsageError(PreseasonError):
    """A setting, name or argument that cannot be used."""

    exit_code = 2


class ExportError(UsageError):
    """A model that cannot be exported as asked, or whose export answers differently."""


class DataError(PreseasonError):
    """Labelled data from which nothing can be learnt as it stands."""

    exit_code = 3


class MediaError(DataError):
    """One file that cannot be decoded; readers turn it into a named skip."""


class WeightsError(PreseasonError):
    """Pretrained weights that are absent or do not fit the network."""

    exit_code = 4


class ModelFolderError(PreseasonError):
    """A saved model folder that is incomplete, damaged or of an unknown format."""

    exit_code = 5


class CacheError(PreseasonError):
    """A feature bank that cannot be written: full disk, unwritable folder."""

    exit_code = 3
