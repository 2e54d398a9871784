"""Steps of gradient training that several workers share, each with a part of the batch (data parallelism).

A step is the one that a worker alone would take: the parts' gradients are added up, weighed by what each part
counts. Where the weights of a network are more than one graphics processor holds, they are spread over the
workers as well (fully sharded data parallelism; Zhao et al. 2023, arXiv 2304.11277).
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn

from preseason.arrays.types import Ints
from preseason.errors import WorkersError, device_is_full, first_line

STEP_WAIT_S = 300.0
"""A worker that does not come to a step for so long is lost."""


@contextmanager
def reporting_losses() -> Iterator[None]:
    """A block that waits for other processes; what torch.distributed raises becomes a WorkersError."""
    try:
        yield
    except RuntimeError as error:  # all that torch.distributed raises
        if device_is_full(error):
            raise
        raise WorkersError(
            f"Other workers cannot be reached: {first_line(error)}. Finished work is saved: run "
            "the same command again."
        ) from error


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
            WorkersError: this one is at another than the first.
        """
        (first,) = self.broadcast([number])
        if first != number:
            raise WorkersError(
                f"This worker goes on after {number} steps, the first after {first:.0f}: "
                "all must see the same cache."
            )

    def shared(self, module: nn.Module) -> nn.Module:
        """The module, which adds the other workers' gradients to its own in each backward pass."""
        return module

    def sync_gradients(self, weights: Iterable[Tensor]) -> None:
        """After a backward pass: add up what the module did not."""

    @contextmanager
    def collective(self) -> Iterator[None]:
        """A block in which the others are waited for; raises WorkersError where they are lost."""
        yield


class ProcessGroup(SingleProcess):
    """The workers that take the steps of one training together; all must do the same in the same order.

    Args:
        rank: of this worker among `size`; 0 decides.
        device: `cpu` or `cuda`, where the weights lie.
        sharded: weights are spread over the workers, by `spread`.

    The process group of torch is there already (`workers.Workers`).
    """

    def __init__(self, rank: int, size: int, device: str, sharded: bool = False) -> None:
        self.rank, self.size, self.sharded, self.device = rank, size, sharded, device

    def broadcast(self, values: Sequence[float]) -> list[float]:
        """The values of the worker of rank 0, for all."""
        found = torch.tensor(values, dtype=torch.float64)
        with self.collective():
            distributed.broadcast(found, 0)
        return list(found.tolist())

    def all_reduce(self, values: Sequence[float]) -> list[float]:
        """The sums of all workers' values, for all."""
        found = torch.tensor(values, dtype=torch.float64)
        with self.collective():
            distributed.all_reduce(found)
        return list(found.tolist())

    def shared(self, module: nn.Module) -> nn.Module:
        """The module in torch's wrapper; sharded ones add up their gradients by themselves."""
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
        """A block in which the others are waited for; raises WorkersError where they are lost."""
        with warnings.catch_warnings(), reporting_losses():
            # Of outputs that are views: nothing here changes one in place.
            warnings.filterwarnings("ignore", "FSDP2-wrapped module")
            warnings.filterwarnings("ignore", "find_unused_parameters=True was specified")
            yield


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
