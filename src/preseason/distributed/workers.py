"""The processes of one run, as a launcher or Ray started them: rank 0 leads, the others help.

The leader reads the data, decides and writes the model. What can be divided it asks of all at once: every
process does its stride of a request, and what came of it is gathered. Waiting, and noticing that a process
died, is torch.distributed's; after that all of them end, and whoever starts them again
(`torchrun --max-restarts`) goes on from the rows of the bank and the checkpoints.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import distributed

from preseason.distributed.data_parallel import STEP_WAIT_S, reporting_losses
from preseason.errors import PreseasonError, WorkersError, first_line
from preseason.runtime.launcher import ProcessInfo, slurm_step
from preseason.runtime.progress import Progress

T = TypeVar("T")
Handler = Callable[[Any], Any]
"""A helper's part of a request, from its values to a result that can be pickled."""

IDLE_S = 24 * 3600.0
"""Helpers wait so long for a request; a leader that dies is noticed at once."""
END = "end"
ROWS = "rows"
"""Request to other workers: rows of a spec."""


class Workers:
    """All processes of the run.

    Attributes:
        rank: of this process; 0 leads.
        size: how many there are.
    """

    any_network = False
    """Whether every network of the fit is shared, rather than the first alone."""

    def __init__(self, here: ProcessInfo, folder: Path) -> None:
        """Join the others.

        Args:
            folder: seen by all; they find each other there where the launcher names no address.

        Raises:
            WorkersError: the others do not come.
        """
        self.rank, self.size = here.rank, here.size
        with reporting_losses():
            if not distributed.is_initialized():
                distributed.init_process_group(
                    "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
                    init_method=_meeting_point(folder),
                    rank=here.rank,
                    world_size=here.size,
                    timeout=timedelta(seconds=STEP_WAIT_S),
                )
            self._group: Any = distributed.new_group(backend="gloo", timeout=timedelta(seconds=IDLE_S))

    @contextmanager
    def led(self) -> Iterator[None]:
        """For the leader: a block at whose end the helpers are let go, told whether it failed."""
        try:
            yield
        except WorkersError:
            raise
        except Exception as error:
            with suppress(WorkersError):
                self.broadcast((END, first_line(error) or type(error).__name__))
            raise
        self.broadcast((END, ""))

    @contextmanager
    def asking(self, kind: str, values: Any) -> Iterator["Request"]:
        """For the leader: a block in which the helpers may be asked for their part of something."""
        request = Request(self, kind, values)
        try:
            yield request
        except Exception:
            # What was begun ends everywhere before something else can be asked for.
            request.drop()
            raise

    def help(self, handlers: Mapping[str, Handler]) -> None:
        """For a helper: do what the leader asks for until it lets go.

        Raises:
            WorkersError: the leader died or failed.
        """
        while True:
            kind, values = self.broadcast(None)
            if kind == END:
                if values:
                    raise WorkersError(f"The leading worker stopped: {values}")
                return
            self.gathered(_result_of(handlers[kind], values))

    def estimate(self, seconds: float) -> float:
        """Seconds that all take for the rest, where they took part in what was measured: the same."""
        return seconds

    def fill(self, extractor: Any, orders: Sequence[Any], progress: Progress, stage: str) -> dict[str, str]:
        """For the leader: rows of an `Extractor`, a stride by each; why each failed order did, by its key."""
        with self.asking(ROWS, (extractor.spec, extractor.shelf_name, orders)) as asking:
            asking.post()
            parts = asking.gather(extractor.fill_part(orders[:: self.size], progress, stage))
        return {key: why for part in parts for key, why in part.items()}

    def broadcast(self, value: Any) -> Any:
        """What the leader gives, for all."""
        given = [value]
        with reporting_losses():
            distributed.broadcast_object_list(given, 0, group=self._group)
        return given[0]

    def gathered(self, own: Any) -> list[Any]:
        """What each process gives, by rank, for the leader."""
        found: list[Any] = [None] * self.size
        with reporting_losses():
            distributed.gather_object(own, found if self.rank == 0 else None, 0, group=self._group)
        return found


class Request:
    """Something that all processes do a part of; `post` lets the helpers begin, once."""

    def __init__(self, workers: Workers, kind: str, values: Any) -> None:
        self._workers, self._content = workers, (kind, values)
        self._posted = self._gathered = False

    def post(self) -> None:
        """Let every helper begin its part; asked again it does nothing."""
        if not self._posted:
            self._posted = True
            self._workers.broadcast(self._content)

    def gather(self, own: T) -> list[T]:
        """The leader's result and those of the helpers, by rank.

        Raises:
            WorkersError: a helper died, or its part failed.
        """
        self._gathered = True
        found = self._workers.gathered((own, ""))
        failed = [f"worker {rank}: {fault}" for rank, (_, fault) in enumerate(found) if fault]
        if failed:
            raise WorkersError(f"Other workers failed ({'; '.join(failed)}). Run the same command again.")
        return [result for result, _ in found]

    def drop(self) -> None:
        """Wait for parts that were begun, and forget what came of them."""
        if self._posted and not self._gathered:
            with suppress(WorkersError):
                self.gather(None)


def _result_of(handler: Handler, values: Any) -> tuple[Any, str]:
    try:
        return handler(values), ""
    except (PreseasonError, ValueError, RuntimeError, OSError, ImportError) as error:
        return None, first_line(error) or type(error).__name__


def _meeting_point(folder: Path) -> str:
    """Where the processes find each other: the launcher's address, else a file that they share."""
    if "MASTER_ADDR" in os.environ:
        return "env://"
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / f"slurm-{slurm_step()}").absolute().as_uri()
