"""Exported models against the model and eager torch: `python benchmarks/speed/export.py DATA [DATA ...]`.

Each DATA is a folder with one folder of photos for each label. A model learns from six tenths of it; of the
rest, half sets the ranges of int8 and half is judged by the model and by every export. Seconds are those of
the graphs alone, one photo at a time, on the same looks: eager torch, then each export. What a whole answer
takes, decoding and all, stands beside it.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import preseason
from preseason.data.split import hold_out
from preseason.exporting.export import TARGETS, export, runner_of
from preseason.exporting.graphs import StageGraph, stages_of
from preseason.exporting.run import Exported
from preseason.models.classifier import Model
from preseason.runtime.threads import available

GRAPHS = tuple(name for name in TARGETS if name.startswith(("onnx", "openvino")))
HELD_OUT = 0.4
WARM_UP = 2


class Eager:
    """A model's graphs as torch modules, asked as the engines of an export are."""

    def __init__(self, model: Model, exported: Exported) -> None:
        self.settings = exported.settings
        stages = stages_of(model.predictor)
        backbone, runner = model.extractors.backbone.loaded(), runner_of(model)
        self.modules = [StageGraph(backbone, stage, runner).eval() for stage in stages]

    @torch.inference_mode()
    def run(self, number: int, given: dict[str, Any]) -> dict[str, Any]:
        """The outputs of a stage."""
        found = self.modules[number](*(torch.from_numpy(value) for value in given.values()))
        names = self.settings["stages"][number]["outputs"]
        return {name: value.numpy() for name, value in zip(names, found, strict=True)}


def graph_s(asked: Any, exported: Exported, photos: list[bytes]) -> float:
    """Seconds a photo that the graphs alone take; `asked` runs a stage by its number."""
    seconds = []
    for data in photos:
        found: dict[str, Any] = {}
        spent = 0.0
        for number, stage in enumerate(exported.settings["stages"]):
            given = exported.inputs(data, stage, found)
            begin = time.perf_counter()
            found |= asked(number, given)
            spent += time.perf_counter() - begin
        seconds.append(spent)
    return float(np.mean(seconds[WARM_UP:]))


def whole_s(exported: Exported, photos: list[bytes]) -> float:
    """Seconds a photo from its file to the answer."""
    begin = time.perf_counter()
    for data in photos:
        exported.judge(data)
    return (time.perf_counter() - begin) / len(photos)


def measured(data: Path, asked: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    """A row for eager torch and one for each export."""
    dataset = preseason.read(data).dataset
    learn, held = hold_out(dataset, HELD_OUT, 0)
    for part, chosen in (("train", learn), ("test", held)):
        for index in chosen.tolist():
            sample = dataset.samples[index]
            source = sample.path.resolve()
            place = work / part / str(sample.label) / f"{index}{source.suffix}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(source)
    model = preseason.fit(
        work / "train", head=asked.head, unfreeze=0, budget_s="24h", cache=str(work / "cache"), device="cpu"
    )
    assert isinstance(model, Model)
    photos = [dataset.samples[i].path.read_bytes() for i in held[: asked.photos + WARM_UP].tolist()]
    rows, eager = [], 0.0
    for to in asked.to.split(","):
        folder = work / to
        written = export(model, folder, to=to, data=[work / "test"], allow_difference=True)
        exported = Exported(folder)
        if not eager:
            torch.set_num_threads(available())
            eager = graph_s(Eager(model, exported).run, exported, photos)
            print(f"{data.name:20} {'eager torch':14} {eager * 1000:8.1f} ms", flush=True)
        engines = exported.engines
        own = graph_s(lambda n, given, e=engines: e[n](given), exported, photos)
        check = written.check
        if check is None or check.accuracy is None:
            raise SystemExit(f"{to} was not compared on labelled photos")
        row = {
            "data": data.name, "to": to, "eager_ms": eager * 1000, "graph_ms": own * 1000,
            "ratio": eager / own, "whole_ms": whole_s(exported, photos) * 1000, "n": check.n,
            "accuracy_model": check.accuracy[0], "accuracy_export": check.accuracy[1],
            "same_label": check.same_label, "largest": check.largest, "bytes": written.bytes,
        }  # fmt: skip
        rows.append(row)
        print(
            f"{data.name:20} {to:14} {own * 1000:8.1f} ms {row['ratio']:6.2f} x  whole {row['whole_ms']:.1f} "
            f"ms  right {100 * check.accuracy[0]:.1f} -> {100 * check.accuracy[1]:.1f} % of {check.n}  "
            f"same {100 * check.same_label:.1f} %  largest {check.largest:.4f} {written.bytes / 1e6:.0f} MB",
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--to", default=",".join(GRAPHS))
    parser.add_argument("--head", default="attention")
    parser.add_argument("--photos", type=int, default=60, help="that are timed")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv))
    rows = []
    for data in asked.data:
        with tempfile.TemporaryDirectory(prefix="preseason-export-") as folder:
            rows += measured(data, asked, Path(folder))
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "rows": rows}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
