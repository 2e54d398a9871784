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
from preseason.inference.head import restore
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


@pytest.mark.parametrize("moments", [1, MOMENTS])
def test_views_of_a_sound_are_learnt_from_one_by_one_and_averaged(moments: int) -> None:
    rng, count, views = np.random.default_rng(0), 12, 2
    rows = rng.normal(size=(count, moments, views, REGIONS, WIDTH)).astype(np.float32)
    flat = Features.of([rows.reshape(count, -1, WIDTH)])
    spec = FeatureSpec(32, frames=moments, ranges=(0.0, 40.0))
    targets = np.arange(count) % CLASSES
    folds = [(np.arange(6), np.arange(6, 12)), (np.arange(6, 12), np.arange(6))]
    head = heads.get("moments").fit(TrainingSet(flat, targets, CLASSES, folds, 0, spec=spec))
    alone = [replace(head, views=1).logits(Features.of([rows[:, :, view, 0]])) for view in range(views)]
    assert head.logits(flat) == pytest.approx(np.mean(alone, axis=0), abs=1e-4)
    assert restore(head.state(), tiny()).logits(flat) == pytest.approx(head.logits(flat), abs=1e-6)
    one_by_one = rows[:, :, :, 0].transpose(0, 2, 1, 3).reshape(count * views, moments, WIDTH)
    again = TrainingSet(
        Features.of([one_by_one]),
        targets.repeat(views),
        CLASSES,
        [(np.arange(12), np.arange(12, 24)), (np.arange(12, 24), np.arange(12))],
        0,
        spec=FeatureSpec(32, frames=moments),
    )
    plain = heads.get("moments").fit(again)
    assert head.linear.state().arrays["weight"] == pytest.approx(
        plain.linear.state().arrays["weight"], abs=1e-5
    )
    logits, embedded = said(head, flat.rows(0))
    assert logits == pytest.approx(head.logits(flat), abs=1e-4)
    assert embedded == pytest.approx(head.embed(flat), abs=1e-4)


def test_a_tail_over_moments_and_views() -> None:
    backbone = tiny()
    cut = len(backbone) - 1
    map_shape = backbone.run(torch.zeros(1, 3, 64, 64), stop=cut).shape[1:]
    head = TailHead(Tail(backbone, cut, CLASSES, frames=MOMENTS, shown=2).eval(), 1, "masked_tail")
    rows = np.random.default_rng(0).normal(size=(4, MOMENTS * 2, *map_shape)).astype(np.float32)
    logits, embedded = said(head, rows)
    assert logits == pytest.approx(head.logits(Features.of([rows])), abs=1e-4)
    assert embedded == pytest.approx(head.embed(Features.of([rows])), abs=1e-4)
