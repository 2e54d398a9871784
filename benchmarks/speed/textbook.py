"""An epoch of the textbook, plain PyTorch against the bank: `python benchmarks/speed/textbook.py DATA`.

ResNet-50, 224 px, batches of 32, Adam: frozen + Flatten + Dense 512 + softmax, then the last residual block
fine-tuned as well. The plain loop decodes and runs every photo through the whole network in every epoch, as
tutorials do. Weights are random: they change no time.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from noisy import photos_in
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

import preseason
from preseason.runtime.threads import available

SIDE, BATCH = 224, 32
WARM_UP_BATCHES = 1


@dataclass
class Epochs:
    """A progress that adds up seconds and steps of the stages that train the recipe."""

    candidate: str
    seconds: float = 0.0
    steps: int = 0
    _stage: str = ""
    _begin: float = 0.0
    said: list[str] = field(default_factory=list)

    def start(self, stage: str, total: int) -> None:
        self._stage, self._begin = stage, time.perf_counter()

    def advance(self, steps: int = 1) -> None:
        if self._stage.startswith(f"training: {self.candidate}"):
            self.steps += steps

    def finish(self) -> None:
        if self._stage.startswith(f"training: {self.candidate}"):
            self.seconds += time.perf_counter() - self._begin
        self._stage = ""

    def say(self, line: str) -> None:
        self.said.append(line)


def plain_epoch_s(photos: list[Path], labels: list[int], tuned: bool) -> float:
    """Seconds of one epoch of the plain loop, after one batch to warm up."""
    torch.manual_seed(0)
    torch.set_num_threads(available())
    body = timm.create_model("resnet50", num_classes=0, global_pool="").requires_grad_(False).eval()
    head = nn.Sequential(nn.Flatten(), nn.Linear(2048 * 49, 512), nn.ReLU(), nn.Linear(512, max(labels) + 1))
    trained = list(head.parameters())
    if tuned:
        trained += list(body.layer4[-1].requires_grad_(True).parameters())
    optimizer = torch.optim.Adam(trained, lr=1e-4 if tuned else 1e-3)
    order = np.random.default_rng(0).permutation(len(photos))
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    for chosen in batches[:WARM_UP_BATCHES]:
        _step(body, head, optimizer, photos, labels, chosen)
    begin = time.perf_counter()
    for chosen in batches:
        _step(body, head, optimizer, photos, labels, chosen)
    return time.perf_counter() - begin


def _step(
    body: Any, head: nn.Module, optimizer: Any, photos: list[Path], labels: list[int], chosen: Any
) -> None:
    pictures = torch.stack([_decoded(photos[i]) for i in chosen])
    loss = functional.cross_entropy(head(body(pictures)), torch.tensor([labels[i] for i in chosen]))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _decoded(path: Path) -> Tensor:
    with Image.open(path) as picture:
        small = picture.convert("RGB").resize((SIDE, SIDE))
    return torch.from_numpy(np.asarray(small, np.float32).transpose(2, 0, 1) / 255)


def bank_epoch_s(data: Path, recipe: str, candidate: str, work: Path) -> tuple[float, float]:
    """Seconds of one epoch from the bank, and of filling the bank once."""
    weights = work / "resnet50.safetensors"
    if not weights.exists():
        torch.manual_seed(0)
        save_file(timm.create_model("resnet50").state_dict(), weights)
    epochs = Epochs(candidate)
    model = preseason.fit(
        data, progress=epochs, name=recipe, weights=str(weights), epochs=4, budget_s="24h", cache=str(work)
    )
    if not epochs.steps:
        raise SystemExit(f"no epoch of {candidate!r} was seen; the fit said: {epochs.said}")
    return epochs.seconds / epochs.steps, model.record.seconds["reading through the network"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    photos = photos_in(asked.data)
    names = sorted({path.parent.name for path in photos})
    photos = [path for path in photos if _readable(path)]
    labels = [names.index(path.parent.name) for path in photos]
    print(
        "python " + " ".join(sys.argv), f"\n{len(photos)} photos, {len(names)} labels, {available()} threads"
    )
    found: dict[str, Any] = {"command": sys.argv, "photos": len(photos)}
    with tempfile.TemporaryDirectory(prefix="preseason-textbook-") as folder:
        for recipe, candidate, tuned in (
            ("frozen-dense", "frozen-dense", False),
            ("last-10-layers", "last 1 blocks", True),
        ):
            plain = plain_epoch_s(photos, labels, tuned)
            ours, filling = bank_epoch_s(asked.data, recipe, candidate, Path(folder))
            print(f"{recipe:15} plain {plain:7.2f} s an epoch, from the bank {ours:6.2f} s,", end=" ")
            print(f"{plain / ours:.1f} times faster; filling the bank once {filling:.1f} s", flush=True)
            found[recipe] = {"plain_epoch_s": plain, "bank_epoch_s": ours, "filling_s": filling}
            found[recipe]["ratio"] = plain / ours
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1), "utf-8")


def _readable(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            picture.verify()
    except (OSError, SyntaxError):
        return False
    return True


if __name__ == "__main__":
    main()
