"""Parts that may be missing: the one that counts answers, and where there is none no class is favoured."""

import numpy as np

from preseason.engine.passes import FeatureSpec
from preseason.heads.base import TrainingSet, heads
from preseason.heads.best_part import BestPartConfig
from preseason.inference.candidates import Candidate, Fitted
from preseason.inference.features import Features
from preseason.inference.probabilities import averaged
from preseason.training.cross_validation import CrossValResult
from preseason.training.selection import select

N, CLASSES, PARTS, WIDTH, PLACES = 90, 3, 3, 16, 4
TARGETS = np.arange(N) % CLASSES


def bags(seed: int = 0) -> np.ndarray:
    """One part of each bag is its class's, the others are nobody's; every sixth bag is empty."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(CLASSES, WIDTH))
    rows = np.zeros((N, PARTS, WIDTH + PLACES), np.float32)
    for n in range(N):
        count = 0 if n % 6 == 5 else 1 + n % PARTS
        rows[n, :count, :WIDTH] = rng.normal(size=(count, WIDTH))
        if count:
            rows[n, rng.integers(count), :WIDTH] = centres[TARGETS[n]] + 0.3 * rng.normal(size=WIDTH)
        rows[n, :count, WIDTH:] = rng.uniform(size=(count, PLACES))
    return rows


def folds() -> list[tuple[np.ndarray, np.ndarray]]:
    everything = np.arange(N)
    return [(everything[everything // 3 % 3 != f], everything[everything // 3 % 3 == f]) for f in range(3)]


def test_it_finds_which_part_the_label_is_of() -> None:
    learnt = TrainingSet(Features.of([bags()]), TARGETS, CLASSES, folds(), 0, BestPartConfig(PLACES))
    head = heads.get("best_part").fit(learnt)
    new = bags(1)
    there = new.any(axis=(1, 2))
    logits = head.logits(Features.of([new]))
    assert (logits.argmax(axis=1) == TARGETS)[there].mean() > 0.8
    assert not logits[~there].any()
    assert not head.embed(Features.of([new]))[~there].any()


def test_where_a_part_lies_is_not_learnt_from() -> None:
    rows = bags()
    learnt = TrainingSet(Features.of([rows]), TARGETS, CLASSES, folds(), 0, BestPartConfig(PLACES))
    head = heads.get("best_part").fit(learnt)
    moved = rows.copy()
    moved[..., WIDTH:] += 0.1
    before, after = (head.logits(Features.of([each])) for each in (rows, moved))
    full = rows.any(axis=(1, 2))
    np.testing.assert_array_equal(before[full], after[full])


def test_without_any_part_there_is_a_head_that_says_nothing() -> None:
    empty = np.zeros((N, PARTS, WIDTH), np.float32)
    learnt = TrainingSet(Features.of([empty]), TARGETS, CLASSES, folds(), 0)
    assert not heads.get("best_part").fit(learnt).logits(Features.of([empty])).any()


def result(name: str, probabilities: np.ndarray, partial: bool = False) -> CrossValResult:
    candidate = Candidate(name, "linear", FeatureSpec(8), partial=partial)
    return CrossValResult(Fitted(candidate, (), 1.0), np.arange(N), probabilities, None, 0.0)


def told(right: float, which: np.ndarray) -> np.ndarray:
    """Probabilities [n, c] that give the truth `right` for `which`, and say nothing of the others."""
    out = np.full((N, CLASSES), 1 / CLASSES, np.float32)
    out[which] = (1 - right) / (CLASSES - 1)
    out[which, TARGETS[which]] = right
    return out


def test_a_way_that_is_silent_at_times_helps_where_it_speaks_and_changes_nothing_elsewhere() -> None:
    everything, some = np.arange(N), np.arange(0, N, 2)
    whole, partial = told(0.6, everything), told(0.95, some)
    wrong = np.arange(0, N, 5)
    whole[wrong] = np.roll(whole[wrong], 1, axis=1)
    found = select([result("whole", whole), result("faces", partial, True)], TARGETS)
    assert found.kept == (0, 1)
    assert found.weights[0] == 1
    assert found.weights[1] > 0
    np.testing.assert_allclose(found.oof_proba, averaged([whole, partial], found.weights), rtol=1e-5)
    silent = np.setdiff1d(everything, some)
    np.testing.assert_allclose(found.oof_proba[silent], whole[silent], rtol=1e-5)
    assert (found.oof_proba[some].argmax(axis=1) == TARGETS[some]).all()


def test_a_way_that_is_wrong_where_it_speaks_is_left_out() -> None:
    whole, partial = told(0.6, np.arange(N)), told(0.05, np.arange(0, N, 2))
    wrong = np.arange(0, N, 5)
    whole[wrong] = np.roll(whole[wrong], 1, axis=1)
    found = select([result("faces", partial, True), result("whole", whole)], TARGETS)
    assert found.kept == (1,)
    assert found.weights == ()
