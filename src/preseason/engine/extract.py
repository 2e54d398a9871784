"""Filling the feature bank: every example is decoded once and runs through the frozen network once."""

import copy
import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preseason import backbones
from preseason.backbones.base import Backbone
from preseason.data.dataset import Sample, Skipped
from preseason.engine.bank import Loose, Rows, Shelf
from preseason.engine.networks import Engine, compile_network, precision_on
from preseason.engine.passes import Box, FrozenPass, Pass
from preseason.errors import MediaError
from preseason.progress import Progress
from preseason.speeds import note_speed
from preseason.threads import available

BATCH_PIXELS = 6 * 224 * 224
"""Pictures of a batch are as many as these pixels hold, at least one."""

FEWEST_TIMED = 32
"""New rows from which on the speed is told to `preseason models`."""

Array = NDArray[Any]


class Source(Protocol):
    """How a task turns a sample into network inputs."""

    def inputs(self, sample: Sample, plan: Pass) -> Array:
        """Decode `sample` and give its looks, uint8 [looks, size, size, 3] or [looks, t, size, size, 3].

        Raises:
            MediaError: the sample cannot be decoded.
        """


@dataclass(frozen=True)
class Order:
    """One row that is wanted: of which sample and, where the pass leaves it open, of which looks."""

    sample: Sample
    looks: tuple[Box, ...] = ()

    def key(self) -> str:
        """Key of the row in the bank."""
        span = self.sample.span
        if not self.looks and span is None:
            return self.sample.fingerprint
        text = ";".join(",".join(f"{value:.4f}" for value in look) for look in self.looks)
        text += "" if span is None else f" {span[0]:.4f} {span[1]:.4f}"
        return f"{self.sample.fingerprint}-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


@dataclass(frozen=True)
class Extraction:
    """What extraction gives.

    Attributes:
        rows: of the orders that succeeded, in order.
        kept: int64 [m], positions of these orders.
        failed: which could not be decoded, and why.
        computed: how many rows were not in the bank before.
        seconds: wall time, decoding and engine together.
    """

    rows: Rows | Array
    kept: NDArray[np.int64]
    failed: tuple[Skipped, ...]
    computed: int
    seconds: float


class Extractor:
    """A frozen network with one pass, its engine and its shelf in the bank.

    The converted network stays compiled between calls, so that a server or a second call starts at once.
    """

    def __init__(self, backbone: Backbone, plan: Pass, source: Source, cache: Path, device: str) -> None:
        self.backbone, self.plan, self.cache = backbone, plan, cache
        self._source, self._device = source, device
        self._module = FrozenPass(backbone, plan)
        self._engine: Engine | None = None
        self._compiling_s = 0.0
        self._shelf: Shelf | None = None

    @property
    def shelf_name(self) -> str:
        """Name of this pass's shelf in the bank."""
        return self.plan.key(self.backbone, precision_on(self._device))

    @property
    def shelf(self) -> Shelf:
        """This pass's shelf in the bank, opened on first use."""
        if self._shelf is None:
            what = f"{self.backbone.name} {self.plan.kept} {self.plan.size} px"
            self._shelf = Shelf(self.cache / "bank" / self.shelf_name, self.row_shape, what)
        return self._shelf

    @property
    def look_shape(self) -> tuple[int, ...]:
        """Shape of what the network takes for one look: [size, size, 3], or [t, size, size, 3] for clips."""
        frames, side = self.backbone.preprocessing.frames, self.plan.size
        return (frames, side, side, 3) if frames else (side, side, 3)

    @cached_property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one example's row: [parts, d] for pooled passes, [looks, c, h, w] for maps."""
        import torch

        with torch.device("meta"):
            picture = torch.zeros((1, *self.look_shape), dtype=torch.uint8)
        shape = tuple(_on_meta(self._module)(picture).shape[1:])
        count = self.plan.count()
        return (count * shape[0], shape[1]) if self.plan.kept == "pooled" else (count, *shape)

    def missing(self, orders: Sequence[Order]) -> list[Order]:
        """Those orders whose rows are not in the bank, each row once."""
        return _absent(self.shelf, orders)

    def extract(
        self, orders: Sequence[Order], progress: Progress, stage: str, keep: bool = True
    ) -> Extraction:
        """Rows of `orders`; what the bank holds already is not computed again.

        Args:
            keep: write new rows to the bank; otherwise they live in memory alone.
        """
        begin = time.monotonic()
        shelf = self.shelf if keep else Loose(self.row_shape)
        missing = _absent(shelf, orders)
        failed: dict[str, str] = {}
        compiling_s = self._compiling_s
        if missing and isinstance(shelf, Shelf):
            with shelf.writer() as writer:
                failed = self._fill(missing, writer.append, progress, stage)
        elif missing and isinstance(shelf, Loose):
            failed = self._fill(missing, shelf.append, progress, stage)
        seconds = time.monotonic() - begin
        if len(missing) - len(failed) >= FEWEST_TIMED:
            self._note_speed(len(missing) - len(failed), seconds - self._compiling_s + compiling_s)
        kept = np.array([i for i, order in enumerate(orders) if order.key() not in failed], np.int64)
        rows = shelf.rows([orders[i].key() for i in kept])
        skipped = [Skipped(str(o.sample.source), failed[o.key()]) for o in orders if o.key() in failed]
        return Extraction(rows, kept, tuple(skipped), len(missing), seconds)

    def prepare(self, say: Callable[[str], None]) -> None:
        """Convert and compile the network now rather than with the first picture."""
        noise = np.random.default_rng(0).integers(0, 256, (1, *self.look_shape), np.uint8)
        self._running(noise, say)

    def _note_speed(self, examples: int, seconds: float) -> None:
        """Remember how many whole pictures of 224 px a second a pretrained network reached."""
        whole = self.plan.kept == "pooled" and not self.plan.blocks and not self.backbone.preprocessing.frames
        if whole and backbones.exists(self.backbone.name):
            pixels = examples * self.plan.count() * self.plan.size**2
            note_speed(self.backbone.name, pixels / 224**2 / max(seconds, 1e-6), self.cache)

    def _inputs(self, order: Order) -> Array:
        plan = replace(self.plan, looks=order.looks) if order.looks else self.plan
        return self._source.inputs(order.sample, plan)

    def _fill(
        self, orders: list[Order], store: Callable[[str, Array], None], progress: Progress, stage: str
    ) -> dict[str, str]:
        failed: dict[str, str] = {}
        self.prepare(progress.say)
        progress.start(stage, len(orders))
        for chunk in _chunks(self._decoded(orders, failed, progress), self._chunk()):
            rows = self.rows([looks for _, looks in chunk], progress.say)
            for (order, _), row in zip(chunk, rows, strict=True):
                store(order.key(), row)
            progress.advance(len(chunk))
        progress.finish()
        return failed

    def _decoded(
        self, orders: list[Order], failed: dict[str, str], progress: Progress
    ) -> Iterator[tuple[Order, Array]]:
        """Decoded orders, a bounded number ahead of the engine."""
        ahead: deque[tuple[Order, Future[Array]]] = deque()
        waiting = iter(orders)
        with ThreadPoolExecutor(available(), thread_name_prefix="decode") as pool:
            try:
                while True:
                    while len(ahead) < 2 * self._chunk() and (order := next(waiting, None)) is not None:
                        ahead.append((order, pool.submit(self._inputs, order)))
                    if not ahead:
                        return
                    order, future = ahead.popleft()
                    try:
                        yield order, future.result()
                    except MediaError as error:
                        failed[order.key()] = str(error)
                        progress.advance()
            finally:
                pool.shutdown(cancel_futures=True)

    def rows(self, examples: Sequence[Array], say: Callable[[str], None]) -> list[NDArray[np.float32]]:
        """Rows of several examples' looks; a batch for each thread is under way at a time."""
        stacked = np.concatenate(examples)
        engine = self._running(stacked[:1], say)
        step = max(1, BATCH_PIXELS // self._pixels())
        pending: deque[Callable[[], NDArray[np.float32]]] = deque()
        out: list[NDArray[np.float32]] = []
        for start in range(0, len(stacked), step):
            pending.append(engine.start(np.ascontiguousarray(stacked[start : start + step])))
            if len(pending) > available():
                out.append(pending.popleft()())
        out.extend(wait() for wait in pending)
        ends = np.cumsum([len(looks) for looks in examples])[:-1]
        return [rows.reshape(self.row_shape) for rows in np.split(np.concatenate(out), ends)]

    def _running(self, look: Array, say: Callable[[str], None]) -> Engine:
        if self._engine is None:
            begin = time.monotonic()
            example = np.ascontiguousarray(np.repeat(look, 2, axis=0))
            name = self.plan.key(self.backbone, "graph")
            self._engine = compile_network(self._module, example, name, self.cache, self._device, say)
            self._compiling_s += time.monotonic() - begin
        return self._engine

    def _chunk(self) -> int:
        """Examples that are handed to the engine together."""
        return int(np.clip(6 * BATCH_PIXELS // (self.plan.count() * self._pixels()), 1, 32))

    def _pixels(self) -> int:
        """Of one look, all its frames together."""
        return max(self.backbone.preprocessing.frames, 1) * self.plan.size**2


def _absent(shelf: Shelf | Loose, orders: Sequence[Order]) -> list[Order]:
    keys = set(shelf.missing([order.key() for order in orders]))
    return list({order.key(): order for order in orders if order.key() in keys}.values())


def _on_meta(module: FrozenPass) -> FrozenPass:
    """A copy without memory, for shapes alone."""
    return copy.deepcopy(module).to("meta")


def _chunks(items: Iterator[tuple[Order, Array]], size: int) -> Iterator[list[tuple[Order, Array]]]:
    chunk: list[tuple[Order, Array]] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
