"""Speed of the road for clips: `python benchmarks/speed/clips.py DATA [--only fit,lstm,videomae]`.

DATA is a folder with one folder of clips for each play.

- fit: a whole fit of frozen features over the slower of decoding only and engine only.
- lstm: the plain PyTorch loop of tutorials, which decodes every clip and runs the frozen network over its
  frames in every epoch, then an LSTM; same network, weights and training clips. Told are seconds of an epoch,
  and after how many seconds the loop is as good on the held-out clips as the model of `preseason fit`.
- videomae: transformers' VideoMAE with small random weights, its last layer and classifier trained by the
  plain loop and from the bank. Random weights change no time; their accuracy would say nothing.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from limits import EMBEDDED, decode_only_s, engine_only_s, frozen_orders
from torch import Tensor, nn
from torch.nn import functional

import preseason
from preseason import backbones
from preseason.backbones.base import Normalise
from preseason.data.dataset import Sample
from preseason.data.split import hold_out
from preseason.media import video
from preseason.runtime.threads import available
from preseason.tasks.crops import WHOLE, cut_out
from preseason.tasks.reading import read

Figures = dict[str, Any]
FRAMES, BATCH = 8, 16
VIDEOMAE = {"hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 3, "intermediate_size": 768}


@dataclass
class Sides:
    """Clips that are learnt from and clips that are held out, as samples and as folders."""

    train: list[Sample]
    test: list[Sample]
    labels: list[str]
    folder: Path

    def targets(self, samples: list[Sample]) -> Tensor:
        """int64 [n]."""
        return torch.tensor([self.labels.index(str(sample.label)) for sample in samples])


@dataclass
class Epochs:
    """A progress that adds up seconds and steps of the stages of training."""

    seconds: float = 0.0
    steps: int = 0
    _stage: str = ""
    _begin: float = 0.0
    said: list[str] = field(default_factory=list)

    def start(self, stage: str, total: int) -> None:
        self._stage, self._begin = stage, time.perf_counter()

    def advance(self, steps: int = 1) -> None:
        self.steps += steps if self._stage.startswith("training") else 0

    def finish(self) -> None:
        if self._stage.startswith("training"):
            self.seconds += time.perf_counter() - self._begin
        self._stage = ""

    def say(self, line: str) -> None:
        self.said.append(line)


def sides(data: Path, work: Path) -> Sides:
    """A fifth is held out, in whole groups."""
    dataset = read(data).dataset
    train, test = hold_out(dataset, 0.2, 0)
    chosen = [dataset.samples[i] for i in train], [dataset.samples[i] for i in test]
    for part, samples in zip(("train", "test"), chosen, strict=True):
        for sample in samples:
            place = work / part / str(sample.label)
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(sample.source), place)
    return Sides(*chosen, list(dataset.labels), work)


def fit(data: Path, work: Path, epochs: int) -> Figures:
    """Wall time of a fit without tail fine-tuning, over the slower of decoding only and engine only."""
    cache = work / "fit-cache"
    begin = time.perf_counter()
    model = preseason.fit(data, work / "model", cache=str(cache), unfreeze=0, budget_s="24h")
    wall = time.perf_counter() - begin
    samples = read(data).dataset.samples
    decode = engine = 0.0
    for spec, orders in frozen_orders(samples, "auto", "clips"):
        decode += decode_only_s(spec, orders, "clips")
        engine += engine_only_s(backbones.load(EMBEDDED), spec, len(orders), cache)
    return {
        "clips": len(samples),
        "fit_s": wall,
        "decode_only_s": decode,
        "engine_only_s": engine,
        "fit_over_limit": wall / max(decode, engine),
        "stages_s": {name: round(seconds, 2) for name, seconds in model.record.seconds.items()},
        "accuracy": model.record.score.value,
    }


def lstm(data: Path, work: Path, epochs: int) -> Figures:
    """Frozen network and LSTM: the plain loop against the bank."""
    split = sides(data, work)
    watch = Epochs()
    begin = time.perf_counter()
    model = preseason.fit(
        split.folder / "train",
        progress=watch,
        head="lstm",
        unfreeze=0,
        budget_s="24h",
        cache=str(work / "lstm-cache"),
    )
    ours_s = time.perf_counter() - begin
    ours = model.evaluate(split.folder / "test").score.value
    torch.manual_seed(0)
    torch.set_num_threads(available())
    network = FrozenLstm(len(split.labels))
    rows = list(plain(network, split, FRAMES, 224, list(network.trained.parameters()), epochs))
    reached = next((seconds for seconds, accuracy in rows if accuracy >= ours), None)
    return {
        "fit_s": ours_s,
        "accuracy": ours,
        "bank_epoch_s": watch.seconds / max(watch.steps, 1),
        "plain_epoch_s": rows[0][0],
        "plain_best_accuracy": max(accuracy for _, accuracy in rows),
        "plain_s": rows[-1][0],
        "plain_s_to_our_accuracy": reached if reached is not None else f"not within {epochs} epochs",
    }


class FrozenLstm(nn.Module):
    """The classic ConvNet + LSTM: frames uint8 [n, t, h, w, 3] to logits [n, c]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = backbones.load(EMBEDDED).requires_grad_(False)
        self.normalise = Normalise(self.body.preprocessing)
        self.trained = nn.ModuleDict(
            {"lstm": nn.LSTM(self.body.width, 128, batch_first=True), "classifier": nn.Linear(128, classes)}
        )

    def forward(self, clips: Tensor) -> Tensor:
        """Logits."""
        with torch.no_grad():
            vectors = self.body(self.normalise(clips.flatten(0, 1))).view(*clips.shape[:2], -1)
        logits: Tensor = self.trained["classifier"](self.trained["lstm"](vectors)[0][:, -1])
        return logits


def videomae(data: Path, work: Path, epochs: int) -> Figures:
    """Last layer and classifier of a small VideoMAE: the plain loop against the bank."""
    import transformers

    split = sides(data, work)
    config = transformers.VideoMAEConfig(num_labels=len(split.labels), image_size=112, **VIDEOMAE)
    torch.manual_seed(0)
    network = transformers.VideoMAEForVideoClassification(config)
    network.save_pretrained(work / "videomae")
    watch = Epochs()
    preseason.fit(
        split.folder / "train", progress=watch, backbone=str(work / "videomae"), unfreeze=1, epochs=4,
        budget_s="24h", cache=str(work / "videomae-cache"),
    )  # fmt: skip
    network.requires_grad_(False)
    trained = [network.classifier, network.fc_norm, network.videomae.encoder.layer[-1]]
    parameters = [p.requires_grad_(True) for part in trained if part is not None for p in part.parameters()]
    torch.set_num_threads(available())
    rows = list(plain(FrozenVideoMae(network), split, config.num_frames, 112, parameters, 2))
    bank_s = watch.seconds / max(watch.steps, 1)
    plain_s = rows[1][0] - rows[0][0]
    return {"bank_epoch_s": bank_s, "plain_epoch_s": plain_s, "ratio": plain_s / bank_s}


class FrozenVideoMae(nn.Module):
    """Runs uint8 [n, t, h, w, 3] to logits [n, c]."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, clips: Tensor) -> Tensor:
        """Logits."""
        mean, deviation = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
        pixels = ((clips / 255 - mean) / deviation).permute(0, 1, 4, 2, 3)
        logits: Tensor = self.network(pixel_values=pixels).logits
        return logits


def plain(
    network: nn.Module, split: Sides, frames: int, side: int, parameters: list[Any], epochs: int
) -> Iterator[tuple[float, float]]:
    """After each epoch: seconds of training so far, and accuracy on the held-out clips."""
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    rng, seconds = np.random.default_rng(0), 0.0
    for _ in range(epochs):
        begin = time.perf_counter()
        order = [split.train[i] for i in rng.permutation(len(split.train))]
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            loss = functional.cross_entropy(network(_decoded(batch, frames, side)), split.targets(batch))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        seconds += time.perf_counter() - begin
        yield seconds, _accuracy(network, split, frames, side)


@torch.inference_mode()
def _accuracy(network: nn.Module, split: Sides, frames: int, side: int) -> float:
    batches = [split.test[start : start + BATCH] for start in range(0, len(split.test), BATCH)]
    answers = torch.cat([network(_decoded(batch, frames, side)).argmax(1) for batch in batches])
    return float((answers == split.targets(split.test)).float().mean())


def _decoded(samples: list[Sample], frames: int, side: int) -> Tensor:
    """uint8 [n, t, side, side, 3]."""
    clips = [video.evenly(sample.path, frames, sample.span, 2 * side) for sample in samples]
    squares = [[cut_out(frame, WHOLE, (side, side)) for frame in clip] for clip in clips]
    return torch.from_numpy(np.asarray(squares))


MEASURES: dict[str, Callable[[Path, Path, int], Figures]] = {"fit": fit, "lstm": lstm, "videomae": videomae}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", default=",".join(MEASURES), help="comma-separated: " + ", ".join(MEASURES))
    parser.add_argument("--epochs", type=int, default=10, help="of the plain loop with an LSTM")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv), f"\n{available()} threads")
    found: dict[str, Figures] = {}
    for name in asked.only.split(","):
        with tempfile.TemporaryDirectory(prefix="preseason-clips-") as folder:
            found[name] = MEASURES[name](asked.data, Path(folder), asked.epochs)
        print(f"\n{name}")
        for key, value in found[name].items():
            print(
                f"  {key:26} {value:,.4g}" if isinstance(value, float) else f"  {key:26} {value}", flush=True
            )
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, **found}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
