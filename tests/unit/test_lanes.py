"""Work side by side: one stage, told in the thread that waits; what breaks one lane ends all."""

import threading
from dataclasses import dataclass, field

import pytest

from preseason.runtime.lanes import Lane, side_by_side


@dataclass
class Heard:
    """A progress that keeps what it is told, and by which thread."""

    told: list[tuple[object, ...]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def _note(self, *what: object) -> None:
        self.told.append(what)
        self.threads.add(threading.get_ident())

    def start(self, stage: str, total: int) -> None:
        self._note("start", stage, total)

    def advance(self, steps: int = 1) -> None:
        self._note("advance", steps)

    def finish(self) -> None:
        self._note("finish")

    def say(self, line: str) -> None:
        self._note("say", line)

    def epoch(self, stage: str, epoch: int, metrics: object) -> None:
        self._note("epoch", stage, epoch)

    def metrics(self, metrics: object) -> None:
        self._note("metrics", metrics)


def test_results_keep_their_order_and_one_stage_has_all_steps() -> None:
    heard = Heard()

    def piece(number: int, steps: int) -> object:
        def run(lane: Lane) -> int:
            lane.start(f"own {number}", steps)
            for step in range(steps):
                lane.advance()
                lane.epoch(f"own {number}", step + 1, {"loss": 1.0})
            lane.finish()
            return number

        return run

    assert side_by_side([piece(1, 2), piece(2, 3)], "both", heard) == [1, 2]  # type: ignore[list-item]
    assert ("start", "both", 5) in heard.told
    assert heard.told[-1] == ("finish",)
    assert sum(int(str(each[1])) for each in heard.told if each[0] == "advance") == 5
    assert ("epoch", "own 2", 3) in heard.told
    assert heard.threads == {threading.get_ident()}


def test_what_one_lane_raises_ends_the_others() -> None:
    begun = threading.Event()

    def endless(lane: Lane) -> int:
        lane.start("endless", 1)
        begun.set()
        while True:
            lane.advance(0)

    def broken(lane: Lane) -> int:
        begun.wait(10)
        raise MemoryError("full")

    with pytest.raises(MemoryError, match="full"):
        side_by_side([endless, broken], "both", Heard())


def test_an_interrupt_of_the_thread_that_waits_ends_all_lanes() -> None:
    class Interrupted(Heard):
        def say(self, line: str) -> None:
            raise KeyboardInterrupt

    ended = threading.Event()

    def endless(lane: Lane) -> None:
        lane.say("begun")
        try:
            while True:
                lane.advance(0)
        finally:
            ended.set()

    with pytest.raises(KeyboardInterrupt):
        side_by_side([endless], "one", Interrupted())
    assert ended.is_set()
