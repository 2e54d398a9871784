"""What a server counts, in the form that Prometheus reads."""

import os
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preseason.serving.hosting import Models

METRICS = "PROMETHEUS_MULTIPROC_DIR"
"""Where counters of several processes lie together; prometheus_client reads it when it is imported."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self.requests = Counter(
            "preseason_requests", "Requests answered", ("route", "method", "status"), registry=own
        )
        self.seconds = Histogram(
            "preseason_request_seconds", "From request to answer", ("route",), buckets=SECONDS, registry=own
        )
        self.under_way = Gauge(
            "preseason_requests_under_way",
            "Requests not answered yet",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.examples = Counter("preseason_examples", "Examples answered", ("model",), registry=own)
        self.together = Histogram(
            "preseason_batch_examples", "Examples answered together", ("model",), buckets=SIZES, registry=own
        )
        self.engine = Counter("preseason_batch_seconds", "Time spent answering", ("model",), registry=own)
        self.reloads = Counter("preseason_reloads", "Models replaced while serving", ("model",), registry=own)
        ProcessCollector(registry=own)

    def batch(self, model: str, examples: int, seconds: float) -> None:
        """So many examples were answered together."""
        self.examples.labels(model).inc(examples)
        self.together.labels(model).observe(examples)
        self.engine.labels(model).inc(seconds)

    def watch(self, models: "Models") -> None:
        """Tell how many examples wait for each model."""
        self.registry.register(_Waiting(models))

    def text(self) -> bytes:
        """All figures, in Prometheus's text format; of several processes their sums."""
        if METRICS not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


class _Waiting:
    """Read when asked, not kept."""

    def __init__(self, models: "Models") -> None:
        self._models = models

    def collect(self) -> "Iterator[GaugeMetricFamily]":
        family = GaugeMetricFamily("preseason_waiting_examples", "Examples that wait", labels=("model",))
        for name, hosted in self._models.items():
            family.add_metric((name,), hosted.batcher.waiting)
        yield family
