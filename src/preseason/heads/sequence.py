"""Heads that read frames in order: what LSTM, GRU and temporal convolution share.

Each frame's features are projected; the change since the frame before goes beside them, since what moves is
what is done (two-stream networks, Simonyan and Zisserman 2014, arXiv 1406.2199, take optical flow for it).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from preseason.arrays.types import Floats, Ints
from preseason.heads.base import TrainingSet
from preseason.heads.parts import FeatureDropout, scales_of
from preseason.heads.trainer import Trainer, TrainingConfig
from preseason.inference.features import Features
from preseason.inference.frames import whole_frames
from preseason.inference.head import State
from preseason.inference.parts import Scales

PROJECTED, READ = 64, 128
EPOCHS, LEARNING_RATE, WEIGHT_DECAY = 15, 1e-3, 1e-2

Reader = Callable[[int], nn.Module]
"""A width to a module that maps frames [n, t, width] to frames [n, t, READ]."""


class SequenceNetwork(nn.Module):
    """Frames float32 [n, t, d] in order to logits [n, c]."""

    def __init__(self, reader: Reader, width: int, classes: int) -> None:
        super().__init__()
        self.project = nn.Sequential(FeatureDropout(0.5), nn.Linear(width, PROJECTED))
        self.loosen = nn.Sequential(nn.ReLU(), nn.Dropout(0.5))
        self.reader = reader(2 * PROJECTED)
        self.classifier = nn.Sequential(nn.Dropout(0.25), nn.Linear(2 * READ, classes))

    def forward(self, frames: Tensor) -> Tensor:
        """Logits."""
        shown = self.project(frames)
        change = torch.diff(shown, dim=1, prepend=shown[:, :1])
        read = self.reader(self.loosen(torch.cat([shown, change], dim=2)))
        logits: Tensor = self.classifier(torch.cat([read.mean(1), read.amax(1)], dim=1))
        return logits


class Recurrent(nn.Module):
    """A recurrent layer that reads frames in both directions."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, frames: Tensor) -> Tensor:
        """Frames [n, t, READ]."""
        read: Tensor = self.layer(frames)[0]
        return read


@dataclass(frozen=True)
class SequenceHead:
    """A fitted head over frames in order."""

    kind: str
    frames: int
    scales: Scales
    network: SequenceNetwork

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return np.concatenate([self._logits(features, chunk) for chunk in features.chunks()])

    def embed(self, features: Features) -> Floats:
        """Scaled features averaged over frames, float32 [n, d]: members of one way share them."""
        means = [_frames(features, self.scales, chunk, self.frames).mean(1) for chunk in features.chunks()]
        return np.asarray(torch.cat(means).numpy(), np.float32)

    def attention(self, features: Features) -> None:
        """Order is read as a whole."""

    def state(self) -> State:
        """Plain values."""
        tensors = {f"network.{k}": v.numpy() for k, v in self.network.state_dict().items()}
        scales = {"mean": self.scales.mean, "deviation": self.scales.deviation}
        return State(self.kind, tensors | scales, {"frames": self.frames})

    @torch.inference_mode()
    def _logits(self, features: Features, chosen: Ints) -> Floats:
        shown = _frames(features, self.scales, chosen, self.frames)
        return np.asarray(self.network.eval()(shown).numpy(), np.float32)


@dataclass(frozen=True)
class SequenceConfig:
    """How a `SequenceHead` is fitted."""

    epochs: int = EPOCHS
    batch_size: int = 32
    learning_rate: float = LEARNING_RATE


@dataclass(frozen=True)
class Sequence:
    """Fits `SequenceHead` with one reader; the training set's spec says how many frames a row holds."""

    kind: str
    reader: Reader
    config = SequenceConfig

    def fit(self, training_set: TrainingSet) -> SequenceHead:
        """AdamW with one cycle over a fixed number of epochs, on frames kept in memory."""
        frames, features = training_set.rows_as().frames, training_set.features
        wholes = _only_wholes(features, frames)
        scales = scales_of(wholes, np.zeros(frames, np.int64))
        torch.manual_seed(training_set.seed)
        network = SequenceNetwork(self.reader, features.sources[0].shape[-1], training_set.classes)
        held = torch.cat([_frames(wholes, scales, chunk, frames) for chunk in wholes.chunks()])
        trainer = Trainer(
            network,
            training_set.targets,
            lambda chosen, _: held[torch.from_numpy(chosen)],
            _config(network, training_set),
        )
        trainer.run(training_set.checkpoint, training_set.progress, training_set.stage)
        return SequenceHead(self.kind, frames, scales, network.eval())

    def restore(self, state: State, *_: object) -> SequenceHead:
        """The head that gave `state`."""
        tensors = {
            key.removeprefix("network."): torch.from_numpy(value)
            for key, value in state.arrays.items()
            if key.startswith("network.")
        }
        width, classes = tensors["project.1.weight"].shape[1], len(tensors["classifier.1.bias"])
        network = SequenceNetwork(self.reader, width, classes)
        network.load_state_dict(tensors)
        frames = int(state.settings["frames"])
        scales = Scales(np.zeros(frames, np.int64), state.arrays["mean"], state.arrays["deviation"])
        return SequenceHead(self.kind, frames, scales, network.eval())


def _only_wholes(features: Features, frames: int) -> Features:
    """Frames without regions, [n, t, d], in memory."""
    return Features.of(
        [np.concatenate([whole_frames(features, chunk, frames) for chunk in features.chunks()])]
    )


def _frames(features: Features, scales: Scales, chosen: Ints, frames: int) -> Tensor:
    return torch.from_numpy(scales(whole_frames(features, chosen, frames), np.arange(frames)))


def _config(network: nn.Module, training_set: TrainingSet) -> TrainingConfig:
    config = training_set.config_as(SequenceConfig)
    return TrainingConfig(
        [{"params": list(network.parameters()), "lr": config.learning_rate}],
        config.epochs,
        config.batch_size,
        training_set.seed,
        weight_decay=WEIGHT_DECAY,
        seconds=training_set.seconds,
        firm=training_set.firm,
        run=training_set.checkpoint,
    )
