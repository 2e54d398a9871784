"""Progress on stderr: a bar with a time left on a terminal, plain lines now and then elsewhere."""

import sys
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from preseason.formatting import duration

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from preseason.runtime.progress import Progress

LINE_EVERY_S = 10.0
BRIEF_S = 5.0
"""Stages shorter than this leave no line behind, but with `--verbose`."""


def progress(quiet: bool, verbose: bool = False) -> "Progress":
    """What a verb reports to: nothing under `--quiet`, bars on a terminal, plain lines otherwise.

    Args:
        verbose: every stage leaves a line behind, also the shortest.
    """
    from preseason.runtime.progress import Silent

    if quiet:
        return Silent()
    brief_s = 0.0 if verbose else BRIEF_S
    shown = Bars(brief_s) if sys.stderr.isatty() else Lines(sys.stderr, brief_s=brief_s)
    _tell_of_the_cache(shown)
    return shown


def _tell_of_the_cache(shown: "Progress") -> None:
    """Say where the cache lies for want of a home; nothing where it lies as usual or was named."""
    import click

    from preseason.runtime.cache_dir import cache_folder, is_temporary

    context = click.get_current_context(silent=True)
    place = cache_folder(None if context is None else context.params.get("cache"))
    if is_temporary(place):
        shown.say(
            f"There is no home folder to write to: the cache lies in {place} and may be cleared. Name a "
            "lasting one with PRESEASON_CACHE or --cache."
        )


@dataclass
class Stage:
    """A running stage: its count, and the speed since its first steps, which also warm things up."""

    name: str
    total: int
    begin: float
    done: int = 0
    said: float = 0.0
    warm: tuple[float, int] | None = None

    def advance(self, steps: int, now: float) -> None:
        """Count `steps` more at time `now` (seconds of one clock)."""
        if steps:
            self.done += steps
            self.warm = self.warm or (now, self.done)

    def left(self, now: float) -> float | None:
        """Seconds until the end, None before there is a speed to tell it from.

        Example:
            >>> stage = Stage("reading", 100, begin=0.0)
            >>> stage.advance(10, 30.0)  # the network was compiled
            >>> stage.left(30.0)
            >>> stage.advance(10, 31.0)
            >>> stage.left(31.0)
            8.0
        """
        if self.warm is None or self.done <= self.warm[1]:
            return None
        since, count = self.warm
        return (now - since) / (self.done - count) * max(self.total - self.done, 0)

    def closing(self, now: float, brief_s: float) -> str | None:
        """The line that stays when it is over; None where it took less than `brief_s` seconds."""
        took = now - self.begin
        return None if took < brief_s else f"  {self.name}: {self.done} in {duration(took)}"


class Lines:
    """Stages as plain lines: one every ten seconds while a stage runs, and one at its end.

    A stage within a stage reports itself; the outer one goes on when the inner one is over.
    """

    def __init__(self, stream: IO[str], every_s: float = LINE_EVERY_S, brief_s: float = 0.0) -> None:
        self._stream = stream
        self._every_s, self._brief_s = every_s, brief_s
        self._stages: list[Stage] = []

    def start(self, stage: str, total: int) -> None:
        """Begin a stage, inside the one that runs."""
        now = time.monotonic()
        self._stages.append(Stage(stage, total, now, said=now))

    def advance(self, steps: int = 1) -> None:
        """Count, and say so when it is time."""
        if not self._stages:
            return
        stage, now = self._stages[-1], time.monotonic()
        stage.advance(steps, now)
        if now - stage.said >= self._every_s:
            stage.said = now
            left = stage.left(now)
            rest = "" if left is None else f", {duration(left)} left"
            self.say(f"  {stage.name}: {stage.done} of {stage.total}{rest}")

    def finish(self) -> None:
        """Say how long the innermost stage took."""
        if self._stages:
            line = self._stages.pop().closing(time.monotonic(), self._brief_s)
            if line is not None:
                self.say(line)

    def say(self, line: str) -> None:
        """Write the line."""
        print(line, file=self._stream, flush=True)


class Bars:
    """Stages as bars, one below the other, that give way to one line each when they are over."""

    def __init__(self, brief_s: float = 0.0) -> None:
        from rich.console import Console

        self._brief_s = brief_s
        self._console = Console(stderr=True, highlight=False)
        self._stages: list[Stage] = []
        self._drawn: RichProgress | None = None

    def start(self, stage: str, total: int) -> None:
        """Draw a bar below those that are drawn."""
        if self._drawn is None:
            self._drawn = _bars(self._console)
            self._drawn.start()
        self._drawn.add_task(stage, total=total, left="")
        self._stages.append(Stage(stage, total, time.monotonic()))

    def advance(self, steps: int = 1) -> None:
        """Move the lowest bar."""
        if self._drawn is None:
            return
        stage, now = self._stages[-1], time.monotonic()
        stage.advance(steps, now)
        left = stage.left(now)
        text = "" if left is None else f"{duration(left)} left"
        self._drawn.update(self._drawn.task_ids[-1], advance=steps, left=text)

    def finish(self) -> None:
        """Replace the lowest bar by a line."""
        if self._drawn is None:
            return
        stage = self._stages.pop()
        self._drawn.remove_task(self._drawn.task_ids[-1])
        if not self._stages:
            self._drawn.stop()
            self._drawn = None
        line = stage.closing(time.monotonic(), self._brief_s)
        if line is not None:
            self.say(line)

    def say(self, line: str) -> None:
        """Write the line above the bars."""
        self._console.print(line, markup=False, soft_wrap=True)


def _bars(console: "object") -> "RichProgress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
    )
    return Progress(*columns, console=console, transient=True)  # type: ignore[arg-type]
