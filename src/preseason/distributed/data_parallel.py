"""Steps of gradient training that several workers share, each with a part of the batch (data parallelism).

A step is the one that a worker alone would take: the parts' gradients are added up, weighed by what each part
counts. Where the weights of a network are more than one graphics processor holds, they are spread over the
workers as well (fully sharded data parallelism; Zhao et al. 2023, arXiv 2304.11277).
"""

import gc
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from preseason.arrays.types import Ints
from preseason.errors import device_is_full, first_line

T = TypeVar("T")
WAIT_S = 300.0
"""A worker that does not answer for so long is lost."""


class WorkersLostError(Exception):
    """The other workers cannot be reached any more, or did not do what this one did."""


class SingleProcess:
    """No other workers: what `ProcessGroup` does, for one.

    Attributes:
        rank: of this worker among `size`.
        sharded: whether weights are spread over the workers.
    """

    rank, size, sharded = 0, 1, False

    def part(self, chosen: Ints) -> Ints:
        """What this worker does of the chosen ones."""
        return chosen[self.rank :: self.size]

    def broadcast(self, values: Sequence[float]) -> list[float]:
        """The values of the worker of rank 0, for all."""
        return list(values)

    def all_reduce(self, values: Sequence[float]) -> list[float]:
        """The sums of all workers' values, for all."""
        return list(values)

    def check_step(self, number: int) -> None:
        """Make sure that all workers are at the same step.

        Raises:
            WorkersLostError: this one is at another than the first.
        """
        (first,) = self.broadcast([number])
        if first != number:
            raise WorkersLostError(f"this worker goes on after {number} steps, the first after {first:.0f}")

    def shared(self, module: nn.Module) -> nn.Module:
        """The module, which adds the other workers' gradients to its own in each backward pass."""
        return module

    def sync_gradients(self, weights: Iterable[Tensor]) -> None:
        """After a backward pass: add up what the module did not."""

    @contextmanager
    def collective(self) -> Iterator[None]:
        """A block in which the others are waited for; raises `WorkersLostError` where they are lost."""
        yield

    def with_fallback(self, work: Callable[[], T], part: Callable[[str], None]) -> T:
        """What `work` gives; where the others are lost in it, what it gives without them.

        Args:
            part: told why they are lost; lets go of the module that was shared.

        Raises:
            WorkersLostError: this worker is a helper, or the others took weights with them.
        """
        return work()

    def close(self) -> None:
        """Leave the others."""


class ProcessGroup(SingleProcess):
    """The workers that take the steps of one training together; all must do the same in the same order.

    Args:
        rank: of this worker among `size`; 0 decides.
        store: through which they find each other, `open_store` or `join_store`.
        device: `cpu` or `cuda`, where the weights lie.
        sharded: weights are spread over the workers, by `spread`.

    Raises:
        WorkersLostError: they do not find each other.
    """

    def __init__(self, rank: int, size: int, store: Any, device: str, sharded: bool = False) -> None:
        self.rank, self.size, self.sharded, self.device = rank, size, sharded, device
        backend = "gloo" if device == "cpu" else "cpu:gloo,cuda:nccl"
        with self.collective():
            distributed.init_process_group(
                backend, store=store, rank=rank, world_size=size, timeout=timedelta(seconds=WAIT_S)
            )

    def broadcast(self, values: Sequence[float]) -> list[float]:
        """The values of the worker of rank 0, for all."""
        if self.size == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.float64)
        with self.collective():
            distributed.broadcast(found, 0)
        return list(found.tolist())

    def all_reduce(self, values: Sequence[float]) -> list[float]:
        """The sums of all workers' values, for all."""
        if self.size == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.float64)
        with self.collective():
            distributed.all_reduce(found)
        return list(found.tolist())

    def shared(self, module: nn.Module) -> nn.Module:
        """The module in torch's wrapper; sharded ones add up their gradients by themselves."""
        if self.size == 1:
            return module
        trained = [weight for weight in module.parameters() if weight.requires_grad and not is_spread(weight)]
        with self.collective(), torch.no_grad():
            for weight in trained:
                distributed.broadcast(weight.data, 0)
            if self.sharded:
                return module
            # What is frozen is the same everywhere and need not be sent; some heads are used by nothing.
            return nn.parallel.DistributedDataParallel(module, init_sync=False, find_unused_parameters=True)

    def sync_gradients(self, weights: Iterable[Tensor]) -> None:
        """After a backward pass over sharded weights: the mean of the gradients of those that are whole."""
        if not self.sharded:
            return
        with self.collective():
            for weight in weights:
                if weight.grad is not None and not is_spread(weight):
                    distributed.all_reduce(weight.grad)
                    weight.grad /= self.size

    def spread(
        self, body: nn.Module, blocks: Iterable[nn.Module], whole: set[nn.Parameter], kind: Any
    ) -> None:
        """Keep a share of the weights of `body` here, and fetch each of its `blocks` when it computes.

        Args:
            whole: weights that every worker keeps.
            kind: dtype to compute in, None for that of the weights.
        """
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        mesh = init_device_mesh(self.device, (self.size,))
        policy = MixedPrecisionPolicy(param_dtype=kind, reduce_dtype=None if kind is None else torch.float32)
        for block in blocks:
            fully_shard(block, mesh=mesh, mp_policy=policy, ignored_params=whole)
        fully_shard(body, mesh=mesh, mp_policy=policy, ignored_params=whole)

    @contextmanager
    def collective(self) -> Iterator[None]:
        """A block in which the others are waited for; raises `WorkersLostError` where they are lost."""
        try:
            with warnings.catch_warnings():
                # Of outputs that are views: nothing here changes one in place.
                warnings.filterwarnings("ignore", "FSDP2-wrapped module")
                warnings.filterwarnings("ignore", "find_unused_parameters=True was specified")
                yield
        except RuntimeError as error:  # all that torch.distributed raises
            if self.size == 1 or device_is_full(error):
                raise
            raise WorkersLostError(str(error)) from error

    def with_fallback(self, work: Callable[[], T], part: Callable[[str], None]) -> T:
        """What `work` gives; where the others are lost in it, what it gives without them."""
        try:
            return work()
        except WorkersLostError as error:
            if self.rank or self.sharded:
                raise
            self.close()
            self.size = 1
            part(first_line(error))
        # Only now that the error is forgotten, and with it the frames of the step, can torch's wrapper go.
        gc.collect()
        return work()

    def close(self) -> None:
        """Leave the others."""
        if self.size > 1:
            with suppress(RuntimeError, AssertionError, ValueError):
                distributed.destroy_process_group()


def open_store(host: str) -> tuple[Any, int]:
    """Where the workers of a training find each other, kept by rank 0, and its port."""
    store = TCPStore(host, 0, is_master=True, wait_for_workers=False)
    return store, int(store.port)


def join_store(host: str, port: int) -> Any:
    """The store that `open_store` opened at another worker.

    Raises:
        WorkersLostError: it cannot be reached.
    """
    try:
        return TCPStore(host, port, is_master=False, timeout=timedelta(seconds=WAIT_S))
    except RuntimeError as error:
        raise WorkersLostError(str(error)) from error


def is_taken() -> bool:
    """Whether this process is in a group already, of the script that called: torch knows one only."""
    return distributed.is_available() and distributed.is_initialized()


def own_host(environment: Mapping[str, str]) -> str:
    """The name of this machine for other workers, as the launcher tells it, else as the system does."""
    return str(environment.get("MASTER_ADDR") or socket.getfqdn())


def is_spread(weight: Tensor) -> bool:
    """Whether this worker has but a share of the weight."""
    return hasattr(weight, "full_tensor")


def whole(weight: Tensor) -> Tensor:
    """All of a weight; of one that is spread every worker must ask at once."""
    full = getattr(weight, "full_tensor", None)
    found: Tensor = weight if full is None else full()
    return found


def like(value: Tensor, weight: Tensor) -> Tensor:
    """A whole value, spread as `weight` is."""
    if not is_spread(weight):
        return value
    from torch.distributed.tensor import distribute_tensor

    spread: Any = weight
    places = spread.device_mesh, spread.placements
    return distribute_tensor(value.to(weight.device), *places, src_data_rank=None)


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The optimizer's state with whole tensors, as that of one worker; all must ask at once."""
    found = optimizer.state_dict()
    state = {at: {name: whole(value) for name, value in each.items()} for at, each in found["state"].items()}
    return found | {"state": state}


def load_optimizer(optimizer: torch.optim.Optimizer, content: dict[str, Any]) -> None:
    """Put back what `optimizer_state` gave, here or in a run with more or fewer workers."""
    optimizer.load_state_dict(content)
    for weight, each in optimizer.state.items():
        for name, value in each.items():
            if value.shape == weight.shape:
                each[name] = like(value, weight)


def clip(weights: Iterable[nn.Parameter], most: float) -> None:
    """Scale all gradients down together where their norm is above `most`; spread ones count whole."""
    having = [weight for weight in weights if weight.grad is not None]
    parts = [[w for w in having if is_spread(w)], [w for w in having if not is_spread(w)]]
    norms = [
        whole(nn.utils.get_total_norm([w.grad for w in part if w.grad is not None])) for part in parts if part
    ]
    total = torch.stack(norms).norm() if norms else torch.zeros(())
    for part in parts:
        nn.utils.clip_grads_with_norm_(part, most, total)
