"""What a graphics processor brings: `python benchmarks/speed/on_cuda.py [--only engine,tail]`.

Frozen passes and training of a whole network, on CUDA and on the processors of the same machine in one run.
Networks other than the embedded one have random weights: that changes no second.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from limits import EMBEDDED, engine_only_s, random_pictures

from preseason import backbones
from preseason.backbones.base import Backbone
from preseason.backbones.timm_networks import create, preprocessing_of, split_of
from preseason.engine.feeds.base import feed_for
from preseason.engine.graphs.pictures import FrozenFeatures
from preseason.engine.networks import compile_network
from preseason.engine.passes import FeatureSpec
from preseason.heads.tail import Tail
from preseason.heads.trainer import Trainer, TrainingConfig
from preseason.runtime.progress import Silent
from preseason.runtime.threads import available, limit_torch

Figures = dict[str, Any]


def network(name: str) -> Backbone:
    """The embedded network, others with random weights."""
    if name == EMBEDDED:
        return backbones.load(name)
    made = create(name)
    return Backbone(name, made, split_of(made), preprocessing_of(made), "none")


def engine(backbone: Backbone, cache: Path, seconds: float) -> Figures:
    """Pictures a second of a frozen pass by our engine on CUDA, eager float32 there, and on the CPU."""
    spec = FeatureSpec(backbone.preprocessing.size)
    module = FrozenFeatures(backbone, spec).eval()
    feed = feed_for(backbone, spec, "cuda")
    some = [random_pictures(1, spec.size) for _ in range(feed.chunk)]
    batch = next(iter(feed.deal(some)[0]))
    ours = compile_network(module, batch[:2], "key", cache, "cuda", print)
    with torch.inference_mode():
        expected = module(torch.from_numpy(batch[:4])).numpy()
    found = ours.start(batch[:4])()
    fast = speed(lambda: ours.start(batch), len(batch), seconds)
    plain = FrozenFeatures(network(backbone.name), spec).eval().to("cuda")

    def eager() -> Callable[[], Any]:
        with torch.inference_mode():
            rows = plain(torch.from_numpy(batch[:32]).to("cuda"))
        return lambda: rows.cpu().numpy()

    slow = speed(eager, min(32, len(batch)), seconds)
    count = 64
    cpu = count / engine_only_s(backbone, spec, count, cache)
    return {
        "pictures in a batch": len(batch),
        "CUDA, pictures/s": fast,
        "over eager float32, batches of 32": fast / slow,
        f"over {available()} processors": fast / cpu,
        "largest difference over largest value": float(
            np.abs(found - expected).max() / np.abs(expected).max()
        ),
    }


def speed(begin: Callable[[], Callable[[], Any]], count: int, seconds: float) -> float:
    """Pictures a second with two batches of `count` under way."""
    begin()()
    done, pending = 0, deque([begin()])
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        pending.append(begin())
        pending.popleft()()
        done += count
    pending.popleft()()
    return (done + count) / (time.perf_counter() - start)


def tail(backbone: Backbone, cache: Path, seconds: float) -> Figures:
    """Examples a second while the whole network is trained, on CUDA and on the CPU."""
    found = {}
    size = backbone.preprocessing.size
    pictures = torch.randn(64, 3, size, size, generator=torch.Generator().manual_seed(0))
    for device, rounds in (("cuda", 30), ("cpu", 1)):
        tuned = Tail(backbone, 0, 10).placed(device)
        spec = TrainingConfig(tuned.groups(1e-4), epochs=1, batch_size=32, seed=0, rounds=rounds)
        targets = np.arange(len(pictures)) % 10
        trainer = Trainer(tuned, targets, lambda chosen, _: pictures[torch.from_numpy(chosen)], spec)
        trainer.run(None, Silent())
        begin = time.perf_counter()
        Trainer(tuned, targets, trainer.batch, spec).run(None, Silent())
        found[device] = rounds * len(pictures) / (time.perf_counter() - begin)
    return {"CUDA, examples/s": found["cuda"], f"over {available()} processors": found["cuda"] / found["cpu"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="engine,tail")
    parser.add_argument("--backbones", default=f"{EMBEDDED},resnet50,vit_base_patch16_224")
    parser.add_argument("--seconds", type=float, default=3, help="of each way of the engine")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        parser.error("torch sees no CUDA device here")
    print("python " + " ".join(sys.argv), torch.cuda.get_device_name(), sep="\n", flush=True)
    limit_torch()
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.backbones.split(","):
            for title, measure in {"engine": engine, "tail": tail}.items():
                if title in asked.only:
                    found[f"{title}: {name}"] = measure(network(name), Path(folder), asked.seconds)
                    show(f"{title}: {name}", found[f"{title}: {name}"])
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, **found}, indent=1), "utf-8")


def show(name: str, figures: Figures) -> None:
    print(f"\n{name}")
    for key, value in figures.items():
        print(f"  {key:40} {value:,.4g}" if isinstance(value, float) else f"  {key:40} {value}", flush=True)


if __name__ == "__main__":
    main()
