"""The registry of experiment trackers, and how one is named on the command line."""

import re
from collections.abc import Callable

from preseason.errors import UsageError
from preseason.registry import Registry
from preseason.runtime.callbacks import Callback

trackers = Registry[Callable[[str], Callback]]("experiment tracker", "preseason.experiments")
"""Each makes a callback of a place, which is empty for its usual one."""


def tracker(where: str) -> Callback:
    """The callback that keeps a fit at `where`: `tensorboard`, `mlflow:sqlite:///runs.db` and so on.

    Raises:
        UsageError: no tracker has that name.
        MissingPackageError: its packages are not installed.
    """
    name, _, place = where.partition(":")
    if not name:
        raise UsageError(f"{where!r} names no experiment tracker: expected one of {', '.join(trackers)}.")
    return trackers.get(name)(place)


def path_of(stage: str, metric: str) -> str:
    """The name under which a stage's figure is kept: a slash for each level, as trackers group by it.

    Example:
        >>> path_of("training: attention, 1 of 4", "loss")
        'training/attention/1 of 4/loss'
    """
    return "/".join([*re.split(r": |, ", stage), metric])
