"""How long work reports itself: stages with a count, a total and, from these, a time left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """Where stages report to; the command line draws bars, the library stays silent."""

    def start(self, stage: str, total: int) -> None:
        """A stage of `total` steps begins."""

    def advance(self, steps: int = 1) -> None:
        """`steps` more of the running stage are done."""

    def finish(self) -> None:
        """The running stage is over."""

    def say(self, line: str) -> None:
        """One line for the user, e.g. what was found or decided."""


class Silent:
    """A progress that shows nothing."""

    def start(self, stage: str, total: int) -> None:
        """Ignore."""

    def advance(self, steps: int = 1) -> None:
        """Ignore."""

    def finish(self) -> None:
        """Ignore."""

    def say(self, line: str) -> None:
        """Ignore."""


@dataclass
class Stopwatch:
    """Wall seconds by stage, added up over repeated use."""

    seconds: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block under `name`."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - begin

    def elapsed(self) -> float:
        """Seconds since this stopwatch was made."""
        return time.monotonic() - self.started
