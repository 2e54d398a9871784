"""Heads applied on numpy answer as their networks do in torch."""

import numpy as np
import torch

from preseason.arrays.scaling import Scale
from preseason.heads.attention import AttentionNetwork, head_of
from preseason.heads.mlp import network_of
from preseason.inference.features import Features
from preseason.inference.head import restore
from preseason.inference.heads.mlp import MlpHead
from preseason.inference.parts import Scales

PARTS, WIDTH, CLASSES = 5, 48, 3


def scales() -> Scales:
    rng = np.random.default_rng(1)
    shape = (2, WIDTH)
    mean, deviation = rng.normal(size=shape), rng.uniform(0.5, 2, shape)
    kinds = np.array([0, 1, 1, 1, 1])
    return Scales(kinds, mean.astype(np.float32), deviation.astype(np.float32))


def rows(count: int = 70) -> np.ndarray:
    return (3 * np.random.default_rng(0).normal(size=(count, PARTS, WIDTH))).astype(np.float16)


def test_attention_agrees_with_torch_to_rounding() -> None:
    torch.manual_seed(0)
    network = AttentionNetwork(WIDTH, CLASSES).eval()
    head, features = head_of(scales(), network), Features.of([rows()])
    parts = torch.from_numpy(scales()(rows(), np.arange(PARTS)))
    with torch.inference_mode():
        weights = network.weigh(parts)[1]
        np.testing.assert_allclose(head.logits(features), network(parts), atol=1e-5)
        np.testing.assert_allclose(head.attention(features), weights, atol=1e-6)
        embedded = (weights.unsqueeze(-1) * parts).sum(1)
        np.testing.assert_allclose(head.embed(features), embedded, atol=1e-5)
    assert head.attention(features).dtype == head.embed(features).dtype == np.float32


def test_a_dense_head_agrees_with_torch_to_rounding() -> None:
    rng = np.random.default_rng(0)

    def layer(wide: int, narrow: int) -> tuple[np.ndarray, np.ndarray]:
        return tuple(rng.normal(size=shape).astype(np.float32) / 8 for shape in ((narrow, wide), narrow))  # type: ignore[return-value]

    scale = Scale(np.zeros(WIDTH, np.float32), np.full(WIDTH, 2, np.float32))
    head = MlpHead(scale, layer(WIDTH, 512), layer(512, CLASSES))
    with torch.inference_mode():
        expected = network_of(head)(torch.from_numpy(scale(rows()[:, 0].astype(np.float32))))
    np.testing.assert_allclose(head.logits(Features.of([rows()])), expected, atol=1e-4)
    again = restore(head.state(), None)  # type: ignore[arg-type]
    np.testing.assert_array_equal(again.logits(Features.of([rows()])), head.logits(Features.of([rows()])))
