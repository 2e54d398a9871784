"""Progress on stderr: a bar with a time left on a terminal, plain lines now and then elsewhere."""

import sys
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from preseason.progress import Progress

LINE_EVERY_S = 10.0


def progress(quiet: bool) -> "Progress":
    """What a verb reports to: nothing under `--quiet`, bars on a terminal, plain lines otherwise."""
    from preseason.progress import Silent

    if quiet:
        return Silent()
    return Bars() if sys.stderr.isatty() else Lines(sys.stderr)


def duration(seconds: float) -> str:
    """A length of time as a person says it.

    Example:
        >>> duration(8.34), duration(134)
        ('8.3 s', '2 min 14 s')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


class Lines:
    """Stages as plain lines: one every ten seconds while a stage runs, and one at its end."""

    def __init__(self, stream: IO[str], every_s: float = LINE_EVERY_S) -> None:
        self._stream = stream
        self._every_s = every_s
        self._stage = ""
        self._done = self._total = 0
        self._begin = self._said = 0.0

    def start(self, stage: str, total: int) -> None:
        """Begin a stage; one that still runs is over."""
        self.finish()
        self._stage, self._total, self._done = stage, total, 0
        self._begin = self._said = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        """Count, and say so when it is time."""
        self._done += steps
        now = time.monotonic()
        if now - self._said >= self._every_s:
            self._said = now
            left = (now - self._begin) / max(self._done, 1) * max(self._total - self._done, 0)
            self.say(f"  {self._stage}: {self._done} of {self._total}, {duration(left)} left")

    def finish(self) -> None:
        """Say how long the stage took."""
        if self._stage:
            self.say(f"  {self._stage}: {self._done} in {duration(time.monotonic() - self._begin)}")
        self._stage = ""

    def say(self, line: str) -> None:
        """Write the line."""
        print(line, file=self._stream, flush=True)


class Bars:
    """Stages as bars that give way to one line each when they are over."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._lines = Lines(self._console.file)
        self._bar: RichProgress | None = None

    def start(self, stage: str, total: int) -> None:
        """Draw a bar; one that is still drawn is over."""
        self.finish()
        self._bar = _bar(self._console)
        self._bar.add_task(stage, total=total)
        self._bar.start()
        self._begin, self._stage, self._done = time.monotonic(), stage, 0

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._done += steps
            self._bar.advance(self._bar.task_ids[0], steps)

    def finish(self) -> None:
        """Replace the bar by a line."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self.say(f"  {self._stage}: {self._done} in {duration(time.monotonic() - self._begin)}")

    def say(self, line: str) -> None:
        """Write the line above the bar."""
        self._console.print(line, markup=False, soft_wrap=True)


def _bar(console: "object") -> "RichProgress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)  # type: ignore[arg-type]
