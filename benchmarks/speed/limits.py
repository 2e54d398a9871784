"""What no fit can beat: decoding photos or clips alone, running the network alone, for the same passes."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from preseason import backbones
from preseason.backbones.base import Backbone
from preseason.data.dataset import Sample
from preseason.engine.extract import Order
from preseason.engine.feeds.image import BATCH_PIXELS
from preseason.engine.graphs.pictures import FrozenFeatures
from preseason.engine.networks import TorchEngine, compile_network
from preseason.engine.passes import FeatureSpec
from preseason.inference.candidates import Candidate
from preseason.inference.predictor import orders_for
from preseason.recipe import Recipe
from preseason.runtime.threads import available
from preseason.tasks.base import tasks

EMBEDDED = "efficientnet_lite0"


def frozen_orders(
    samples: Sequence[Sample], head: str, job: str = "photos"
) -> list[tuple[FeatureSpec, list[Order]]]:
    """The passes of a fit without tail fine-tuning, each with its orders; windows lie at random."""
    task, backbone = tasks.get(job), backbones.load(EMBEDDED)
    draws = np.random.default_rng(0)
    found: dict[FeatureSpec, list[Order]] = {}
    known: dict[str, Candidate] = {}
    for candidate in task.candidates(Recipe(unfreeze="0", head=head), backbone, samples):
        known[candidate.name] = candidate
        parts = known[candidate.crops_from].spec.parts() if candidate.crops_from else ()
        attention = draws.dirichlet(np.ones(len(parts)), len(samples)).astype(np.float32) if parts else None
        found.setdefault(candidate.spec, orders_for(candidate, samples, attention, parts))
    return list(found.items())


def decode_only_s(spec: FeatureSpec, orders: Sequence[Order], job: str = "photos") -> float:
    """Seconds to turn every order into network inputs, on all processors."""
    from dataclasses import replace

    source = tasks.get(job).decoder(backbones.load(EMBEDDED))

    def inputs(order: Order) -> None:
        source.decode(order.sample, replace(spec, crops=order.crops) if order.crops else spec)

    begin = time.perf_counter()
    with ThreadPoolExecutor(available()) as pool:
        deque(pool.map(inputs, orders), maxlen=0)
    return time.perf_counter() - begin


def engine_only_s(backbone: Backbone, spec: FeatureSpec, count: int, cache: Path) -> float:
    """Seconds to run `count` examples' looks, already decoded, through the compiled pass."""
    height, width = spec.shape
    batch = random_pictures(max(1, BATCH_PIXELS // (height * width)), width, height)
    engine = compile_network(
        FrozenFeatures(backbone, spec), batch, spec.key(backbone, "graph"), cache, "cpu", print
    )
    engine.start(batch)()
    begin = time.perf_counter()
    pending: deque[Callable[[], Any]] = deque()
    for _ in range(-(-count * spec.count() // len(batch))):
        pending.append(engine.start(batch))
        if len(pending) > available():
            pending.popleft()()
    for wait in pending:
        wait()
    return time.perf_counter() - begin


def against_torch(cache: Path, rounds: int = 20) -> dict[str, float]:
    """Images a second of the engine and of eager torch, same weights and outputs, whole photo at 224 px."""
    backbone = backbones.load(EMBEDDED)
    spec = FeatureSpec(backbone.preprocessing.size)
    module = FrozenFeatures(backbone, spec).eval()
    batch = random_pictures(32, spec.size)
    eager = TorchEngine(module, "cpu")
    expected = eager.start(batch)()
    begin = time.perf_counter()
    for _ in range(rounds):
        eager.start(batch)()
    torch_s = (time.perf_counter() - begin) / rounds / len(batch)
    torch.set_num_threads(available())
    small = random_pictures(max(1, BATCH_PIXELS // spec.size**2), spec.size)
    engine = compile_network(module, small, spec.key(backbone, "graph"), cache, "cpu", print)
    ours = np.concatenate([engine.start(piece)() for piece in np.array_split(batch, 8)])
    seconds = engine_only_s(backbone, spec, rounds * len(batch), cache)
    difference = float(np.abs(ours.reshape(expected.shape) - expected).max())
    return {
        "engine_images_per_s": rounds * len(batch) / seconds,
        "torch_images_per_s": 1 / torch_s,
        "ratio": rounds * len(batch) / seconds * torch_s,
        "largest_difference": difference,
        "largest_value": float(np.abs(expected).max()),
    }


def random_pictures(count: int, width: int, height: int = 0) -> Any:
    """uint8 [count, height, width, 3], squares where no height is given."""
    return np.random.default_rng(0).integers(0, 256, (count, height or width, width, 3), dtype=np.uint8)
