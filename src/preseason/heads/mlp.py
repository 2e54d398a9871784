"""The textbook head: one dense layer of 512 with ReLU, then one for the classes."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from preseason.arrays.scaling import Scale
from preseason.arrays.types import Ints
from preseason.heads.base import TrainingSet, heads
from preseason.heads.trainer import Trainer, TrainingConfig
from preseason.inference.features import Features
from preseason.inference.heads.mlp import MlpHead, flat

WIDTH = 512
LEARNING_RATE, DROPOUT = 1e-3, 0.2


@dataclass(frozen=True)
class MlpConfig:
    """How an `MlpHead` is fitted; `epochs` is the most of them."""

    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = LEARNING_RATE


class Mlp:
    """Fits `MlpHead` with Adam, stopping early on the training set's first fold."""

    config = MlpConfig

    def fit(self, training_set: TrainingSet) -> MlpHead:
        """A dense head."""
        scale = _scale(training_set.features)
        width = int(_inputs(training_set.features, scale, np.arange(1)).shape[1])
        torch.manual_seed(training_set.seed)
        network = _network(width, training_set.classes, DROPOUT)
        trainer = Trainer(
            network,
            training_set.targets,
            lambda chosen, _: _inputs(training_set.features, scale, chosen),
            _config(network, training_set),
            training_set.folds[0][1] if training_set.folds else None,
        )
        trainer.run(training_set.checkpoint, training_set.progress, training_set.stage)
        first, last = (
            (layer.weight.detach().numpy(), layer.bias.detach().numpy())
            for layer in network
            if isinstance(layer, nn.Linear)
        )
        return MlpHead(scale, first, last)


def _network(width: int, classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, WIDTH), nn.ReLU(), nn.Dropout(dropout), nn.Linear(WIDTH, classes))


def network_of(head: MlpHead) -> nn.Sequential:
    """The head's layers as a module, without dropout."""
    (first, first_bias), (last, last_bias) = head.first, head.last
    network = _network(first.shape[1], len(last_bias), 0.0)
    tensors = {"0.weight": first, "0.bias": first_bias, "3.weight": last, "3.bias": last_bias}
    network.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
    return network.eval()


def _config(network: nn.Module, training_set: TrainingSet) -> TrainingConfig:
    config = training_set.config_as(MlpConfig)
    return TrainingConfig(
        [{"params": list(network.parameters()), "lr": config.learning_rate}],
        config.epochs,
        config.batch_size,
        training_set.seed,
    )


def _inputs(features: Features, scale: Scale, chosen: Ints) -> Tensor:
    """The whole's features [b, d]; a map [b, looks, c, h, w] is flattened."""
    rows = scale(flat(features, chosen))
    return torch.from_numpy(np.ascontiguousarray(rows, np.float32))


def _scale(features: Features) -> Scale:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    for chunk in features.chunks():
        scaler.partial_fit(flat(features, chunk))
    return Scale(scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32))


heads.add("mlp", Mlp())
