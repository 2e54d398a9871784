"""Attention over parts: few examples are enough where a part tells the classes apart."""

import numpy as np

from preseason.arrays.types import Floats, Ints
from preseason.heads.attention import Attention, AttentionConfig
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


def test_parts_that_learn_by_themselves_tell_the_classes_where_few_examples_do() -> None:
    rows, targets = examples(5, 1)
    new, truth = examples(30, 2)
    said = []
    for part_loss in (0.0, 0.3):
        config = AttentionConfig(part_loss=part_loss, label_smoothing=0.1, kept_parts=0.25)
        head = Attention().fit(TrainingSet(Features.of([rows]), targets, CLASSES, (), 0, config=config))
        said.append(head.within(Features.of([new]), np.eye(PARTS, dtype=bool)[:, None]))
    # Of each example the surest part alone, without attention.
    plain, together = (np.moveaxis(logits, 0, 1).max(axis=1).argmax(axis=1) for logits in said)
    assert (together == truth).mean() > (plain == truth).mean()
    assert (together == truth).mean() > 0.7
