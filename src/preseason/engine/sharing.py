"""Extraction by several workers: one leads a fit and posts what must be computed, the others help.

The leader writes the orders of a pass to a folder below the cache, which all workers see. They are dealt
into units, and whoever holds a unit's lease computes its rows into a segment of the bank of its own. The
leader works as well and waits for the rest; so helpers may die, come late, or not come at all. Only the
leader decides anything.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from preseason.data.dataset import Sample
from preseason.engine.leases import BEAT_S, STALE_S, Leases, beat
from preseason.engine.passes import Box, Pass, pass_from
from preseason.progress import Progress

UNITS_EACH = 6
"""Units that a worker gets on average: enough for the quick to do more than the slow."""
FEWEST, MOST = 8, 512
"""Orders of a unit."""
PAUSE_S = 0.05
LOST_S = 120.0
"""Without a sign of life of the leader for so long, helpers give up."""


class Filling(Protocol):
    """What computes rows of one pass."""

    @property
    def shelf_name(self) -> str:
        """Where they are kept: workers of one run that differ in it do not share."""

    def writing(self) -> Any:
        """A context that gives a function: orders to why each failed one did, by its key."""

    def refresh(self) -> None:
        """Find the rows that others wrote."""


@dataclass(frozen=True)
class Job:
    """Orders of one pass, dealt into units."""

    name: str
    shelf: str
    plan: Pass
    orders: tuple[Any, ...]
    unit: int

    def units(self) -> range:
        """Numbers of the units."""
        return range(-(-len(self.orders) // self.unit))

    def of(self, unit: int) -> tuple[Any, ...]:
        """Orders of a unit."""
        return self.orders[unit * self.unit : (unit + 1) * self.unit]


class Board:
    """The folder through which the workers of one run speak.

    Args:
        workers: how many there are.
        stale_s: after which time a silent worker's lease is taken over.
    """

    def __init__(self, folder: Path, workers: int, stale_s: float = STALE_S) -> None:
        self.folder, self.workers, self.stale_s = folder, workers, stale_s
        self.leases = Leases(folder / "leases", stale_s)
        self._posted = 0

    @contextmanager
    def led(self) -> Iterator["Board"]:
        """Open for helpers while the block runs."""
        done = threading.Event()
        (self.folder / "leader").touch()
        beating = threading.Thread(target=beat, args=(self.folder / "leader", done, BEAT_S), daemon=True)
        beating.start()
        try:
            yield self
        finally:
            done.set()
            beating.join()
            (self.folder / "closed").touch()

    def post(self, shelf: str, plan: Pass, orders: Sequence[Any]) -> Job:
        """Ask the helpers for rows."""
        unit = min(MOST, max(FEWEST, -(-len(orders) // (UNITS_EACH * self.workers))))
        self._posted += 1
        job = Job(f"{self._posted:06d}", shelf, plan, tuple(orders), unit)
        values = {"shelf": shelf, "plan": asdict(plan), "unit": unit, "orders": [_values(o) for o in orders]}
        _write(self.folder / f"{job.name}.job", values)
        return job

    def jobs(self, make: Callable[[Sample, tuple[Box, ...]], Any], known: set[str]) -> Iterator[Job]:
        """Posted jobs whose names are not `known`, in order; `make` builds their orders."""
        for path in sorted(self.folder.glob("*.job")):
            if path.stem not in known:
                values = json.loads(path.read_text("utf-8"))
                orders = tuple(make(*_order(order)) for order in values["orders"])
                yield Job(path.stem, values["shelf"], pass_from(values["plan"]), orders, values["unit"])

    def share(self, filling: Filling, job: Job, progress: Progress, stage: str) -> dict[str, str]:
        """Lead a job to its end: work on it and wait for the others; why each failed order did."""
        progress.start(stage, len(job.orders))
        told = 0
        while True:
            self.work(filling, job)
            done = [unit for unit in job.units() if self._done(job, unit).exists()]
            count = sum(len(job.of(unit)) for unit in done)
            progress.advance(count - told)
            told = count
            if len(done) == len(job.units()):
                break
            time.sleep(PAUSE_S)
        progress.finish()
        filling.refresh()
        failed: dict[str, str] = {}
        for unit in job.units():
            failed |= json.loads(self._done(job, unit).read_text("utf-8"))
        return failed

    def work(self, filling: Filling, job: Job) -> None:
        """Do one unit after the other that nobody holds."""
        with filling.writing() as fill:
            for unit in job.units():
                if self._done(job, unit).exists():
                    continue
                with self.leases.hold(f"{job.name}-{unit}") as held:
                    if held and not self._done(job, unit).exists():
                        _write(self._done(job, unit), fill(job.of(unit)))

    def help(self, make: Callable[[Sample, tuple[Box, ...]], Any], filling: Callable[[Pass], Filling]) -> int:
        """Work on what is posted until the leader closes the board or dies; how many jobs were seen."""
        leader, finished = Leases(self.folder / "leases", LOST_S), set[str]()
        while not (self.folder / "closed").exists() and not leader.stale(self.folder / "leader"):
            for job in self.jobs(make, finished):
                own = filling(job.plan)
                if own.shelf_name == job.shelf:
                    self.work(own, job)
                if own.shelf_name != job.shelf or all(self._done(job, u).exists() for u in job.units()):
                    finished.add(job.name)
            time.sleep(PAUSE_S)
        return len(finished)

    def _done(self, job: Job, unit: int) -> Path:
        return self.folder / f"{job.name}-{unit}.done"


def _values(order: Any) -> dict[str, Any]:
    sample = order.sample
    return {
        "text": isinstance(sample.source, str),
        "source": str(sample.source),
        "span": sample.span,
        "fingerprint": sample.fingerprint,
        "variant": sample.variant,
        "looks": order.looks,
    }


def _order(values: dict[str, Any]) -> tuple[Sample, tuple[Box, ...]]:
    sample = Sample(
        values["source"] if values["text"] else Path(values["source"]),
        span=None if values["span"] is None else (values["span"][0], values["span"][1]),
        fingerprint=values["fingerprint"],
        variant=values["variant"],
    )
    return sample, tuple(Box(*look) for look in values["looks"])


def _write(path: Path, values: Any) -> None:
    """Appear whole or not at all."""
    temporary = path.with_suffix(f".{uuid.uuid4().hex}")
    temporary.write_text(json.dumps(values), "utf-8")
    temporary.replace(path)
