"""Attention over parts: few examples are enough where a part tells the classes apart."""

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.heads.attention import Attention
from preseason.heads.base import TrainingSet
from preseason.inference.features import Features

CLASSES, PARTS, WIDTH = 3, 8, 256


def examples(each: int, seed: int) -> tuple[Floats, Ints]:
    """Rows float32 [n, p, d] of noise, in which one part, anywhere, shows its class; and targets."""
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(CLASSES), each)
    rows = rng.normal(size=(len(targets), PARTS, WIDTH)).astype(np.float32)
    signs = np.random.default_rng(0).normal(size=(CLASSES, WIDTH)).astype(np.float32)
    rows[np.arange(len(targets)), rng.integers(PARTS, size=len(targets))] += signs[targets]
    return rows, targets


def test_a_few_examples_are_shown_often_enough_to_be_learnt() -> None:
    rows, targets = examples(5, 1)
    head = Attention().fit(TrainingSet(Features.of([rows]), targets, CLASSES, (), 0))
    new, truth = examples(30, 2)
    said = head.logits(Features.of([new])).argmax(1)
    assert (said == truth).mean() > 0.8
