"""A fit on a Ray cluster: this process leads; Ray places the work and repeats what a lost machine had.

Rows are computed by Ray Data's `map_batches` over a pool of actors, each with the frozen network, and go to
the shared bank; anything else that can be divided is one Ray task for each part. One training by several
processes is Ray Train's.
"""

import logging
import os
import pickle
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from preseason.distributed.data_parallel import STEP_WAIT_S
from preseason.distributed.ray_events import Shown, Telling
from preseason.errors import UsageError, WorkersError, first_line
from preseason.errors.packages import require
from preseason.runtime.launcher import process_info
from preseason.runtime.progress import Progress, Silent
from preseason.runtime.threads import available, use_threads

AUTO, LOCAL = "auto", "local"
CPUS_EACH = 4
"""Processors of an actor or task, fewer where the smallest machine has fewer."""
FEW = 32
"""Rows up to which this process computes them itself: actors take seconds to start."""
START_S = 10.0
"""Seconds in which actors start and compile the network."""
BLOCK = 128
"""The most examples that an actor takes at a time, and that a lost machine takes with it."""
POLL_S = 0.5
MAX_FAILURES = 3
"""Times that a training by several is begun again, as with `torchrun --max-restarts 3`."""
REACHED_S = 10.0
"""A head that does not answer for so long is not there."""


class Reader(Protocol):
    """What an `Extractor` is here; it can be pickled."""

    @property
    def shelf_name(self) -> str:
        """Name of its shelf in the bank."""

    def missing(self, orders: Sequence[Any]) -> list[Any]:
        """Orders without a row."""

    def prepare(self, say: Callable[[str], None]) -> None:
        """Compile the network."""

    def fill_part(self, orders: Sequence[Any], progress: Progress, stage: str) -> dict[str, str]:
        """Compute rows here."""


class RayCluster:
    """The cluster that this process leads.

    Attributes:
        cpus_each, gpus_each: what an actor or a task has to itself.
        size: how many of them run at once, as the cluster is now.
    """

    any_network = True
    """Whether every network of the fit is shared, rather than the first alone."""

    def __init__(self, device: str) -> None:
        import ray

        self._ray: Any = ray
        self.gpus_each = int(device == "cuda")
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        cpus = [int(each["CPU"]) for each in machines if each.get("CPU", 0) >= 1]
        gpus = [int(each.get("GPU", 0)) for each in machines]
        if not cpus or self.gpus_each > sum(gpus):
            lacking = "GPU" if cpus else "processor"
            raise UsageError(f"--ray: the cluster offers no {lacking}. See what it has with `ray status`.")
        self.cpus_each = min(CPUS_EACH, *cpus)
        self.size = sum(gpus) if self.gpus_each else sum(count // self.cpus_each for count in cpus)

    def estimate(self, seconds: float) -> float:
        """Seconds that the cluster takes for what takes this process `seconds`."""
        faster = self.size if self.gpus_each else self.size * self.cpus_each / available()
        return START_S + seconds / faster

    def fill(self, reader: Reader, orders: Sequence[Any], progress: Progress, stage: str) -> dict[str, str]:
        """Compute rows into the bank; why each failed order did, by its key.

        Raises:
            WorkersError: Ray gave up.
        """
        if len(orders) <= FEW:
            return reader.fill_part(orders, progress, stage)
        from ray.data import ActorPoolStrategy, DataContext, from_items

        reader.prepare(progress.say)  # converted once, for all
        DataContext.get_current().enable_progress_bars = False
        blocks = max(-(-len(orders) // BLOCK), min(4 * self.size, len(orders) // 8))
        wanted = from_items([{"order": pickle.dumps(each)} for each in orders], override_num_blocks=blocks)
        done = wanted.map_batches(
            _Rows,
            fn_constructor_args=(self._ray.put((reader, reader.shelf_name, self.cpus_each)),),
            batch_size=None,
            compute=ActorPoolStrategy(min_size=1, initial_size=self.size),
            num_cpus=self.cpus_each,
            num_gpus=self.gpus_each,
        )
        failed: dict[str, str] = {}
        progress.start(stage, len(orders))
        with _losses():
            for batch in done.iter_batches(batch_size=None, prefetch_batches=0):
                failed |= {key: why for key, why in zip(batch["key"], batch["why"], strict=True) if why}
                progress.advance(len(batch["key"]))
        progress.finish()
        return failed

    def call(
        self, function: Callable[..., Any], parts: Sequence[tuple[Any, ...]], progress: Progress
    ) -> list[Any]:
        """`function` of each of the parts, with a progress as its last argument; the results in their order.

        Raises:
            Exception: what the first that fails raises; the others are stopped.
            WorkersError: Ray gave up.
        """
        task = self._ray.remote(num_cpus=self.cpus_each, num_gpus=self.gpus_each)(_called)
        tasks = [
            task.remote(function, part, self.cpus_each, self._events, number)
            for number, part in enumerate(parts)
        ]
        shown, waiting = Shown(progress), tasks
        try:
            with _losses():
                while waiting:
                    done, waiting = self._ray.wait(waiting, timeout=POLL_S)
                    self._ray.get(done)
                    shown.take(self._events)
                return list(self._ray.get(tasks))
        finally:
            shown.close()
            for each in waiting:
                self._ray.cancel(each)

    def together(self, function: Callable[..., Any], given: Any, folder: Path, progress: Progress) -> Any:
        """What `function` gives in the first of as many processes as run at once, each with all the others.

        Where one is lost they begin again, as many as there is room for: `function` goes on from checkpoints.

        Args:
            function: called with rank, size, what was given, and a progress; torch's process group is there.
            folder: for Ray Train's own notes, seen by all machines.

        Raises:
            Exception: what `function` raises in the first.
            WorkersError: processes were lost too often.
        """
        from ray.exceptions import RayError
        from ray.train import TrainingFailedError

        told = (function, self._ray.put(given), self.cpus_each, self._events)
        begun = self._trainer(told, folder, self.size, 0 if self.size > 1 else MAX_FAILURES)
        try:
            try:
                found = self._shown(begun.fit, progress)
            except TrainingFailedError:
                if self.size == 1:
                    raise
                # A lost machine takes its room with it: as many as there is room for, one at least.
                again = self._trainer(told, folder, (1, self.size), MAX_FAILURES - 1)
                found = self._shown(again.fit, progress)
        except (RayError, TrainingFailedError) as error:
            raise _gave_up(error) from error
        result, fault = pickle.loads(found.return_value)
        if fault is not None:
            raise fault
        return result

    def _trainer(self, told: Any, folder: Path, workers: int | tuple[int, int], failures: int) -> Any:
        """Ray Train's trainer of so many processes, or between so many."""
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer

        resources = {"CPU": self.cpus_each} | ({"GPU": self.gpus_each} if self.gpus_each else {})
        backend = "cpu:gloo,cuda:nccl" if self.gpus_each else "gloo"
        return TorchTrainer(
            _in_group,
            train_loop_config={"told": told},
            torch_config=TorchConfig(backend=backend, timeout_s=int(STEP_WAIT_S)),
            scaling_config=ScalingConfig(
                num_workers=workers, use_gpu=bool(self.gpus_each), resources_per_worker=resources
            ),
            run_config=RunConfig(
                name=f"ray-{uuid.uuid4().hex}",
                storage_path=str(folder),
                failure_config=FailureConfig(max_failures=failures),
            ),
        )

    def _shown(self, work: Callable[[], Any], progress: Progress) -> Any:
        """What `work` gives, which goes on in a thread while this one shows what its processes tell."""
        shown, running = Shown(progress), _in_thread(work)
        try:
            while not running.done():
                shown.take(self._events)
                with suppress(TimeoutError):
                    running.exception(POLL_S)
            shown.take(self._events)
            return running.result()
        finally:
            shown.close()
            if not running.done():
                # Whoever tells of progress now fails, and so the training ends.
                self._events.shutdown(force=True)
                del self._events

    def put(self, value: Any) -> Any:
        """A reference to `value`, which tasks get in its place; sent once, however often it is named."""
        if id(value) not in self._sent:
            self._sent[id(value)] = value, self._ray.put(value)
        return self._sent[id(value)][1]

    @cached_property
    def _sent(self) -> dict[int, tuple[Any, Any]]:
        return {}

    @cached_property
    def _events(self) -> Any:
        """What tasks tell of their progress; it lives and dies with this process's machine."""
        from ray.util.queue import Queue
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(self._ray.get_runtime_context().get_node_id(), soft=False)
        return Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})


@contextmanager
def joined(address: str, device: str) -> Iterator[RayCluster]:
    """The cluster at `address` while the block lasts; one that this process has joined before stays joined.

    Args:
        address: HOST:PORT of the head, `auto` for the cluster of this machine or of RAY_ADDRESS, which is
            started where there is none, `local` for one on this machine alone.
        device: `cpu` or `cuda`.

    Raises:
        MissingPackageError: Ray is not installed.
        UsageError: no cluster can be reached there, or this is a process of another launcher.
    """
    _refuse(address)
    require("--ray", "ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's C++ side writes to the terminal of the leader; whatever ends a fit is raised in Python as well.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    own = not ray.is_initialized()
    if own:
        try:
            if ":" in address:  # Ray itself would wait for minutes.
                socket.create_connection(_parts(address), REACHED_S).close()
            ray.init(None if address == AUTO else address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            raise UsageError(
                f"--ray {address}: no cluster can be reached there ({first_line(error)}). Start one with "
                "`ray start --head`, and see its address with `ray status`."
            ) from error
    try:
        yield RayCluster(device)
    finally:
        if own:
            ray.shutdown()


def _parts(address: str) -> tuple[str, int]:
    """Host and port; an empty host where it is no address."""
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() and "/" not in host else ("", 0)


def _refuse(address: str) -> None:
    if address not in (AUTO, LOCAL) and not _parts(address)[0]:
        raise UsageError(
            f"--ray {address}: expected HOST:PORT of the cluster's head, auto or local. If that is your "
            "data, put it before --ray."
        )
    if process_info().size > 1:
        raise UsageError("--ray is for a single process: leave it out under torchrun, accelerate or SLURM.")


class _Rows:
    """An actor of the pool: the frozen network, and a segment of the bank for each batch."""

    def __init__(self, told: Any) -> None:
        import ray

        self._reader, shelf_name, cpus = ray.get(told)
        use_threads(cpus)
        if self._reader.shelf_name != shelf_name:
            raise UsageError(
                "A machine of the cluster computes in another precision than the leading one: use machines "
                "of one kind."
            )

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        orders = [pickle.loads(each) for each in batch["order"]]
        failed = self._reader.fill_part(self._reader.missing(orders), Silent(), "")
        keys = [order.key() for order in orders]
        return {"key": keys, "why": [failed.get(key, "") for key in keys]}


def _called(function: Callable[..., Any], part: tuple[Any, ...], cpus: int, events: Any, number: int) -> Any:
    import ray

    use_threads(cpus)
    given = (ray.get(each) if isinstance(each, ray.ObjectRef) else each for each in part)
    return function(*given, Telling(events, number))


def _in_group(config: dict[str, Any]) -> Any:
    """A process of a training by several; what comes of it as bytes, for Ray Train takes no tensors."""
    import ray
    from ray.train import get_context

    function, given, cpus, events = config["told"]
    rank, size = get_context().get_world_rank(), get_context().get_world_size()
    use_threads(cpus)
    progress = Telling(events, rank) if rank == 0 else Silent()
    try:
        return pickle.dumps((function(rank, size, ray.get(given), progress), None))
    except WorkersError:  # another was lost; all begin again
        raise
    except Exception as error:  # it would fail again
        return pickle.dumps((None, error))


def _in_thread(work: Callable[[], Any]) -> "Future[Any]":
    """What comes of `work`, which goes on while this process shows how far it is."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="ray train", daemon=True).start()
    return future


@contextmanager
def _losses() -> Iterator[None]:
    """What was raised elsewhere is raised here; what Ray itself raises becomes a WorkersError."""
    from ray.data.exceptions import SystemException
    from ray.exceptions import RayError

    try:
        yield
    except (RayError, SystemException) as error:
        found: BaseException | None = error
        while found is not None and (hasattr(found, "cause") or type(found).__module__.startswith("ray.")):
            found = getattr(found, "cause", None) or found.__cause__
        if found is not None:
            raise found from error
        raise _gave_up(error) from error


def _gave_up(error: Exception) -> WorkersError:
    return WorkersError(
        f"The Ray cluster gave up: {first_line(error)}. Finished work is saved: run the same command again."
    )
