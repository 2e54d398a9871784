"""Fine-tuning of a whole detector: AdamW, a warm-up and a falling rate, a checkpoint after each epoch.

The loss is that of the network itself: queries are matched with labelled boxes one to one (Carion et al.
2020, arXiv 2005.12872), with what each architecture adds.
"""

import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from preseason.arrays.types import Ints
from preseason.backbones.base import Normalise
from preseason.backbones.detectors import PARTS, DetectorBackbone, part_of
from preseason.engine.canvas import painted
from preseason.engine.passes import WHOLE, Box
from preseason.heads.epochs import run_epochs, take_up, weights_of
from preseason.heads.trainer import train_mode
from preseason.inference.detection.square import SquarePlan
from preseason.media.colours import recoloured
from preseason.media.image import decode
from preseason.runtime.progress import Progress, Silent
from preseason.runtime.threads import available, limit_torch
from preseason.training.detection.looks import Labelled

ZOOMED, LEAST_PART = 0.5, 0.6
"""Share of the looks that show a part of the picture, and the smallest side of such a part."""
SHOWN = 0.4
"""Share of a box that must lie on the part for it to be learnt there."""
SLOWER = 0.1
"""Rate of a pretrained backbone, relative to that of what follows it."""
WARM = 0.1
"""Share of the steps in which the rate rises."""
CLIP = 0.1
"""Largest norm of a step's gradients, as DETR has it."""
TRIALS = 3


@dataclass(frozen=True)
class WholeTraining:
    """How to descend.

    Attributes:
        cut: the first of `PARTS` that is trained.
        checkpoint: file of the finished epochs.
    """

    epochs: int = 50
    batch_size: int = 4
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    cut: int = 1
    seed: int = 0
    device: str = "cpu"
    checkpoint: Path | None = None
    progress: Progress = field(default_factory=Silent)
    stage: str = "training"


def fine_tuned(
    backbone: DetectorBackbone, pictures: Labelled, chosen: Ints, plan: SquarePlan, how: WholeTraining
) -> DetectorBackbone:
    """The detector after as many epochs over the chosen pictures as `how` says.

    Args:
        backbone: has heads for the classes already; it is changed.
    """
    limit_torch()
    run = _Run(backbone, pictures, chosen, plan, how)
    take_up(how.checkpoint, run.load, lambda: weights_of(run.network), run.network.load_state_dict)
    run_epochs(run, how.checkpoint, how.progress, how.stage)
    return _finished(backbone)


def seconds_of_epoch(
    backbone: DetectorBackbone, pictures: Labelled, chosen: Ints, plan: SquarePlan, how: WholeTraining
) -> float:
    """How long an epoch over the chosen pictures takes, from a few steps whose gradients are dropped."""
    limit_torch()
    run = _Run(backbone, pictures, chosen, plan, how)
    times = []
    for number, batch in zip(range(TRIALS), run.batches(np.random.default_rng(how.seed)), strict=False):
        begin = time.monotonic()
        run.gradients(batch)
        if how.device == "cuda":
            torch.cuda.synchronize()
        if number or len(chosen) <= how.batch_size:  # the first step prepares what the others use
            times.append(time.monotonic() - begin)
    run.optimizer.zero_grad()
    _finished(backbone)
    return float(np.median(times)) * run.steps


def _finished(backbone: DetectorBackbone) -> DetectorBackbone:
    network: Any = backbone.network
    network.cpu().eval().requires_grad_(False)
    return DetectorBackbone(backbone.name, network, backbone.preprocessing, backbone.licence, backbone.files)


@dataclass(frozen=True)
class _Batch:
    """Pictures uint8 [n, side, side, 3], and of each the classes and boxes x y w h in 0..1 of the square."""

    pictures: Tensor
    labels: list[dict[str, Tensor]]


class _Run:
    """One training; begins where its checkpoint stopped."""

    def __init__(
        self,
        backbone: DetectorBackbone,
        pictures: Labelled,
        chosen: Ints,
        plan: SquarePlan,
        how: WholeTraining,
    ) -> None:
        self.pictures, self.chosen, self.plan, self.how = pictures, chosen, plan, how
        self.network: Any = backbone.network.to(how.device)
        self.normalise = Normalise(backbone.preprocessing).to(how.device)
        self.epoch, self.epochs = 0, how.epochs
        frozen = set(PARTS[: how.cut])
        groups: dict[bool, list[Tensor]] = {True: [], False: []}
        for name, parameter in self.network.named_parameters():
            part = part_of(name)
            parameter.requires_grad_(part not in frozen)
            if part not in frozen:
                groups[part == PARTS[0]].append(parameter)
        rates = {True: SLOWER * how.learning_rate, False: how.learning_rate}
        self.trained = [*groups[True], *groups[False]]
        self.optimizer = torch.optim.AdamW(
            [{"params": group, "lr": rates[slow]} for slow, group in groups.items() if group],
            weight_decay=how.weight_decay,
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return max(1, -(-len(self.chosen) // self.how.batch_size))

    def is_finished(self) -> bool:
        """Whether all epochs are done."""
        return self.epoch >= self.epochs

    def train_epoch(self) -> dict[str, float]:
        """One look at each picture; gives the mean loss."""
        rng = np.random.default_rng((self.how.seed, self.epoch))
        # Boxes with noise, which some of the networks learn to mend, are drawn from torch's own generator.
        torch.manual_seed(int(rng.integers(2**31)))
        losses = []
        for batch in self.batches(rng):
            losses.append(self.gradients(batch))
            torch.nn.utils.clip_grad_norm_(self.trained, CLIP)
            self.optimizer.step()
            self.schedule.step()
        self.epoch += 1
        return {"loss": float(torch.stack(losses).mean())}

    def gradients(self, batch: _Batch) -> Tensor:
        """Those of the batch; gives its loss."""
        train_mode(self.network)
        device = self.how.device
        labels = [{name: value.to(device) for name, value in each.items()} for each in batch.labels]
        fed = self.normalise(batch.pictures.to(device))
        loss: Tensor = self.network(pixel_values=fed, labels=labels).loss
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def batches(self, rng: np.random.Generator) -> Iterator[_Batch]:
        """All chosen pictures in random order, the next batch read while one is learnt from."""
        order = rng.permutation(self.chosen)
        size = self.how.batch_size
        parts = [order[begin : begin + size].tolist() for begin in range(0, len(order), size)]
        with ThreadPoolExecutor(max(1, available() - 1), thread_name_prefix="decode") as pool:
            begun = (
                pool.map(self._look, part, rng.integers(2**63, size=len(part)).tolist()) for part in parts
            )
            ready = next(begun)
            for following in begun:
                yield _stacked(list(ready))
                ready = following
            yield _stacked(list(ready))

    def state(self) -> dict[str, Any]:
        """All that the next epoch needs."""
        network = self.network.state_dict()
        return {
            "network": {name: network[name] for name in self._changing()},
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "epoch": self.epoch,
        }

    def load(self, content: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            ValueError: it is of another training.
        """
        if set(content["network"]) != set(self._changing()):
            raise ValueError("it is of another training")
        self.network.load_state_dict(self.network.state_dict() | content["network"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])
        self.epoch = int(content["epoch"])

    def _changing(self) -> list[str]:
        """Names of what training changes: frozen parts are not written again."""
        frozen = set(PARTS[: self.how.cut])
        return [name for name in self.network.state_dict() if part_of(name) not in frozen]

    def _rate(self, step: int) -> float:
        """Rises, then falls as a half cosine to a hundredth."""
        total = self.how.epochs * self.steps
        warm = max(1, round(WARM * total))
        if step < warm:
            return (step + 1) / warm
        done = min(1.0, (step - warm) / max(1, total - warm))
        return 0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2

    def _look(self, place: int, seed: int) -> tuple[NDArray[np.uint8], dict[str, Tensor]]:
        """One look at a picture, mirrored, in another light and of a part by chance, with its boxes."""
        rng = np.random.default_rng(seed)
        picture = decode(self.pictures.samples[place].path, math.ceil(self.plan.longest / LEAST_PART))
        canvas = self.plan.canvas((picture.shape[0], picture.shape[1]), _part(rng))
        boxes = canvas.placed(self.pictures.boxes[place])
        inner = np.array([canvas.inner_width, canvas.inner_height] * 2, np.float32)
        cut = boxes.clip(0, inner)
        seen = _areas(cut) > SHOWN * _areas(boxes)
        edges = cut[seen] / self.plan.longest
        middles, sides = (edges[:, :2] + edges[:, 2:]) / 2, edges[:, 2:] - edges[:, :2]
        target = {
            "class_labels": torch.from_numpy(self.pictures.labels[place][seen]),
            "boxes": torch.from_numpy(np.concatenate([middles, sides], 1)),
        }
        return recoloured(painted(picture, canvas), str(seed)), target


def _part(rng: np.random.Generator) -> Box:
    """The whole picture or a part of it, mirrored half of the time."""
    part = WHOLE
    if rng.random() < ZOOMED:
        side = rng.uniform(LEAST_PART, 1)
        x, y = rng.uniform(0, 1 - side, 2)
        part = Box(float(x), float(y), float(x + side), float(y + side))
    return part.mirrored() if rng.random() < 0.5 else part


def _areas(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), np.float32)


def _stacked(looks: list[tuple[NDArray[np.uint8], dict[str, Tensor]]]) -> _Batch:
    return _Batch(torch.from_numpy(np.stack([each for each, _ in looks])), [target for _, target in looks])
