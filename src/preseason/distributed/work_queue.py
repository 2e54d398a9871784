"""Work shared by several workers: one leads a fit and posts jobs, the others help.

The leader writes what a job consists of to a folder below the cache, which all workers see. A job has
numbered units, and whoever holds a unit's lease does it and leaves its result. The leader works as well and
waits for the rest; so helpers may die, come late, or not come at all. Only the leader decides anything.

A job's name holds a digest of what it consists of: a run that is started again under the same name, as SLURM
does, never takes results of other work for its own.
"""

import hashlib
import json
import math
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.distributed.leases import BEAT_S, STALE_S, Leases, beat
from preseason.errors import CacheError
from preseason.runtime.files import write_text
from preseason.runtime.progress import Progress

PAUSE_S, MAX_PAUSE_S = 0.05, 1.0
"""Between two looks at the folder: the longer, the longer there was nothing to do."""
LOST_S, COMING_S = 120.0, 300.0
"""Without a sign of life of the leader for so long, helpers give up: after one was seen, and before."""

Doing = AbstractContextManager[Callable[[int], Any]]
"""Gives a function that does the unit of a number and returns its result, plain values."""


class NeedlessError(Exception):
    """A unit in the middle of which it turned out that nobody needs it any more."""


@dataclass(frozen=True)
class Job:
    """Numbered units of one kind of work.

    Attributes:
        kind: who can do it.
        values: what it consists of, plain values.
        sizes: how much each unit counts in the progress that is shown.
    """

    name: str
    kind: str
    values: dict[str, Any]
    sizes: tuple[int, ...]

    def units(self) -> range:
        """Numbers of the units."""
        return range(len(self.sizes))


class Board:
    """The folder through which the workers of one run speak.

    Args:
        workers: how many there are.
        stale_s: after which time a silent worker's lease is taken over.
        lost_s, coming_s: how long helpers wait for a leader that they have seen, and for one to come.
    """

    def __init__(
        self,
        folder: Path,
        workers: int,
        stale_s: float = STALE_S,
        lost_s: float = LOST_S,
        coming_s: float = COMING_S,
    ) -> None:
        self.folder, self.workers, self.stale_s = folder, workers, stale_s
        self.leases = Leases(folder / "leases", stale_s)
        self._leader, self._patience_s = Leases(folder / "leases", lost_s), coming_s
        self._missed_since: float | None = None
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

    def post(self, kind: str, values: dict[str, Any], sizes: Sequence[int]) -> Job:
        """Ask the helpers for the units of a job."""
        self._posted += 1
        content = {"kind": kind, "values": values, "sizes": list(sizes)}
        digest = hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=6).hexdigest()
        job = Job(f"{self._posted:06d}-{digest}", kind, values, tuple(sizes))
        _write(self.folder / f"{job.name}.job", content)
        return job

    def share(
        self,
        job: Job,
        doing: Doing,
        progress: Progress,
        stage: str,
        show_waiting: bool = False,
        until: float = math.inf,
    ) -> list[Any]:
        """Lead a job to its end: work on it and wait for the others; the results of its units.

        Args:
            show_waiting: show progress of waiting alone, for units that show their own.
            until: time (monotonic, in seconds) after which what others still hold is done here as well.
        """
        told, shown = 0, not show_waiting
        if shown:
            progress.start(stage, sum(job.sizes))
        with doing as do:
            while True:
                self._work(job, do)
                done = [unit for unit in job.units() if self.is_done(job, unit)]
                count = sum(job.sizes[unit] for unit in done)
                if not shown and len(done) < len(job.sizes):
                    progress.start(stage, sum(job.sizes))
                    shown = True
                if shown:
                    progress.advance(count - told)
                    told = count
                if len(done) == len(job.sizes):
                    break
                if time.monotonic() > until:
                    unit = next(unit for unit in job.units() if unit not in done)
                    _write(self._done(job, unit), do(unit))
                time.sleep(PAUSE_S)
        if shown:
            progress.finish()
        return [json.loads(self._done(job, unit).read_text("utf-8")) for unit in job.units()]

    def withdraw(self, job: Job) -> None:
        """Let nobody begin a unit of `job` any more."""
        for unit in job.units():
            if not self.is_done(job, unit):
                _write(self._done(job, unit), None)

    def help(self, hand: Callable[[Job], Doing | None]) -> int:
        """Work on what is posted until the leader closes the board or dies; how many units were done here.

        A job that fails here is left to the others, with a warning: the leader meets the same fault, if it is
        not one of this machine.

        Args:
            hand: how this worker does a job, None where it cannot.
        """
        finished, units, pause_s = set[str](), 0, PAUSE_S
        while not self.is_over():
            before = units
            for job in self._jobs(finished):
                try:
                    units += self._lend(job, hand(job), finished)
                except NeedlessError:
                    break
                except Exception as error:
                    warnings.warn(f"left to other workers: {job.kind} failed here: {error!r}", stacklevel=2)
                    finished.add(job.name)
            pause_s = PAUSE_S if units > before else min(2 * pause_s, MAX_PAUSE_S)
            time.sleep(pause_s)
        return units

    def is_over(self) -> bool:
        """Whether the leader has closed the board, or gives no sign of life."""
        leader = self.folder / "leader"
        if (self.folder / "closed").exists() or self._leader.stale(leader):
            return True
        now = time.monotonic()
        if leader.exists():
            self._missed_since, self._patience_s = None, self._leader.stale_s
            return False
        # Not there yet, or gone with the folder: somebody has cleared the cache.
        self._missed_since = now if self._missed_since is None else self._missed_since
        return now - self._missed_since >= self._patience_s

    def tell(self, name: str, values: Any) -> None:
        """Leave plain values under a name that no job's files have, for others to hear."""
        _write(self.folder / name, values)

    def heard(self, name: str) -> Any:
        """What somebody told under that name, None as long as nobody has."""
        try:
            return json.loads((self.folder / name).read_text("utf-8"))
        except FileNotFoundError:
            return None

    def is_done(self, job: Job, unit: int) -> bool:
        """Whether a unit needs nobody any more."""
        return self._done(job, unit).exists()

    def _lend(self, job: Job, doing: Doing | None, finished: set[str]) -> int:
        units = 0
        if doing is not None:
            with doing as do:
                units = self._work(job, do)
        if doing is None or all(self.is_done(job, unit) for unit in job.units()):
            finished.add(job.name)
        return units

    def _jobs(self, known: set[str]) -> Iterator[Job]:
        for path in sorted(self.folder.glob("*.job")):
            if path.stem not in known:
                try:
                    found = json.loads(path.read_text("utf-8"))
                except FileNotFoundError:  # the folder is being cleared
                    return
                yield Job(path.stem, found["kind"], found["values"], tuple(found["sizes"]))

    def _work(self, job: Job, do: Callable[[int], Any]) -> int:
        """Do one unit after the other that nobody holds; how many."""
        units = 0
        for unit in job.units():
            if self.is_done(job, unit):
                continue
            with self.leases.hold(f"{job.name}-{unit}") as held:
                if held and not self.is_done(job, unit):
                    _write(self._done(job, unit), do(unit))
                    units += 1
        return units

    def _done(self, job: Job, unit: int) -> Path:
        return self.folder / f"{job.name}-{unit}.done"


def _write(path: Path, values: Any) -> None:
    """Appear whole or not at all."""
    write_text(path, json.dumps(values))


def save_arrays(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    """Write arrays for another worker.

    Raises:
        CacheError: the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
    except (OSError, SafetensorError) as error:
        raise CacheError(
            f"What other workers need cannot be written in {path.parent}: {error}. Free some space, or name "
            "another --cache."
        ) from error


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays that `save_arrays` wrote."""
    from safetensors.numpy import load_file

    found: dict[str, NDArray[Any]] = load_file(path)
    return found
