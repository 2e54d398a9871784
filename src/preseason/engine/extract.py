"""Filling the feature bank: every example is decoded once and runs through the frozen network once."""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.facts import BackboneSource
from preseason.data.dataset import Sample, Skipped
from preseason.engine.bank import Loose, Rows, Shelf
from preseason.engine.feeds.base import feed_for
from preseason.engine.forks import refuse_fork
from preseason.engine.networks import (
    Engine,
    OpenVinoEngine,
    compile_network,
    kept_network,
    output_shape,
)
from preseason.engine.passes import Box, FeatureSpec
from preseason.errors import MediaError
from preseason.runtime.progress import Progress
from preseason.runtime.speeds import note_speed
from preseason.runtime.threads import available

if TYPE_CHECKING:
    from preseason.distributed.ray_cluster import RayCluster
    from preseason.distributed.workers import Workers

MIN_TIMED = 32
"""New rows from which on the speed is told to `preseason models`."""

Array = NDArray[Any]


class Decoder(Protocol):
    """How a task turns a sample into network inputs."""

    def decode(self, sample: Sample, spec: FeatureSpec) -> Array:
        """Decode `sample` and give its looks, uint8 [looks, h, w, 3] or [looks, t, h, w, 3].

        A text is given as an array [1] that holds it.

        Raises:
            MediaError: the sample cannot be decoded.
        """


@dataclass(frozen=True)
class Order:
    """One row that is wanted: of which sample and, where the pass leaves it open, of which looks."""

    sample: Sample
    crops: tuple[Box, ...] = ()

    def key(self) -> str:
        """Key of the row in the bank."""
        span = self.sample.span
        if not self.crops and span is None and not self.sample.variant:
            return self.sample.fingerprint
        text = ";".join(",".join(f"{value:.4f}" for value in crop) for crop in self.crops)
        text += "" if span is None else f" {span[0]:.4f} {span[1]:.4f}"
        text += f" {self.sample.variant}" if self.sample.variant else ""
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

    def __init__(
        self,
        backbone: BackboneSource,
        spec: FeatureSpec,
        decoder: Decoder,
        cache: Path,
        device: str,
        workers: "Workers | RayCluster | None" = None,
    ) -> None:
        self.backbone, self.spec, self.cache = backbone, spec, cache
        self._decoder, self._device, self._workers = decoder, device, workers
        self._feed = feed_for(backbone, spec, device)
        self.precision = self._feed.precision
        self._engine: Engine | None = None
        self._compiling_s = 0.0
        self._shelf: Shelf | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as what it was made of: another process compiles the network and opens the shelf itself."""
        return Extractor, (self.backbone, self.spec, self._decoder, self.cache.absolute(), self._device)

    @property
    def shelf_name(self) -> str:
        """Name of this pass's shelf in the bank."""
        return self.spec.key(self.backbone, self.precision)

    @property
    def shelf(self) -> Shelf:
        """This pass's shelf in the bank, opened on first use."""
        if self._shelf is None:
            size = f"{self.spec.size} x {self.spec.height}" if self.spec.height else str(self.spec.size)
            what = f"{self.backbone.name} {self.spec.kept} {size} {self._feed.unit}"
            self._shelf = Shelf(self.cache / "bank" / self.shelf_name, self.row_shape, what)
        return self._shelf

    @cached_property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one example's row: [parts, d] for pooled passes, [looks, ...] for maps."""
        if self._kept is not None:
            found = self._feed.row_shape(output_shape(self._kept))
            if 0 not in found:
                return found
        return self._feed.row_shape(self._feed.out_shape())

    @cached_property
    def _kept(self) -> Any | None:
        return kept_network(self._graph_key, self.cache, self._device, self.precision)

    @property
    def _graph_key(self) -> str:
        """Name of the converted network of this pass."""
        return self._feed.graph.key(self.backbone, "graph")

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
        refuse_fork()
        begin = time.monotonic()
        shelf = self.shelf if keep else Loose(self.row_shape)
        missing = _absent(shelf, orders)
        failed: dict[str, str] = {}
        compiling_s = self._compiling_s
        if missing and isinstance(shelf, Shelf):
            failed = self._fill_shelf(missing, progress, stage)
        elif missing and isinstance(shelf, Loose):
            failed = self._fill(missing, shelf.append, progress, stage)
        seconds = time.monotonic() - begin
        if len(missing) - len(failed) >= MIN_TIMED:
            self._note_speed(len(missing) - len(failed), seconds - self._compiling_s + compiling_s)
        kept = np.array([i for i, order in enumerate(orders) if order.key() not in failed], np.int64)
        rows = shelf.rows([orders[i].key() for i in kept])
        skipped = [Skipped(str(o.sample.source), failed[o.key()]) for o in orders if o.key() in failed]
        return Extraction(rows, kept, tuple(skipped), len(missing), seconds)

    def _fill_shelf(self, orders: Sequence[Order], progress: Progress, stage: str) -> dict[str, str]:
        """Compute rows, a part of them by each worker; why each failed order did, by its key."""
        if self._workers is None:
            return self.fill_part(orders, progress, stage)
        failed = self._workers.fill(self, orders, progress, stage)
        self.shelf.refresh()
        return failed

    def fill_part(self, orders: Sequence[Order], progress: Progress, stage: str) -> dict[str, str]:
        """Compute rows in this process alone, into segments of its own; why each failed one did."""
        with self.shelf.writer() as writer:
            return self._fill(list(orders), writer.append, progress, stage)

    def prepare(self, say: Callable[[str], None]) -> None:
        """Convert and compile the network now rather than with the first example."""
        self._running(say)

    def network(self, say: Callable[[str], None]) -> Any | None:
        """The converted network, to build further graphs on; None where torch runs it."""
        self.prepare(say)
        return kept_network(self._graph_key, self.cache, self._device, self.precision)

    def _note_speed(self, examples: int, seconds: float) -> None:
        """Remember how many whole pictures of 224 px a second a pretrained network reached."""
        preprocessing = self.backbone.preprocessing
        pictures = not preprocessing.frames and not preprocessing.tokens
        whole = pictures and self.spec.kept == "pooled" and not self.spec.blocks
        if whole:
            pixels = examples * self.spec.count() * self.spec.shape[0] * self.spec.shape[1]
            note_speed(self.backbone.name, pixels / 224**2 / max(seconds, 1e-6), self.cache)

    def _inputs(self, order: Order) -> Array:
        spec = replace(self.spec, crops=order.crops) if order.crops else self.spec
        return self._decoder.decode(order.sample, spec)

    def _fill(
        self, orders: list[Order], store: Callable[[str, Array], None], progress: Progress, stage: str
    ) -> dict[str, str]:
        failed: dict[str, str] = {}
        self.prepare(progress.say)
        progress.start(stage, len(orders))
        for chunk, rows in self._under_way(
            _chunks(self._decoded(orders, failed, progress), self._feed.chunk), progress
        ):
            for order, row in zip(chunk, rows, strict=True):
                store(order.key(), row)
            progress.advance(len(chunk))
        progress.finish()
        return failed

    def _under_way(
        self, chunks: Iterator[list[tuple[Order, Array]]], progress: Progress
    ) -> Iterator[tuple[list[Order], list[NDArray[np.float32]]]]:
        """Orders with their rows; the next chunk runs while one is finished and stored."""
        ahead: deque[tuple[list[Order], Future[list[NDArray[np.float32]]]]] = deque()
        with ThreadPoolExecutor(2, thread_name_prefix="engine") as pool:
            for chunk in chunks:
                crops = [decoded for _, decoded in chunk]
                ahead.append(([order for order, _ in chunk], pool.submit(self.rows, crops, progress.say)))
                if len(ahead) > 1:
                    orders, rows = ahead.popleft()
                    yield orders, rows.result()
            for orders, rows in ahead:
                yield orders, rows.result()

    def _decoded(
        self, orders: list[Order], failed: dict[str, str], progress: Progress
    ) -> Iterator[tuple[Order, Array]]:
        """Decoded orders, a bounded number ahead of the engine."""
        ahead: deque[tuple[Order, Future[Array]]] = deque()
        waiting = iter(orders)
        with ThreadPoolExecutor(available(), thread_name_prefix="decode") as pool:
            try:
                while True:
                    while len(ahead) < 2 * self._feed.chunk and (order := next(waiting, None)) is not None:
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
        """Rows of several examples; a batch for each thread is under way at a time."""
        batches, join = self._feed.deal(examples)
        engine = self._running(say)
        pending: deque[Callable[[], NDArray[np.float32]]] = deque()
        out: list[NDArray[np.float32]] = []
        for batch in batches:
            pending.append(engine.start(batch))
            if len(pending) > available():
                out.append(pending.popleft()())
        out.extend(wait() for wait in pending)
        return join(out)

    def _running(self, say: Callable[[str], None]) -> Engine:
        if self._engine is None:
            begin = time.monotonic()
            kept, ready = self._kept, getattr(self._feed, "engine", None)
            if ready is not None:
                self._engine = ready()
            else:
                self._engine = self._converted(say) if kept is None else OpenVinoEngine(kept, self.precision)
            self._compiling_s += time.monotonic() - begin
        return self._engine

    def _converted(self, say: Callable[[str], None]) -> Engine:
        trial, *others = self._feed.trials()
        return compile_network(
            self._feed.module, trial, self._graph_key, self.cache, self._device, say, others, self.precision
        )


class RawReader:
    """Examples as their decoder decodes them, for heads that read no network: same use as `Extractor`."""

    shelf_name = ""

    def __init__(self, spec: FeatureSpec, decoder: Decoder) -> None:
        self.spec, self._decoder = spec, decoder

    def missing(self, orders: Sequence[Order]) -> list[Order]:
        """None: nothing of it is kept in the bank."""
        return []

    def prepare(self, say: Callable[[str], None]) -> None:
        """Nothing needs to be compiled."""

    def extract(
        self, orders: Sequence[Order], progress: Progress, stage: str, keep: bool = True
    ) -> Extraction:
        """What the decoder gives, as rows [m, ...] of its own dtype."""
        begin, rows, kept, failed = time.monotonic(), [], [], []
        for place, order in enumerate(orders):
            try:
                rows.append(self._decoder.decode(order.sample, self.spec))
                kept.append(place)
            except MediaError as error:
                failed.append(Skipped(str(order.sample.source), str(error)))
        stacked = np.stack(rows) if rows else np.zeros((0, 1), object)
        return Extraction(stacked, np.array(kept, np.int64), tuple(failed), 0, time.monotonic() - begin)


def _absent(shelf: Shelf | Loose, orders: Sequence[Order]) -> list[Order]:
    keys = set(shelf.missing([order.key() for order in orders]))
    return list({order.key(): order for order in orders if order.key() in keys}.values())


def _chunks(items: Iterator[tuple[Order, Array]], size: int) -> Iterator[list[tuple[Order, Array]]]:
    chunk: list[tuple[Order, Array]] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
