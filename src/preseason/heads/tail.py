"""Fine-tuning the last blocks from the bank: the map at the cut goes in, the frozen trunk never runs again.

The new classifier starts at the head-only solution (LP-FT, Kumar et al. 2022, arXiv 2202.10054) and lower
blocks get smaller learning rates. One set `fresh` begins with a random classifier: one
that is already right about few examples leaves the blocks nothing to learn. With the cut before the first
block the whole network is trained. Of clips every frame goes through the tail; the classifier reads their
mean and their mean change, or a head over time is trained together with the blocks.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.arrays.scaling import rotation_of, scale_of
from preseason.arrays.types import Floats, Ints
from preseason.backbones.base import Backbone
from preseason.backbones.facts import BackboneSource
from preseason.backbones.families.chains import parameters_of
from preseason.engine.networks import in_halves
from preseason.heads.base import TrainingSet, heads, reader_of
from preseason.heads.linear import logistic_regression
from preseason.heads.sequence import SequenceNetwork
from preseason.heads.trainer import Trainer, TrainingConfig
from preseason.inference.features import Features
from preseason.inference.head import State, restorers

CLASSIFIER_RATE = 1e-3
TAIL_RATE = 2e-4
RATE_DECAY = 0.7
"""Each block further down learns this much more slowly (discriminative rates, Howard and Ruder 2018)."""
STRENGTH = 1e-2
FRESH_CLASSIFIER_RATE, FRESH_RATE, FRESH_DECAY = 2e-3, 5e-4, 1e-2
FRESH_SMOOTHING, FRESH_DROPOUT = 0.1, 0.3
"""With `random_init`: peak learning rates, the same for all blocks, weight decay, and regularisation."""


class Tail(nn.Module):
    """Blocks from `cut` on, the embedding and a new classifier.

    Forward: maps at the cut [n, ...], of clips [n, t, ...], to logits [n, c].

    Args:
        frames: of a clip; 0 for examples that are one look.
        reader: registered head over time that takes the place of the linear classifier (clips only).
        shown: frames of a clip in a step of training, where these are fewer than `frames`.

    Attributes:
        device: where its tensors lie once it is `placed`.
    """

    def __init__(
        self,
        backbone: Backbone,
        cut: int,
        classes: int,
        frames: int = 0,
        reader: str | None = None,
        shown: int = 0,
    ) -> None:
        super().__init__()
        copied = copy.deepcopy(backbone)
        self.cut, self.frames, self.reader = cut, frames, reader
        self.shown = min(shown, frames) or frames
        self.dropout = 0.0
        self.device = "cpu"
        self.network = copied.network.requires_grad_(True)
        self._backbone = (copied,)
        self.classifier: nn.Module
        if reader is None:
            self.classifier = nn.Linear(2 * backbone.width if frames else backbone.width, classes)
        else:
            self.classifier = SequenceNetwork(reader_of(reader), backbone.width, classes)

    def placed(self, device: str) -> "Tail":
        """This tail with all its tensors on a device."""
        self.device = device
        return self.to(device)

    @property
    def backbone(self) -> Backbone:
        """The copied network; its blocks below the cut are never run by this module."""
        return self._backbone[0]

    def vectors(self, maps: Tensor) -> Tensor:
        """One vector for each look [n, d], of clips for each frame [n, t, d]."""
        crops = maps.flatten(0, 1) if self.frames else self.backbone.trimmed(maps, self.cut)
        if crops.ndim == 4 and self.backbone.split.layout == "NCHW":
            # Convolutions of a processor are half as fast again in this order (measured on EfficientNet).
            crops = crops.contiguous(memory_format=torch.channels_last)
        vectors: Tensor = self.backbone.split.embed(self.backbone.run(crops, start=self.cut))
        return vectors.view(*maps.shape[:2], -1) if self.frames else vectors

    def embed(self, maps: Tensor) -> Tensor:
        """Vectors [n, d] of each example; of clips the frames' mean and mean change side by side [n, 2 d]."""
        vectors = self.vectors(maps)
        return mean_and_change(vectors, vectors.shape[1] // self.shown) if self.frames else vectors

    def forward(self, maps: Tensor) -> Tensor:
        """Logits."""
        vectors = self.embed(maps) if self.reader is None else self.vectors(maps)
        logits: Tensor = self.classifier(functional.dropout(vectors, self.dropout, self.training))
        return logits

    def groups(self, rate: float, decay: float = RATE_DECAY) -> list[dict[str, Any]]:
        """Parameter groups: the classifier, then the blocks from the last to the cut, ever more slowly."""
        groups = [{"params": list(self.classifier.parameters()), "lr": CLASSIFIER_RATE}]
        seen = {id(parameter) for parameter in self.classifier.parameters()}
        above = [self.backbone.split.embed, *reversed(self.backbone.split.blocks[self.cut :])]
        for depth, block in enumerate(above):
            own = [p for p in parameters_of(block) if id(p) not in seen]
            seen.update(id(p) for p in own)
            if own:
                groups.append({"params": own, "lr": rate * decay ** max(depth - 1, 0)})
        return groups


@dataclass(frozen=True)
class TailHead:
    """A fine-tuned tail; answers are averaged over the views of each example."""

    tail: Tail
    epochs: int
    kind: str = "tail"

    def logits(self, features: Features) -> Floats:
        """Log of the mean probability over views, float32 [n, c]."""
        return np.concatenate([self._mean_logits(features, chunk) for chunk in features.chunks(16)])

    def embed(self, features: Features) -> Floats:
        """Mean vector over views, float32 [n, d]; of clips that of the first view, which is the whole."""
        return np.concatenate([self._mean_vectors(features, chunk) for chunk in features.chunks(16)])

    def attention(self, features: Features) -> None:
        """Views are not parts."""

    def state(self) -> State:
        """Plain values: the fine-tuned tensors; the frozen ones are the backbone's."""
        own = {id(p) for group in self.tail.groups(TAIL_RATE) for p in group["params"]}
        named = self.tail.network.named_parameters()
        tensors = {f"network.{k}": v.detach().cpu().numpy() for k, v in named if id(v) in own}
        tensors |= {f"classifier.{k}": v.cpu().numpy() for k, v in self.tail.classifier.state_dict().items()}
        tail = self.tail
        settings = {"cut": tail.cut, "frames": tail.frames, "reader": tail.reader, "shown": tail.shown}
        return State(self.kind, tensors, settings | {"epochs": self.epochs})

    @property
    def classifier_prefix(self) -> str:
        """The library's name of the classifier; empty where it has none for these examples."""
        given = getattr(self.tail.network, "pretrained_cfg", {}).get("classifier")
        return str(given) if given and not self.tail.frames else ""

    def timm_tensors(self) -> dict[str, Tensor]:
        """Tensors of the fine-tuned network under its library's names, timm's with the new classifier.

        A classifier of clips is none that timm has: the network keeps its old one then.
        """
        return self.named(self.tail.network)

    def named(self, network: nn.Module) -> dict[str, Tensor]:
        """Tensors of `network` and, where its library has a name for it, of the classifier."""
        tensors, prefix = dict(network.state_dict()), self.classifier_prefix
        own = self.tail.classifier.state_dict().items() if prefix else ()
        return tensors | {f"{prefix}.{key}": value for key, value in own}

    @torch.inference_mode()
    def _mean_logits(self, features: Features, chunk: Ints) -> Floats:
        rows = _views(features, chunk, self.tail.frames).to(self.tail.device)
        logits = in_halves(self.tail.eval(), rows.flatten(0, 1)).view(*rows.shape[:2], -1)
        mean = logits.log_softmax(-1).logsumexp(1) - float(np.log(rows.shape[1]))
        return np.asarray(mean.cpu().numpy(), np.float32)

    @torch.inference_mode()
    def _mean_vectors(self, features: Features, chunk: Ints) -> Floats:
        rows = _views(features, chunk, self.tail.frames)
        rows = rows[:, :1] if self.tail.frames else rows
        vectors = in_halves(self.tail.eval().embed, rows.to(self.tail.device).flatten(0, 1))
        return np.asarray(vectors.view(*rows.shape[:2], -1).mean(1).cpu().numpy(), np.float32)


CLIP_SETTINGS = ("frames", "reader", "shown")
"""Of a stored tail: arguments of `Tail` that are for clips."""


@dataclass(frozen=True)
class TailConfig:
    """How a tail is fitted.

    Attributes:
        epochs: the most of them; exactly so many where they are fixed.
        learning_rate: peak of the last block's; None for what suits.
        random_init: start at a random classifier, not at the best one for the frozen network.
        temporal_head: registered head over time that takes the place of the linear classifier.
        frames_per_step: frames of a clip in a step of training; 0 where examples are no clips.
    """

    epochs: int = 20
    fixed_epochs: bool = False
    batch_size: int = 32
    learning_rate: float | None = None
    random_init: bool = False
    temporal_head: str | None = None
    frames_per_step: int = 0

    def over_time(self, frames: int) -> dict[str, Any]:
        """Arguments of `Tail` for clips of that many frames; none where examples are no clips."""
        if not self.frames_per_step:
            return {}
        return {"frames": frames, "reader": self.temporal_head, "shown": self.frames_per_step}


class TailKind:
    """Fits `TailHead`; its training set's first source holds maps at the cut of every view.

    Attributes:
        kind: the name it is registered under.
        rate: peak learning rate of the last block, where the recipe names none.
    """

    kind = "tail"
    config: type[Any] = TailConfig
    rate = TAIL_RATE
    shares_steps = True

    def make(self, backbone: Backbone, cut: int, classes: int, over_time: Mapping[str, Any]) -> Tail:
        """What is trained; `over_time` holds the arguments of `Tail` that are for clips."""
        return Tail(backbone, cut, classes, **over_time)

    def head(self, tail: Tail, epochs: int) -> TailHead:
        """The fitted head."""
        return TailHead(tail, epochs, self.kind)

    def fit(self, training_set: TrainingSet) -> TailHead:
        """Head first, then the blocks; the number of epochs is found on the first fold, then all is used."""
        config = training_set.config_as(TailConfig)
        epochs = config.epochs
        if training_set.folds and not config.fixed_epochs:
            epochs = self._descend(training_set, epochs, training_set.folds[0][1])[1]
        return self._descend(training_set, epochs, None)[0]

    def restore(self, state: State, backbone: BackboneSource, device: str) -> TailHead:
        """The head that gave `state`."""
        settings = state.settings
        last = "classifier.bias" if settings.get("reader") is None else "classifier.classifier.1.bias"
        over_time = {name: value for name, value in settings.items() if name in CLIP_SETTINGS}
        tail = self.make(backbone.loaded(), settings["cut"], len(state.arrays[last]), over_time)
        tensors = {key: torch.from_numpy(value) for key, value in state.arrays.items()}
        unknown = tail.load_state_dict(tensors, strict=False).unexpected_keys
        if unknown:
            raise ValueError(f"{unknown[0]} is no part of {backbone.name}")
        return self.head(tail.placed(device).eval(), state.settings["epochs"])

    def _descend(
        self, training_set: TrainingSet, epochs: int, validation: Ints | None
    ) -> tuple[TailHead, int]:
        if training_set.backbone is None:
            raise ValueError("a tail is made of a backbone's blocks: the training set holds none")
        torch.manual_seed(training_set.seed)
        own, spec = training_set.config_as(TailConfig), training_set.rows_as()
        tail = self.make(training_set.backbone, spec.cut, training_set.classes, own.over_time(spec.frames))
        tail = tail.placed(training_set.device).eval()
        # Other workers of a team begin at the weights of the first.
        first = training_set.team is None or training_set.team.rank == 0
        if tail.reader is None and not own.random_init and first:
            start_at_head_only(tail, training_set)
        checkpoint = training_set.checkpoint
        if checkpoint is not None and validation is None:
            checkpoint = checkpoint.with_name(f"all-{checkpoint.name}")
        config = replace(self._config(tail, training_set, epochs), run=checkpoint)
        batch = random_view(training_set.features, tail.frames, tail.shown)
        if training_set.team is not None:
            freeze_others(tail, config)
        trainer = Trainer(tail, training_set.targets, batch, config, validation, team=training_set.team)
        outcome = trainer.run(checkpoint, training_set.progress, training_set.stage)
        return self.head(tail.eval(), outcome.best_epoch), outcome.best_epoch

    def _config(self, tail: Tail, training_set: TrainingSet, epochs: int) -> TrainingConfig:
        own = training_set.config_as(TailConfig)
        usual = FRESH_RATE if own.random_init else self.rate
        rate = usual if own.learning_rate is None else own.learning_rate
        start = _freshly(tail, rate) if own.random_init else {"groups": tail.groups(rate)}
        return TrainingConfig(
            epochs=epochs,
            batch_size=own.batch_size,
            seed=training_set.seed,
            seconds=training_set.seconds,
            firm=training_set.firm,
            **start,
        )


def freeze_others(tail: Tail, config: TrainingConfig) -> None:
    """Keep no gradients of weights that are not trained: they would be sent to all workers."""
    trained = {id(weight) for group in config.groups for weight in group["params"]}
    for weight in tail.parameters():
        weight.requires_grad_(id(weight) in trained)


def _freshly(tail: Tail, rate: float) -> dict[str, Any]:
    """What a plan that starts at a random classifier has of its own."""
    tail.dropout = FRESH_DROPOUT
    groups = tail.groups(rate, decay=1.0)
    groups[0]["lr"] = FRESH_CLASSIFIER_RATE
    return {"groups": groups, "weight_decay": FRESH_DECAY, "label_smoothing": FRESH_SMOOTHING}


def _views(features: Features, chosen: Ints, frames: int) -> Tensor:
    """Views of examples float32 [b, v, ...]; of clips each view holds all frames [b, v, t, ...]."""
    rows = torch.from_numpy(features.rows(0, chosen))
    return rows.view(len(rows), frames, -1, *rows.shape[2:]).transpose(1, 2) if frames else rows


def random_view(features: Features, frames: int = 0, shown: int = 0) -> Any:
    """Batches of one view, drawn at random, of each example.

    Args:
        frames: of a clip; all that are shown are seen the same way.
        shown: how many of them, one drawn from each of as many stretches of time (Wang et al. 2016, temporal
            segment networks, arXiv 1608.00859).
    """

    def batch(chosen: Ints, rng: np.random.Generator) -> Tensor:
        rows = _views(features, chosen, frames)
        views = torch.from_numpy(rng.integers(rows.shape[1], size=len(rows)))
        seen = rows[torch.arange(len(rows)), views]
        if shown < frames:
            seen = seen[torch.arange(len(rows))[:, None], _moments(frames, shown, len(rows), rng)]
        return seen.contiguous()

    return batch


def _moments(frames: int, shown: int, count: int, rng: np.random.Generator) -> Tensor:
    """Rising places int64 [count, shown] among the frames, one from each of `shown` equal stretches."""
    starts = np.arange(shown) * frames / shown
    places = np.floor(starts + rng.random((count, shown)) * frames / shown)
    return torch.from_numpy(np.minimum(places, frames - 1).astype(np.int64))


def mean_and_change(vectors: Tensor, apart: int) -> Tensor:
    """Frames [n, t, d] to [n, 2 d]: their mean and the mean change between frames that are `apart`.

    Where training has seen a few frames only, these lie as far apart, so that change means the same.
    """
    apart = max(apart, 1)
    if vectors.shape[1] <= apart:
        return torch.cat([vectors.mean(1), torch.zeros_like(vectors[:, 0])], dim=1)
    change = (vectors[:, apart:] - vectors[:, :-apart]).abs().mean(1)
    return torch.cat([vectors.mean(1), change], dim=1)


def start_at_head_only(tail: Tail, training_set: TrainingSet) -> None:
    """Set the classifier to the logistic regression on the frozen tail's vectors."""
    vectors = TailHead(tail, 0).embed(training_set.features)
    scale = scale_of(vectors)
    scaled = scale(vectors) / np.sqrt(np.float32(vectors.shape[1]))
    rotation = rotation_of(scaled, training_set.seed)
    weight, bias = logistic_regression(
        scaled @ rotation, training_set.targets, training_set.classes, STRENGTH
    )
    weight = (rotation @ weight) / np.sqrt(np.float32(vectors.shape[1])) / scale.deviation[:, None]
    assert isinstance(tail.classifier, nn.Linear)
    with torch.no_grad():
        tail.classifier.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
        tail.classifier.bias.copy_(torch.from_numpy(bias - scale.mean @ weight))


heads.add("tail", TailKind())
restorers.add("tail", TailKind().restore)
