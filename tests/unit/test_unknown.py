import time

import numpy as np
import pytest

from preseason.inference.strangers import UnknownScorer
from preseason.openset import detection
from preseason.openset.detection import NEEDS_LOGITS, SCORES, auroc, choose, deal, fit_scorer, thin


def clusters(
    n: int, width: int, classes: int, spread: float = 3.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    means = rng.normal(size=(classes, width)) * spread
    return (means[labels] + rng.normal(size=(n, width))).astype(np.float32), labels


def nearest_mean(rows: np.ndarray, labels: np.ndarray):
    def fit_predict(train: np.ndarray, asked: np.ndarray) -> np.ndarray:
        means = np.stack([rows[train][labels[train] == c].mean(axis=0) for c in np.unique(labels[train])])
        return -((rows[asked][:, None] - means) ** 2).sum(axis=2).astype(np.float32)

    return fit_predict


@pytest.mark.parametrize("kind", [kind for kind in SCORES if kind not in NEEDS_LOGITS])
def test_strangers_lie_farther_than_known_examples(kind: str) -> None:
    rows, labels = clusters(300, 32, 6)
    scorer = fit_scorer(kind, rows[labels < 5][:200], labels[labels < 5][:200])
    known, strangers = rows[labels < 5][200:], rows[labels == 5]
    assert auroc(scorer.distance(known), scorer.distance(strangers)) > 0.99


@pytest.mark.parametrize("kind", NEEDS_LOGITS)
def test_scores_of_the_logits_call_unsure_answers_strange(kind: str) -> None:
    far = UnknownScorer(kind).distance(
        np.zeros((2, 4), np.float32), np.array([[9, 0, 0], [1, 1, 1]], np.float32)
    )
    assert far[0] < far[1]
    with pytest.raises(ValueError, match="needs the head's logits"):
        UnknownScorer(kind).distance(np.zeros((2, 4), np.float32))


def test_leaving_classes_out_finds_a_score_and_a_line_that_hold_for_a_new_stranger() -> None:
    rows, labels = clusters(600, 32, 7)
    inside = labels < 6
    choice = choose(rows[inside][:400], labels[inside][:400])
    assert choice.auroc is not None
    assert choice.auroc > 0.99
    assert choice.known_rejected <= 0.1
    assert choice.unknown_accepted is not None
    assert choice.unknown_accepted < 0.05
    assert (choice.scorer.distance(rows[~inside]) > choice.threshold).mean() > 0.95
    assert (choice.scorer.distance(rows[inside][400:]) > choice.threshold).mean() < 0.1


def test_the_best_of_all_scores_is_chosen() -> None:
    rows, labels = clusters(300, 16, 4)
    choice = choose(rows, labels, nearest_mean(rows, labels))
    assert set(choice.scores) == set(SCORES)
    assert choice.auroc == max(choice.scores.values()) == choice.scores[choice.scorer.kind]


def test_two_classes_leave_none_to_try_on() -> None:
    rows, labels = clusters(400, 16, 2)
    choice = choose(rows, labels, nearest_mean(rows, labels))
    assert choice.auroc is None
    assert choice.unknown_accepted is None
    assert choice.known_rejected <= 0.05
    far = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    assert (choice.scorer.distance(far) > choice.threshold).mean() > 0.9


def test_no_known_is_refused_where_strangers_cannot_be_told_at_all() -> None:
    rng = np.random.default_rng(0)
    choice = choose(rng.normal(size=(300, 8)).astype(np.float32), np.arange(300) % 4)
    assert choice.auroc == pytest.approx(0.5, abs=0.1)
    assert choice.known_rejected <= 0.1


@pytest.mark.parametrize("kind", SCORES)
def test_a_stored_scorer_measures_the_same(kind: str) -> None:
    rows, labels = clusters(60, 12, 3)
    logits = rows[:, :3]
    scorer = fit_scorer(kind, rows, labels)
    again = UnknownScorer.from_state(scorer.state())
    assert all(isinstance(array, np.ndarray) for array in scorer.state().values())
    assert np.array_equal(scorer.distance(rows, logits), again.distance(rows, logits))


def test_a_state_of_an_unknown_score_is_refused() -> None:
    state = {"kind": np.frombuffer(b"tarot", np.uint8)}
    with pytest.raises(ValueError, match="'tarot' is no score of strangers"):
        UnknownScorer.from_state(state)


def test_references_are_thinned_evenly_and_always_alike() -> None:
    labels = np.repeat([0, 1, 2], [15_000, 4_900, 100])
    kept = thin(labels, 2000)
    counts = np.bincount(labels[kept])
    assert counts.tolist() == [950, 950, 100]
    assert np.array_equal(kept, thin(labels, 2000))


def test_copies_in_one_fold_never_meet_themselves() -> None:
    rows, labels = clusters(60, 16, 3, spread=0.0)
    copies, names = np.tile(rows, (6, 1)), np.tile(labels, 6)
    apart = choose(copies, names, folds=np.tile(np.arange(60) // 3 % 5, 6))
    leaking = choose(copies, names, folds=np.repeat(np.arange(6), 60))
    assert apart.scores["neighbours"] < 0.65 < leaking.scores["neighbours"]


@pytest.mark.parametrize(("n", "classes"), [(1, 1), (3, 3), (4, 2), (6, 3), (9, 3)])
def test_few_examples_give_a_finite_line(n: int, classes: int) -> None:
    rows, labels = clusters(n, 8, classes)
    choice = choose(rows, labels)
    assert np.isfinite(choice.threshold)
    assert np.isfinite(choice.scorer.distance(rows)).all()
    assert choice.scorer.distance(rows[:0]).shape == (0,)


def test_equal_embeddings_do_no_harm() -> None:
    choice = choose(np.ones((30, 8), np.float32), np.arange(30) % 3)
    assert np.isfinite(choice.threshold)
    assert not (choice.scorer.distance(np.ones((4, 8), np.float32)) > choice.threshold).any()


def test_500_examples_are_quick_and_20000_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, labels = clusters(500, 128, 6)
    choose(rows, labels)
    begin = time.process_time()
    choose(rows, labels)
    assert time.process_time() - begin < 3
    many, names = clusters(20_000, 64, 40)
    monkeypatch.setattr(detection, "MAX_ROUNDS", 4)
    stored = choose(many, names).scorer.state()
    assert sum(array.nbytes for array in stored.values()) < 2_000 * 64 * 4 * 1.1


def test_classes_of_one_example_each_are_dealt_into_several_folds() -> None:
    assert len(np.unique(deal(np.arange(4)))) == 4
    dealt = deal(np.repeat(np.arange(3), 10))
    assert all(np.bincount(dealt[start : start + 10]).tolist() == [2] * 5 for start in (0, 10, 20))
