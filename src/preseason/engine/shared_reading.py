"""Extraction by several workers: the orders of a pass are dealt into units, each a few rows of the bank.

Whoever does a unit writes its rows into a segment of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from typing import Any, Protocol

from preseason.data.dataset import Sample, source_from
from preseason.distributed.work_queue import Board, Doing, Job
from preseason.engine.passes import Box, FeatureSpec, feature_spec_from
from preseason.runtime.progress import Progress

READING = "reading"
"""The kind of these jobs."""
UNITS_EACH = 6
"""Units that a worker gets on average: enough for the quick to do more than the slow."""
MIN_EXAMPLES, MAX_EXAMPLES = 8, 512
"""Orders of a unit."""


class Filling(Protocol):
    """What computes rows of one pass."""

    @property
    def shelf_name(self) -> str:
        """Where they are kept: workers of one run that differ in it do not share."""

    def writing(self) -> AbstractContextManager[Callable[[Sequence[Any]], dict[str, str]]]:
        """A context that gives a function: orders to why each failed one did, by its key."""

    def refresh(self) -> None:
        """Find the rows that others wrote."""


def read_together(
    board: Board, filling: Filling, spec: FeatureSpec, orders: Sequence[Any], progress: Progress, stage: str
) -> dict[str, str]:
    """Fill the bank with the rows of `orders`; why each failed order did, by its key."""
    unit = min(MAX_EXAMPLES, max(MIN_EXAMPLES, -(-len(orders) // (UNITS_EACH * board.workers))))
    values = {"shelf": filling.shelf_name, "plan": asdict(spec), "orders": [_values(o) for o in orders]}
    sizes = [min(unit, len(orders) - start) for start in range(0, len(orders), unit)]
    job = board.post(READING, values, sizes)
    failed: dict[str, str] = {}
    for each in board.share(job, _doing(filling, job, orders), progress, stage):
        failed |= each
    filling.refresh()
    return failed


def reading_of(
    job: Job, make: Callable[[Sample, tuple[Box, ...]], Any], filling: Callable[[FeatureSpec], Filling]
) -> Doing | None:
    """How a helper does a job of reading; None where its network or its settings are others.

    Args:
        make: an order of a sample and its looks.
    """
    own = filling(feature_spec_from(job.values["plan"]))
    if own.shelf_name != job.values["shelf"]:
        return None
    return _doing(own, job, [make(*_order(order)) for order in job.values["orders"]])


@contextmanager
def _doing(filling: Filling, job: Job, orders: Sequence[Any]) -> Iterator[Callable[[int], dict[str, str]]]:
    with filling.writing() as fill:

        def do(unit: int) -> dict[str, str]:
            start = sum(job.sizes[:unit])
            return fill(orders[start : start + job.sizes[unit]])

        yield do


def _values(order: Any) -> dict[str, Any]:
    sample = order.sample
    return {
        "source": sample.source.values(),
        "span": sample.span,
        "fingerprint": sample.fingerprint,
        "variant": sample.variant,
        "crops": order.crops,
    }


def _order(values: dict[str, Any]) -> tuple[Sample, tuple[Box, ...]]:
    sample = Sample(
        source_from(values["source"]),
        span=None if values["span"] is None else (values["span"][0], values["span"][1]),
        fingerprint=values["fingerprint"],
        variant=values["variant"],
    )
    return sample, tuple(Box(*crop) for crop in values["crops"])
