"""Threads do not live on in a forked process: what depends on them would wait there for ever.

OpenVINO and torch compute on threads of their own, which exist in the process that first computed. A child
that was forked from it (multiprocessing's "fork", `gunicorn --preload`, Celery's prefork) has none of them.
"""

import os

from preseason.errors import UsageError

_computing: list[int] = []
"""The process whose libraries have started threads."""


class ForkedError(UsageError):
    """A process that was forked from one that had computed already."""

    general = "PS-U07"

    def __init__(self) -> None:
        super().__init__(
            "This process was forked from one in which preseason had computed already, and the threads that "
            "compute stayed there. Start workers by spawn or forkserver "
            "(multiprocessing.get_context('spawn')), leave out gunicorn's --preload, or load the model and "
            "ask it only in the worker."
        )


def compute_here() -> None:
    """Note that threads compute in this process from now on.

    Raises:
        ForkedError: they were started in a process that this one was forked from.
    """
    if not _computing:
        _computing.append(os.getpid())
    refuse_fork()


def refuse_fork() -> None:
    """Nothing, where the threads that compute are those of this process, or none have started.

    Raises:
        ForkedError: they were started in a process that this one was forked from.
    """
    if _computing and _computing[0] != os.getpid():
        raise ForkedError
