"""Gated attention over the parts of an example (Ilse et al. 2018, arXiv 1802.04712).

Parts are regions of a photo, frames of a clip, windows of a text. Each is scored, the scores become weights,
and the weighted mean of the parts' hidden vectors gives the logits: the weights show where the model looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.arrays.scaling import rotation_of
from preseason.arrays.types import Ints
from preseason.engine.networks import has_bf16
from preseason.heads.base import TrainingSet, heads
from preseason.heads.parts import FeatureDropout, scales_of
from preseason.heads.trainer import Loss, Trainer, TrainingConfig
from preseason.inference.features import Features
from preseason.inference.heads.attention import AttentionHead
from preseason.inference.parts import Scales, rows_of, shape_of
from preseason.runtime.launcher import local_size

HIDDEN, GATE = 128, 64
KEPT_PARTS = 0.5
EPOCHS, LEARNING_RATE, WEIGHT_DECAY = 15, 1e-3, 1e-2
MIN_STEPS, MIN_BATCH, MAX_BATCH = 150, 8, 32
"""Few examples are shown in smaller batches and more often: 15 steps, one an epoch, teach little."""
SAMPLED_PARTS = 1536
"""Parts whose leading directions stand for those of all."""
MAX_IN_MEMORY = 2 * 2**30
"""Bytes up to which scaled parts are kept in memory while training, by all workers of a machine together;
beyond, they are read at each step."""


class AttentionNetwork(nn.Module):
    """Parts float32 [n, p, d] to logits [n, c]."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(FeatureDropout(0.5), nn.Linear(width, HIDDEN), nn.ReLU(), nn.Dropout(0.5))
        self.content = nn.Linear(HIDDEN, GATE)
        self.gate = nn.Linear(HIDDEN, GATE)
        self.score = nn.Linear(GATE, 1, bias=False)
        self.classifier = nn.Sequential(nn.Dropout(0.25), nn.Linear(HIDDEN, classes))

    def weigh(self, parts: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden vectors [n, p, h] and attention [n, p] whose rows sum to 1."""
        hidden = self.hidden(parts)
        gated = torch.tanh(self.content(hidden)) * torch.sigmoid(self.gate(hidden))
        return hidden, self.score(gated).squeeze(-1).softmax(1)

    def forward(self, parts: Tensor) -> Tensor:
        """Logits."""
        hidden, weights = self.weigh(parts)
        logits: Tensor = self.classifier((weights.unsqueeze(-1) * hidden).sum(1))
        return logits


class WithParts(nn.Module):
    """Parts float32 [n, p, d] to logits [n, 1 + p, c]: of the example, then of each part by itself."""

    def __init__(self, network: AttentionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, parts: Tensor) -> Tensor:
        """Logits."""
        hidden, weights = self.network.weigh(parts)
        mixed = (weights.unsqueeze(-1) * hidden).sum(1, keepdim=True)
        logits: Tensor = self.network.classifier(torch.cat([mixed, hidden], dim=1))
        return logits


@dataclass(frozen=True)
class AttentionConfig:
    """How an `AttentionHead` is fitted.

    Attributes:
        part_types: for each part a number that is shared by parts of one size; empty where all are alike.
        batch_size: None for 32, or fewer of few examples.
        part_loss: weight of the mean loss of the parts by themselves beside that of the example; each then
            learns to tell the classes, however little attention it has yet.
        label_smoothing: share of the target spread over all classes.
        kept_parts: share of an example's parts that a training step sees; the rest are left out at random.
        directions: how many leading directions of the scaled parts are learnt from, in a fraction of the
            time; 0 for all features. The head that is given reads the features themselves.
    """

    part_types: Sequence[int] = ()
    epochs: int = EPOCHS
    batch_size: int | None = None
    learning_rate: float = LEARNING_RATE
    part_loss: float = 0.0
    label_smoothing: float = 0.0
    kept_parts: float = KEPT_PARTS
    directions: int = 0


class Attention:
    """Fits `AttentionHead`."""

    config = AttentionConfig

    def fit(self, training_set: TrainingSet) -> AttentionHead:
        """AdamW with one cycle over a fixed number of epochs; strong dropout takes early stopping's place."""
        features = training_set.features
        count, width = shape_of(features)
        config = training_set.config_as(AttentionConfig)
        scales = scales_of(features, np.array(config.part_types or [0] * count))
        basis = _leading(features, scales, config.directions, training_set.seed)
        torch.manual_seed(training_set.seed)
        network = AttentionNetwork(width if basis is None else basis.shape[1], training_set.classes)
        trainer = Trainer(
            WithParts(network) if config.part_loss else network,
            training_set.targets,
            _some_parts(features, scales, config.kept_parts, basis),
            _config(network, training_set),
            loss=loss_of(config) if config.part_loss else None,
        )
        trainer.run(training_set.checkpoint, training_set.progress, training_set.stage)
        return head_of(scales, network if basis is None else _unprojected(network, basis))


def head_of(scales: Scales, network: AttentionNetwork) -> AttentionHead:
    """What a trained network gives, without torch."""
    return AttentionHead(scales, {name: value.numpy() for name, value in network.state_dict().items()})


def network_of(head: AttentionHead) -> AttentionNetwork:
    """The head's network as a module."""
    tensors = {name: torch.from_numpy(array) for name, array in head.tensors.items()}
    network = AttentionNetwork(tensors["hidden.1.weight"].shape[1], len(tensors["classifier.1.bias"]))
    network.load_state_dict(tensors)
    return network.eval()


def _config(network: nn.Module, training_set: TrainingSet) -> TrainingConfig:
    config, count = training_set.config_as(AttentionConfig), len(training_set.targets)
    few = max(MIN_BATCH, EPOCHS * count // MIN_STEPS)
    batch_size = min(MAX_BATCH, few) if config.batch_size is None else config.batch_size
    steps = EPOCHS * -(-count // batch_size)
    return TrainingConfig(
        [{"params": list(network.parameters()), "lr": config.learning_rate}],
        config.epochs,
        batch_size,
        training_set.seed,
        repeats=max(1, round(MIN_STEPS / steps)),
        weight_decay=WEIGHT_DECAY,
        label_smoothing=config.label_smoothing,
        seconds=training_set.seconds,
        firm=training_set.firm,
        run=training_set.checkpoint,
    )


def loss_of(config: AttentionConfig) -> Loss:
    """Of logits [n, 1 + p, c] against targets [n]: that of the examples and, at its weight, that of parts."""

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        each = functional.cross_entropy(
            logits.flatten(0, 1),
            targets.repeat_interleave(logits.shape[1]),
            reduction="none",
            label_smoothing=config.label_smoothing,
        ).view(logits.shape[:2])
        return each[:, 0].mean() + config.part_loss * each[:, 1:].mean()

    return loss


def _leading(features: Features, scales: Scales, directions: int, seed: int) -> Tensor | None:
    """Orthonormal directions float32 [d, r] in which a sample of scaled parts varies most; None for all."""
    count, width = shape_of(features)
    if not 0 < directions < min(width, len(features) * count):
        return None
    rng = np.random.default_rng(seed)
    parts = rng.choice(len(features) * count, min(SAMPLED_PARTS, len(features) * count), replace=False)
    examples, places = np.divmod(np.sort(parts), count)
    rows = np.empty((len(parts), width), np.float32)
    for example in np.unique(examples):
        mine = examples == example
        read = rows_of(features, np.array([example]))[:, places[mine]]
        rows[mine] = scales(read, places[mine])[0]
    return torch.from_numpy(np.ascontiguousarray(rotation_of(rows, seed)[:, -directions:]))


def _unprojected(network: AttentionNetwork, basis: Tensor) -> AttentionNetwork:
    """The network that says of features [d] what this one says of their `basis` [d, r]."""
    tensors = network.state_dict()
    tensors["hidden.1.weight"] = tensors["hidden.1.weight"] @ basis.T
    whole = AttentionNetwork(len(basis), len(tensors["classifier.1.bias"]))
    whole.load_state_dict(tensors)
    return whole


def _some_parts(features: Features, scales: Scales, share: float, basis: Tensor | None) -> Any:
    """Batches with parts left out at random, in bfloat16 where the processor multiplies it by itself."""
    count, width = shape_of(features)
    width = width if basis is None else basis.shape[1]
    every, fewer = np.arange(count), max(2, int(count * share))
    held = None
    kind = torch.bfloat16 if has_bf16() else torch.float32
    if len(features) * count * width * kind.itemsize <= MAX_IN_MEMORY // local_size():
        held = torch.cat([_all_parts(features, scales, chunk, basis, kind) for chunk in features.chunks()])

    def batch(chosen: Ints, rng: np.random.Generator) -> Tensor:
        kept = np.sort(rng.permutation(every)[:fewer])
        if held is not None:
            return held[torch.from_numpy(chosen)[:, None], torch.from_numpy(kept)]
        return _along(torch.from_numpy(scales(rows_of(features, chosen)[:, kept], kept)), basis, kind)

    return batch


def _all_parts(
    features: Features, scales: Scales, chosen: Ints, basis: Tensor | None, kind: torch.dtype
) -> Tensor:
    parts = torch.from_numpy(scales(rows_of(features, chosen), np.arange(len(scales.kinds))))
    return _along(parts, basis, kind)


def _along(parts: Tensor, basis: Tensor | None, kind: torch.dtype) -> Tensor:
    """Scaled parts in the precision of training, along the directions of `basis` where there is one."""
    return parts.to(kind) if basis is None else parts.to(kind) @ basis.to(kind)


heads.add("attention", Attention())
