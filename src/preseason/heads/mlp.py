"""The textbook head: one dense layer of 512 with ReLU, then one for the classes."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from preseason.arrays.scaling import Scale, arrays_of, scale_from
from preseason.arrays.types import Floats, Ints
from preseason.backbones.base import Backbone
from preseason.heads.base import Features, State, TrainingSet, heads
from preseason.heads.trainer import Trainer, TrainingConfig

WIDTH = 512
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class MlpHead:
    """Dense 512, ReLU, dense classes, on the whole example's pooled features or its flattened map."""

    scale: Scale
    network: nn.Sequential

    def logits(self, features: Features) -> Floats:
        """Float32 [n, c]."""
        return self._run(features, self.network)

    def embed(self, features: Features) -> Floats:
        """The frozen features, float32 [n, d]: members of one way share them."""
        return features.pooled()

    def attention(self, features: Features) -> None:
        """It looks at the whole."""

    def state(self) -> State:
        """Plain values."""
        tensors = {f"network.{k}": v.numpy() for k, v in self.network.state_dict().items()}
        return State("mlp", tensors | arrays_of(self.scale))

    @torch.inference_mode()
    def _run(self, features: Features, network: nn.Module) -> Floats:
        self.network.eval()
        out = [network(_inputs(features, self.scale, chunk)).numpy() for chunk in features.chunks()]
        return np.concatenate(out)


class Mlp:
    """Fits `MlpHead` with Adam, stopping early on the training set's first fold."""

    def fit(self, training_set: TrainingSet) -> MlpHead:
        """A dense head."""
        scale = _scale(training_set.features)
        width = int(_inputs(training_set.features, scale, np.arange(1)).shape[1])
        torch.manual_seed(training_set.seed)
        network = _network(width, training_set.classes, training_set.settings.get("dropout", 0.2))
        trainer = Trainer(
            network,
            training_set.targets,
            lambda chosen, _: _inputs(training_set.features, scale, chosen),
            _config(network, training_set),
            training_set.folds[0][1] if training_set.folds else None,
        )
        trainer.run(training_set.checkpoint, training_set.progress, training_set.stage)
        return MlpHead(scale, network)

    def restore(self, state: State, backbone: Backbone) -> MlpHead:
        """The head that gave `state`."""
        tensors = {k.removeprefix("network."): torch.from_numpy(v) for k, v in state.arrays.items()}
        first, last = tensors["0.weight"], tensors["3.weight"]
        network = _network(first.shape[1], last.shape[0], 0.0)
        network.load_state_dict({k: v for k, v in tensors.items() if k[0].isdigit()})
        return MlpHead(scale_from(state.arrays), network.eval())


def _network(width: int, classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, WIDTH), nn.ReLU(), nn.Dropout(dropout), nn.Linear(WIDTH, classes))


def _config(network: nn.Module, training_set: TrainingSet) -> TrainingConfig:
    rate = training_set.settings.get("learning_rate") or LEARNING_RATE
    return TrainingConfig(
        [{"params": list(network.parameters()), "lr": rate}],
        training_set.settings.get("epochs", 20),
        training_set.settings.get("batch_size", 32),
        training_set.seed,
    )


def _inputs(features: Features, scale: Scale, chosen: Ints) -> Tensor:
    """The whole's features [b, d]; a map [b, looks, c, h, w] is flattened."""
    rows = scale(_flat(features, chosen))
    return torch.from_numpy(np.ascontiguousarray(rows, np.float32))


def _flat(features: Features, chosen: Ints) -> Floats:
    rows = features.rows(0, chosen)[:, 0]
    return rows.reshape(len(rows), -1)


def _scale(features: Features) -> Scale:
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    for chunk in features.chunks():
        scaler.partial_fit(_flat(features, chunk))
    return Scale(scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32))


heads.add("mlp", Mlp())
