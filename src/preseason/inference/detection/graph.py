"""Detection heads as an OpenVINO graph, on maps from the bank or on the frozen network itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from preseason.arrays.types import Floats
from preseason.engine.networks import import_openvino
from preseason.inference.detection.shape import HeadShape

Arrays = Mapping[str, Floats]
"""Weights of a head with its normalisation folded in: `NAME.weight` [out, in, k, k] and `NAME.bias` [out]."""


def on_maps(shape: HeadShape, heads: Sequence[Arrays]) -> Any:
    """A graph from maps float32 [n, c, h, w] of any size to peaks and edges."""
    ov = import_openvino()
    inputs = [ov.opset13.parameter([-1, c, -1, -1], np.float32) for c in shape.channels]
    return ov.Model(_answers(inputs, shape, heads), inputs, "heads")


def on_network(trunk: Any, shape: HeadShape, heads: Sequence[Arrays]) -> Any:
    """A graph from pictures uint8 [n, h, w, 3] to peaks and edges.

    Args:
        trunk: the frozen network in OpenVINO, which gives a map for each stride; its last ones are read.
    """
    ov = import_openvino()
    maps = [result.input_value(0) for result in trunk.get_results()[-len(shape.channels) :]]
    return ov.Model(_answers(maps, shape, heads), trunk.get_parameters(), "detector")


def _answers(maps: Sequence[Any], shape: HeadShape, heads: Sequence[Arrays]) -> list[Any]:
    """Peaks [n, c, h, w] and edges [n, 4, h, w], averaged over the heads before peaks are sought.

    A peak's score is the geometric mean of the class's score and the box's quality.
    """
    ops = import_openvino().opset13
    total = None
    for arrays in heads:
        raw = _head(maps, shape, arrays)
        parts = ops.variadic_split(raw, 1, [shape.classes, 4, 1])
        judged = ops.sqrt(ops.multiply(ops.sigmoid(parts.output(0)), ops.sigmoid(parts.output(2))))
        joined = ops.concat([judged, parts.output(1)], 1)
        total = joined if total is None else ops.add(total, joined)
    mean = ops.multiply(total, np.float32(1 / len(heads)))
    split = ops.variadic_split(mean, 1, [shape.classes, 4])
    scores = split.output(0)
    around = ops.max_pool(
        scores, [1, 1], [1, 1], [1, 1], [1, 1], [3, 3], rounding_type="floor", auto_pad="explicit"
    )
    there = ops.convert(ops.equal(scores, around.output(0)), np.float32)
    return [ops.multiply(scores, there), ops.exp(ops.minimum(split.output(1), np.float32(6)))]


def _head(maps: Sequence[Any], shape: HeadShape, arrays: Arrays) -> Any:
    ops = import_openvino().opset13
    last = len(maps) - 1
    x = _convolution(maps[last], arrays, f"laterals.{last}")
    for place in range(last - 1, -1, -1):
        if f"narrow.{place}.weight" in arrays:
            x = _convolution(x, arrays, f"narrow.{place}")
        times = shape.strides[place + 1] // shape.strides[place]
        scales = np.array([times, times], np.float32)
        above = ops.interpolate(
            x, scales, "nearest", "scales", axes=[2, 3], coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )  # fmt: skip
        x = ops.add(_convolution(maps[place], arrays, f"laterals.{place}"), above)
        number = 0
        while f"smooth.{place}.{number}.weight" in arrays:
            x = ops.relu(_convolution(x, arrays, f"smooth.{place}.{number}"))
            number += 1
    return _convolution(x, arrays, "answer")


def _convolution(x: Any, arrays: Arrays, name: str) -> Any:
    ops = import_openvino().opset13
    weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    pad = weight.shape[-1] // 2
    out = ops.convolution(x, weight, [1, 1], [pad, pad], [pad, pad], [1, 1])
    return ops.add(out, bias.reshape(1, -1, 1, 1))
