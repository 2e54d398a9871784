"""Gated attention over the parts of an example (Ilse et al. 2018, arXiv 1802.04712).

Parts are regions of a photo, frames of a clip, windows of a text. Each is scored, the scores become weights,
and the weighted mean of the parts' hidden vectors gives the logits: the weights show where the model looked.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from preseason.arrays.types import Floats, Ints
from preseason.backbones.base import Backbone
from preseason.engine.networks import has_bf16
from preseason.heads.base import Features, State, TrainingSet, heads
from preseason.heads.parts import FeatureDropout, Scales, rows_of, scales_of, shape_of
from preseason.heads.trainer import Trainer, TrainingConfig
from preseason.runtime.launcher import local_size

HIDDEN, GATE = 128, 64
KEPT_PARTS = 0.5
"""Share of an example's parts that a training step sees; the rest are left out at random."""
EPOCHS, LEARNING_RATE, WEIGHT_DECAY = 15, 1e-3, 1e-2
MIN_STEPS, MIN_BATCH = 150, 8
"""Few examples are shown in smaller batches and more often: 15 steps, one an epoch, teach little."""
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


@dataclass(frozen=True)
class AttentionHead:
    """A fitted attention head over the parts of one pass, or of several in a row."""

    scales: Scales
    network: AttentionNetwork

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return self._over(features, self.network)

    def embed(self, features: Features) -> Floats:
        """Scaled features averaged with the attention as weights, float32 [n, d]."""
        return self._over(features, lambda x: (self.network.weigh(x)[1].unsqueeze(-1) * x).sum(1))

    def attention(self, features: Features) -> Floats:
        """Attention of each part, float32 [n, p]."""
        return self._over(features, lambda x: self.network.weigh(x)[1])

    def within(self, features: Features, masks: NDArray[np.bool_]) -> Floats:
        """Logits as if some parts were all there is, nothing run again: float32 [m, n, c].

        Half of the parts were left out at random in every step of training, so fewer parts are nothing new.

        Args:
            masks: bool [m, n, p] or [m, 1, p], parts that are seen; one at least of each example.
        """
        hidden, scores = np.split(self._over(features, self._scored), [HIDDEN], axis=2)
        scores = scores[..., 0]
        seen = np.broadcast_to(masks, (len(masks), *scores.shape))
        weights = np.exp(scores - scores.max(axis=1, keepdims=True)) * seen
        weights /= weights.sum(axis=2, keepdims=True)
        mixed = torch.from_numpy(np.einsum("mnp,nph->mnh", weights, hidden).astype(np.float32))
        with torch.inference_mode():
            logits: Floats = self.network.classifier(mixed).numpy()
        return logits

    def _scored(self, parts: Tensor) -> Tensor:
        """Hidden vectors and, as a last column, the logarithm of attention: [n, p, h + 1]."""
        hidden, weights = self.network.weigh(parts)
        return torch.cat([hidden, weights.clamp_min(1e-30).log().unsqueeze(-1)], dim=2)

    def state(self) -> State:
        """Plain values."""
        tensors = {f"network.{k}": v.numpy() for k, v in self.network.state_dict().items()}
        scales = {"kinds": self.scales.kinds, "mean": self.scales.mean, "deviation": self.scales.deviation}
        return State("attention", tensors | scales)

    @torch.inference_mode()
    def _over(self, features: Features, function: Any) -> Floats:
        self.network.eval()
        pieces = []
        for chunk in features.chunks(32):
            parts = _all_parts(features, self.scales, chunk)
            pieces.append(function(parts).numpy())
        return np.concatenate(pieces)


class Attention:
    """Fits `AttentionHead`."""

    def fit(self, training_set: TrainingSet) -> AttentionHead:
        """AdamW with one cycle over a fixed number of epochs; strong dropout takes early stopping's place."""
        features = training_set.features
        count, width = shape_of(features)
        scales = scales_of(features, np.array(training_set.settings.get("kinds", [0] * count)))
        torch.manual_seed(training_set.seed)
        network = AttentionNetwork(width, training_set.classes)
        trainer = Trainer(
            network, training_set.targets, _some_parts(features, scales), _config(network, training_set)
        )
        trainer.run(training_set.checkpoint, training_set.progress, training_set.stage)
        return AttentionHead(scales, network.eval())

    def restore(self, state: State, backbone: Backbone) -> AttentionHead:
        """The head that gave `state`."""
        tensors = {
            key.removeprefix("network."): torch.from_numpy(value)
            for key, value in state.arrays.items()
            if key.startswith("network.")
        }
        network = AttentionNetwork(tensors["hidden.1.weight"].shape[1], len(tensors["classifier.1.bias"]))
        network.load_state_dict(tensors)
        scales = Scales(*(state.arrays[name] for name in ("kinds", "mean", "deviation")))
        return AttentionHead(scales, network.eval())


def _config(network: nn.Module, training_set: TrainingSet) -> TrainingConfig:
    count = len(training_set.targets)
    batch_size = min(training_set.settings.get("batch_size", 32), max(MIN_BATCH, EPOCHS * count // MIN_STEPS))
    steps = EPOCHS * -(-count // batch_size)
    return TrainingConfig(
        [{"params": list(network.parameters()), "lr": LEARNING_RATE}],
        min(EPOCHS, training_set.settings.get("epochs", EPOCHS)),
        batch_size,
        training_set.seed,
        repeats=max(1, round(MIN_STEPS / steps)),
        weight_decay=WEIGHT_DECAY,
        seconds=training_set.settings.get("seconds"),
        firm=training_set.settings.get("firm", False),
    )


def _some_parts(features: Features, scales: Scales) -> Any:
    """Batches with parts left out at random, in bfloat16 where the processor multiplies it by itself."""
    count, width = shape_of(features)
    every, fewer = np.arange(count), max(2, int(count * KEPT_PARTS))
    held = None
    kind = torch.bfloat16 if has_bf16() else torch.float32
    if len(features) * count * width * kind.itemsize <= MAX_IN_MEMORY // local_size():
        held = torch.cat([_all_parts(features, scales, chunk).to(kind) for chunk in features.chunks()])

    def batch(chosen: Ints, rng: np.random.Generator) -> Tensor:
        kept = np.sort(rng.permutation(every)[:fewer])
        if held is not None:
            return held[torch.from_numpy(chosen)[:, None], torch.from_numpy(kept)]
        return scales(rows_of(features, chosen)[:, kept], kept).to(kind)

    return batch


def _all_parts(features: Features, scales: Scales, chosen: Ints) -> Tensor:
    return scales(rows_of(features, chosen), np.arange(len(scales.kinds)))


heads.add("attention", Attention())
