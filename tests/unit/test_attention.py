"""Attention over parts: few examples are enough where a part tells the classes apart."""

import numpy as np
import torch
from torch.nn import functional

from preseason.arrays.types import Floats, Ints
from preseason.heads.attention import Attention, AttentionConfig, AttentionNetwork, WithParts, loss_of
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


def test_parts_answer_by_themselves_beside_the_example_and_count_at_their_weight() -> None:
    torch.manual_seed(0)
    network = AttentionNetwork(WIDTH, CLASSES).eval()
    parts, targets = torch.randn(4, PARTS, WIDTH), torch.tensor([0, 1, 2, 0])
    logits = WithParts(network)(parts)
    torch.testing.assert_close(logits[:, 0], network(parts))
    for place in range(PARTS):
        # Of one part alone the mean is the part itself.
        torch.testing.assert_close(logits[:, 1 + place], network(parts[:, [place]]))
    each = [functional.cross_entropy(logits[:, place], targets) for place in range(1 + PARTS)]
    expected = each[0] + 0.3 * torch.stack(each[1:]).mean()
    torch.testing.assert_close(loss_of(AttentionConfig(part_loss=0.3))(logits, targets), expected)


def test_few_directions_are_learnt_from_and_the_head_reads_the_features() -> None:
    rows, targets = examples(30, 1)
    config = AttentionConfig(directions=64, epochs=5)
    head = Attention().fit(TrainingSet(Features.of([rows]), targets, CLASSES, (), 0, config=config))
    weight = head.tensors["hidden.1.weight"]
    assert weight.shape[1] == WIDTH
    assert np.linalg.matrix_rank(weight, tol=1e-4 * np.linalg.norm(weight)) <= 64
    new, truth = examples(30, 2)
    assert (head.logits(Features.of([new])).argmax(1) == truth).mean() > 0.5
