"""Progress of tasks on a Ray cluster: told into a queue there, shown by the process that leads."""

from collections.abc import Mapping
from typing import Any

from preseason.runtime.callbacks import tell_epoch, tell_metrics
from preseason.runtime.progress import Progress


class Telling:
    """A task's progress, which goes to the leader."""

    def __init__(self, events: Any, number: int) -> None:
        self._events, self._number = events, number

    def _draw(self, name: str, *values: Any) -> None:
        if self._number == 0:
            self._tell(name, *values)

    def _tell(self, name: str, *values: Any) -> None:
        self._events.put((name, values))

    def start(self, stage: str, total: int) -> None:
        """A stage of `total` steps begins."""
        self._draw("start", stage, total)

    def advance(self, steps: int = 1) -> None:
        """So many steps are done."""
        self._draw("advance", steps)

    def finish(self) -> None:
        """The stage is over."""
        self._draw("finish")

    def say(self, line: str) -> None:
        """A line for the user."""
        self._tell("say", line)

    def epoch(self, stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """What an epoch of a training measured."""
        self._tell("epoch", stage, epoch, dict(metrics))

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """What the fit measured."""
        self._tell("metrics", dict(metrics))


class Shown:
    """What the user sees of several tasks: the bar of the first, the epochs and lines of all."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._stages = progress, 0

    def take(self, events: Any) -> None:
        """Show what the tasks told since."""
        for name, values in events.get_nowait_batch(events.qsize()):
            if name == "epoch":
                tell_epoch(self._progress, *values)
            elif name == "metrics":
                tell_metrics(self._progress, *values)
            elif name == "say":
                self._progress.say(*values)
            else:
                if name == "start":
                    self.close()  # of a try whose machine was lost
                self._stages += {"start": 1, "finish": -1}.get(name, 0)
                getattr(self._progress, name)(*values)

    def close(self) -> None:
        """End the bar."""
        while self._stages > 0:
            self._progress.finish()
            self._stages -= 1
