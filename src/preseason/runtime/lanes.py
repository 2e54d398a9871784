"""Pieces of work side by side, one thread each, reporting as one stage in the thread that waits for them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event
from typing import TypeVar

from preseason.runtime.callbacks import tell_epoch, tell_metrics
from preseason.runtime.progress import Progress

T = TypeVar("T")

Report = Callable[[], None]
"""What a lane has to say, said in the thread that waits."""


class StoppedError(Exception):
    """Raised in a lane at its next step once the work is given up; it is never seen outside."""


class _Stage:
    """The stage that all lanes form: begins when each has told its steps, and has the sum of them."""

    def __init__(self, name: str, lanes: int, progress: Progress) -> None:
        self.name, self.missing, self.progress = name, lanes, progress
        self.total, self.done = 0, 0
        self.running = False

    def add(self, steps: int) -> None:
        self.total, self.missing = self.total + steps, self.missing - 1
        if self.missing == 0:
            self.progress.start(self.name, self.total)
            self.running = True
            self.progress.advance(self.done)

    def advance(self, steps: int) -> None:
        self.done += steps
        if self.running:
            self.progress.advance(steps)

    def finish(self) -> None:
        if self.running:
            self.progress.finish()


class Lane:
    """The progress of one piece of work, a `Telling`; raises `StoppedError` when a step ends too late."""

    def __init__(self, stage: _Stage, reports: "SimpleQueue[Report | None]", given_up: Event) -> None:
        self._stage, self._reports, self._given_up = stage, reports, given_up

    def start(self, stage: str, total: int) -> None:
        """So many steps are added to the stage of all lanes; a lane has one stage."""
        self._reports.put(lambda: self._stage.add(total))

    def advance(self, steps: int = 1) -> None:
        """`steps` more are done."""
        self._reports.put(lambda: self._stage.advance(steps))
        if self._given_up.is_set():
            raise StoppedError

    def finish(self) -> None:
        """Nothing: the stage ends with its last lane."""

    def say(self, line: str) -> None:
        """A line for the user."""
        self._reports.put(lambda: self._stage.progress.say(line))

    def epoch(self, stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch is over."""
        told = dict(metrics)
        self._reports.put(lambda: tell_epoch(self._stage.progress, stage, epoch, told))

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """Figures by name."""
        told = dict(metrics)
        self._reports.put(lambda: tell_metrics(self._stage.progress, told))


def side_by_side(pieces: Sequence[Callable[[Lane], T]], stage: str, progress: Progress) -> list[T]:
    """The result of each piece of work, in order; all run at once.

    What one raises, or what interrupts the thread that waits, ends the others at their next step and is
    raised here.

    Args:
        pieces: called with the progress they report to, on which they start one stage.
        stage: the name under which all are shown.
    """
    reports: SimpleQueue[Report | None] = SimpleQueue()
    given_up, whole = Event(), _Stage(stage, len(pieces), progress)

    def ended(future: "Future[T]") -> None:
        if future.exception() is not None:
            given_up.set()
        reports.put(None)

    with ThreadPoolExecutor(len(pieces), "lane") as pool:
        futures = [pool.submit(piece, Lane(whole, reports, given_up)) for piece in pieces]
        for future in futures:
            future.add_done_callback(ended)
        try:
            running = len(futures)
            while running:
                report = reports.get()
                if report is None:
                    running -= 1
                else:
                    report()
        finally:
            given_up.set()
    whole.finish()
    errors = [error for future in futures if (error := future.exception()) is not None]
    if errors:
        raise next((each for each in errors if not isinstance(each, StoppedError)), errors[0])
    return [future.result() for future in futures]
