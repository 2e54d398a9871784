"""Strangers told by a part that some examples show, such as a face, beside the score of the whole example."""

from dataclasses import replace

import numpy as np
import pytest

from preseason.inference.strangers import PartEvidence, part_distance
from preseason.openset.detection import auroc
from preseason.openset.parts import Asked, fit_evidence
from preseason.openset.probe import probe
from preseason.openset.reference_set import ReferenceSet, fit_reference_set

CLASSES, EACH, WIDTH = 4, 20, 12
LABELS = ("ann", "bob", "cleo", "dora")
RNG = np.random.default_rng(0)
WHOLE = RNG.normal(size=(CLASSES + 1, 30)).astype(np.float32) * 0.6
FACES = RNG.normal(size=(CLASSES + 1, WIDTH)).astype(np.float32) * 4


def examples(who: int, seed: int, count: int = EACH) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings that tell little, and parts that tell much; one in five shows none."""
    rng = np.random.default_rng((who, seed))
    whole = (WHOLE[who] + rng.normal(size=(count, 30))).astype(np.float32)
    parts = (FACES[who] + rng.normal(size=(count, WIDTH))).astype(np.float32)
    parts[::5] = 0
    return whole, parts


def make(parts: bool = True) -> tuple[ReferenceSet, float]:
    pairs = [examples(who, 0) for who in range(CLASSES)]
    targets = np.repeat(np.arange(CLASSES), EACH)
    said = np.eye(CLASSES, dtype=np.float32)[targets] * 0.6 + 0.1
    shown = np.concatenate([each for _, each in pairs]) if parts else None
    known, choice = fit_reference_set(
        LABELS, np.concatenate([whole for whole, _ in pairs]), targets, said, np.arange(len(targets)) % 4,
        probe, parts=shown,
    )  # fmt: skip
    assert choice.auroc is not None
    return known, choice.auroc


@pytest.fixture(scope="module")
def known() -> ReferenceSet:
    return make()[0]


def far(known: ReferenceSet, who: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Distances of new examples, and which of them show a part."""
    whole, parts = examples(who, seed)
    shown = parts if known.evidence is not None else None
    return known.distance(known.place(whole), shown), parts.any(axis=1)


def test_a_part_unlike_all_known_ones_gives_a_stranger_away(known: ReferenceSet) -> None:
    without, area = make(parts=False)
    assert known.evidence is not None
    assert without.evidence is None
    assert make()[1] > area + 0.1
    (near, near_shown), (strange, shown) = far(known, 1), far(known, CLASSES)
    assert auroc(near[near_shown], strange[shown]) > 0.98
    plain = auroc(far(without, 1)[0][near_shown], far(without, CLASSES)[0][shown])
    assert plain < 0.95


def test_without_a_part_the_other_score_decides(known: ReferenceSet) -> None:
    whole, parts = examples(2, 3)
    none = known.distance(known.place(whole), np.zeros_like(parts))
    other = known.scorer.distance(known.place(whole), known.place(whole) @ known.weight + known.bias)
    assert (np.argsort(none, kind="stable") == np.argsort(other, kind="stable")).all()
    assert np.isfinite(none).all()


def test_the_threshold_refuses_few_known_examples(known: ReferenceSet) -> None:
    refused = np.concatenate([far(known, who)[0] > known.threshold for who in range(CLASSES)])
    assert refused.mean() < 0.25


def test_parts_of_a_new_class_are_known_and_those_of_a_removed_one_are_gone(known: ReferenceSet) -> None:
    whole, parts = examples(CLASSES, 0)
    grown = known.added("eve", whole, probe, parts=parts)
    (before, shown), (after, _) = far(known, CLASSES), far(grown, CLASSES)
    assert (before[shown] > known.threshold).mean() > 0.8
    assert (after[shown] > known.threshold).mean() < 0.2
    smaller = grown.removed("eve", probe)
    assert smaller.evidence is not None
    np.testing.assert_array_equal(smaller.evidence.references, known.evidence.references)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="received None, expected float32"):
        known.added("eve", whole, probe)


def test_it_is_stored_and_read_again(known: ReferenceSet) -> None:
    again = ReferenceSet.from_state(known.state(), known.labels, known.columns, known.threshold)
    np.testing.assert_array_equal(far(again, 3)[0], far(known, 3)[0])
    plain = replace(known, evidence=None)
    assert ReferenceSet.from_state(plain.state(), known.labels, known.columns, 1.0).evidence is None


def test_parts_must_be_given_where_strangers_are_told_by_them(known: ReferenceSet) -> None:
    with pytest.raises(ValueError, match="told by parts as well"):
        known.distance(known.place(examples(0, 1)[0]))


def test_the_distance_is_to_the_nearest_th_and_nothing_of_none() -> None:
    references = np.array([[0, 0], [3, 4], [6, 8], [0, 0]], np.float32)
    evidence = PartEvidence(references, 2, np.zeros(5, np.float32))
    np.testing.assert_allclose(evidence.distance(np.array([[3, 4], [0, 0]], np.float32)), [5, 0])
    assert not part_distance(np.zeros((0, 2), np.float32), references, 1).any()


def test_a_score_that_errs_is_left_out() -> None:
    """Strangers nearer than what is known, by the other score: it gets no say."""
    rng = np.random.default_rng(0)
    parts = np.concatenate([rng.normal(0, 1, (60, 3)), rng.normal(9, 1, (60, 3))]).astype(np.float32)
    labels = np.repeat(np.arange(4), [20, 20, 20, 60])
    turn = Asked(
        np.arange(0, 60, 2),
        np.arange(1, 60, 2),
        np.arange(60, 120),
        np.ones(30, np.float32) * 5 + rng.normal(size=30).astype(np.float32),
        rng.normal(size=60).astype(np.float32),
    )
    found = fit_evidence(parts, labels, [turn])
    assert found is not None
    assert found.weights[1] > 0
    assert found.weights[2] == 0


def test_too_few_parts_are_not_used() -> None:
    nothing = np.zeros((40, 3), np.float32)
    turn = Asked(
        np.arange(20), np.arange(20, 30), np.arange(30, 40), np.zeros(10, np.float32), np.ones(10, np.float32)
    )
    assert fit_evidence(nothing, np.arange(40) // 10, [turn]) is None
    few = nothing.copy()
    few[::8] = 1
    assert fit_evidence(few, np.arange(40) // 10, [turn]) is None
