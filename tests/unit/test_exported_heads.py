"""Heads of sounds as modules of a graph say what the fitted heads say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from preseason.engine.passes import FeatureSpec
from preseason.exporting.heads import module_of
from preseason.heads.base import TrainingSet, heads
from preseason.heads.sequence import SequenceConfig
from preseason.heads.tail import Tail, TailHead
from preseason.inference.features import Features
from tiny_engine import tiny

MOMENTS, REGIONS, WIDTH, CLASSES = 3, 2, 8, 2


def said(head: Any, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        logits, embedded, _ = module_of(head)(torch.from_numpy(rows))
    return logits.numpy(), embedded.numpy()


@pytest.mark.parametrize("name", ["moments", "statistics", "gru", "lstm", "tcn"])
@pytest.mark.parametrize("moments", [1, MOMENTS])
def test_heads_over_moments(name: str, moments: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(12, moments * REGIONS, WIDTH)).astype(np.float16).astype(np.float32)
    spec = FeatureSpec(32, frames=moments)
    training_set = TrainingSet(Features.of([rows]), np.arange(12) % CLASSES, CLASSES, (), 0, spec=spec)
    config = SequenceConfig(epochs=1) if name in ("gru", "lstm", "tcn") else None
    head = heads.get(name).fit(training_set if config is None else replace(training_set, config=config))
    logits, embedded = said(head, rows)
    assert logits == pytest.approx(head.logits(Features.of([rows])), abs=1e-4)
    assert embedded == pytest.approx(head.embed(Features.of([rows])), abs=1e-4)


def test_a_tail_over_moments_and_views() -> None:
    backbone = tiny()
    cut = len(backbone) - 1
    map_shape = backbone.run(torch.zeros(1, 3, 64, 64), stop=cut).shape[1:]
    head = TailHead(Tail(backbone, cut, CLASSES, frames=MOMENTS, shown=2).eval(), 1, "masked_tail")
    rows = np.random.default_rng(0).normal(size=(4, MOMENTS * 2, *map_shape)).astype(np.float32)
    logits, embedded = said(head, rows)
    assert logits == pytest.approx(head.logits(Features.of([rows])), abs=1e-4)
    assert embedded == pytest.approx(head.embed(Features.of([rows])), abs=1e-4)
