"""Networks of convolutions over mel bands, read from the graphs that they are published as.

The speech embedding is that of Lin et al. 2020 (arXiv 2002.01322); YAMNet is MobileNet (Howard et al. 2017,
arXiv 1704.04861) on AudioSet's sounds (Gemmeke et al. 2017).
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from preseason.backbones.base import Split
from preseason.backbones.families.chains import Chain
from preseason.backbones.sounds.base import MeanOverTime
from preseason.backbones.sounds.front import LogMel
from preseason.errors import WeightsError, first_line
from preseason.media.mel import Mel

Array = NDArray[Any]
SPEECH_MEL = Mel(window=400, fft=512, bands=32, low=60.0, high=3800.0, power=1)
YAMNET_MEL = Mel(window=400, fft=512, bands=64, low=125.0, high=7500.0, power=1)
FLOOR = 1e-3


@dataclass(frozen=True)
class Layer:
    """A convolution of a network and what follows it.

    Attributes:
        kernel, stride: over time and bands.
        padding: before and after, in time and then in bands.
        groups: 1, or the number of channels.
        active: `leaky`, `six` or nothing.
        pooled: kernel and stride of the maximum over time and over bands that follows, or nothing.
    """

    inputs: int
    outputs: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    active: str = ""
    pooled: tuple[int, int] = ()  # type: ignore[assignment]


class Convolution(nn.Module):
    """One layer on [n, c, t, bands]."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        self.conv = nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride, groups=layer.groups)

    def forward(self, x: Tensor) -> Tensor:
        """Its output."""
        above, below, left, right = self.layer.padding
        x = self.conv(functional.pad(x, (left, right, above, below)) if any(self.layer.padding) else x)
        if self.layer.active == "leaky":
            x = torch.clamp(functional.leaky_relu(x, 0.2), min=-0.4)
        elif self.layer.active == "six":
            x = torch.clamp(x, 0.0, 6.0)
        return functional.max_pool2d(x, self.layer.pooled) if self.layer.pooled else x


class ConvolutionalSounds(nn.Module):
    """A front end and convolutions in stages, each a block.

    Args:
        mel: of the front end.
        stages: the layers of each block.
        size: samples of a window.
        resizable: whether windows of other lengths are read as well.
    """

    def __init__(self, mel: Mel, stages: tuple[tuple[Layer, ...], ...], size: int, resizable: bool) -> None:
        super().__init__()
        self.mel, self.size, self.resizable, self.plan = mel, size, resizable, stages
        self.front = LogMel(mel, FLOOR)
        self.stages = nn.ModuleList(Chain(*(Convolution(layer) for layer in stage)) for stage in stages)

    def config(self) -> dict[str, Any]:
        """Plain values that build it again."""
        stages = [[asdict(layer) for layer in stage] for stage in self.plan]
        return {"mel": asdict(self.mel), "stages": stages, "size": self.size, "resizable": self.resizable}

    def convolutions(self) -> Iterator[Convolution]:
        """All layers in order."""
        for stage in self.stages:
            yield from stage  # type: ignore[misc]


def from_config(config: Mapping[str, Any]) -> ConvolutionalSounds:
    """The network of `config`, with random weights.

    Raises:
        KeyError, TypeError: values that no network has.
    """
    stages = tuple(tuple(_layer(values) for values in stage) for stage in config["stages"])
    return ConvolutionalSounds(Mel(**config["mel"]), stages, int(config["size"]), bool(config["resizable"]))


def split_of(network: nn.Module) -> Split:
    """The stages, the front end in the first of them."""
    assert isinstance(network, ConvolutionalSounds)
    first, *others = network.stages
    blocks = (Chain(network.front, first), *others)
    names = tuple(f"stages.{number}" for number in range(len(blocks)))
    return Split(names, blocks, "NCHW", 0, MeanOverTime())


def speech_embedding(path: Path) -> ConvolutionalSounds:
    """The published speech embedding, whose 20 convolutions are fully convolutional in time.

    Raises:
        WeightsError: the file holds something else.
    """
    return _built(path, SPEECH_MEL, 76 * 160 + 240, True, _speech_layers)


def yamnet(path: Path) -> ConvolutionalSounds:
    """YAMNet as it is published for small devices; its rounded weights are brought back to their scale.

    Raises:
        WeightsError: the file holds something else.
    """
    return _built(path, YAMNET_MEL, 15_600, False, _yamnet_layers)


def _built(path: Path, mel: Mel, size: int, resizable: bool, read: Any) -> ConvolutionalSounds:
    try:
        layers, tensors, ends = read(_graph(path))
        stages = tuple(tuple(layers[a:b]) for a, b in zip((0, *ends[:-1]), ends, strict=True))
        network = ConvolutionalSounds(mel, stages, size, resizable)
        for made, (weight, bias) in zip(network.convolutions(), tensors, strict=True):
            made.conv.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
    except (RuntimeError, ValueError, IndexError, KeyError) as error:
        raise WeightsError(
            f"{path} cannot be read as this network: {first_line(error)}. Expected the file as published."
        ) from error
    return network.eval()


def _graph(path: Path) -> list[Any]:
    """The operations of a published graph in order; it is read, never run."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return list(openvino.Core().read_model(path).get_ordered_ops())


def _speech_layers(operations: list[Any]) -> tuple[list[Layer], list[tuple[Array, Array]], list[int]]:
    layers: list[Layer] = []
    tensors, ends = [], []
    for op in operations:
        kind = op.get_type_name()
        if kind == "Convolution":
            weight = _constant(op, 1)
            sides = op.get_attributes()["pads_begin"]
            layers.append(_plain(weight, padding=(sides[0], sides[0], sides[1], sides[1])))
            tensors.append((weight, _bias_after(op)))
        elif kind == "PRelu":
            layers[-1] = _with(layers[-1], active="leaky")
        elif kind == "MaxPool":
            layers[-1] = _with(layers[-1], pooled=tuple(op.get_attributes()["strides"]))
            ends.append(len(layers))
    return layers, tensors, [*ends, len(layers)]


def _yamnet_layers(operations: list[Any]) -> tuple[list[Layer], list[tuple[Array, Array]], list[int]]:
    layers, tensors, ends = [], [], []
    for op in operations:
        kind = op.get_type_name()
        if kind not in ("Convolution", "GroupConvolution"):
            continue
        weight, given = _constant(op, 1), op.get_attributes()
        groups = len(weight) if kind == "GroupConvolution" else 1
        weight = weight.reshape(len(weight), *weight.shape[-3:])
        (top, left), (low, right) = given["pads_begin"], given["pads_end"]
        layers.append(
            _plain(weight, tuple(given["strides"]), (top, low, left, right), groups=groups, active="six")
        )
        tensors.append((weight, _bias_after(op)))
        if groups == 1:
            ends.append(len(layers))
    return layers, tensors, ends


def _plain(weight: Array, stride: Any = (1, 1), padding: Any = (0, 0, 0, 0), **more: Any) -> Layer:
    outputs, each = weight.shape[:2]
    inputs = each * more.get("groups", 1)
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    return Layer(inputs, outputs, kernel, tuple(stride), tuple(padding), **more)


def _with(layer: Layer, **more: Any) -> Layer:
    return _layer(asdict(layer) | more)


def _layer(values: Mapping[str, Any]) -> Layer:
    plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    return Layer(**plain)


def _constant(op: Any, place: int) -> Array:
    """The numbers that an input is computed from, all of them constants."""
    return _evaluated(op.input_value(place).get_node())


def _evaluated(node: Any) -> Array:
    kind = node.get_type_name()
    if kind == "Constant":
        return np.array(node.get_data())
    given = [_evaluated(node.input_value(i).get_node()) for i in range(node.get_input_size())]
    if kind == "Convert":
        return given[0].astype(np.float32)
    if kind == "Multiply":
        return np.asarray(given[0] * given[1], np.float32)
    if kind == "Transpose":
        return given[0].transpose(given[1].tolist())
    if kind == "Reshape":
        # A size of 0 stands for the one that was there.
        sizes = [size or given[0].shape[place] for place, size in enumerate(given[1].tolist())]
        return given[0].reshape(sizes)
    if kind == "Unsqueeze":
        return np.expand_dims(given[0], tuple(np.atleast_1d(given[1]).tolist()))
    raise ValueError(f"weights behind {kind}")


def _bias_after(op: Any) -> Array:
    """What is added to a convolution's output, zeros where nothing is."""
    channels = op.output(0).get_partial_shape()[1].get_length()
    for target in op.output(0).get_target_inputs():
        node = target.get_node()
        if node.get_type_name() == "Add":
            other = 1 - target.get_index()
            value = node.input_value(other).get_node()
            while value.get_type_name() == "Reshape" and value.get_input_size():
                value = value.input_value(0).get_node()
            return np.array(value.get_data(), np.float32).reshape(-1)
    return np.zeros(channels, np.float32)
