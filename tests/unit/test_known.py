"""What a model knows of its classes: taking classes in, letting them go, and telling strangers."""

from dataclasses import replace

import numpy as np
import pytest

from preseason.errors import UsageError
from preseason.openset import reference_set as module
from preseason.openset.probe import probe
from preseason.openset.reference_set import ReferenceSet, fit_reference_set

LABELS = ("ant", "bee", "cat")
WIDTH = 20
CENTRES = np.random.default_rng(0).normal(size=(6, WIDTH)).astype(np.float32) * 3


def examples(label: int, count: int = 12) -> np.ndarray:
    noise = np.random.default_rng(label).normal(size=(count, WIDTH))
    return (CENTRES[label] + noise).astype(np.float32)


def said_of(targets: np.ndarray, classes: int = 3) -> np.ndarray:
    said = np.full((len(targets), classes), 0.1, np.float32)
    said[np.arange(len(targets)), targets] = 0.8
    return said


def make(folds: np.ndarray | None = None) -> ReferenceSet:
    targets = np.repeat(np.arange(3), 12)
    embeddings = np.concatenate([examples(label) for label in range(3)])
    dealt = np.arange(36) % 4 if folds is None else folds
    return fit_reference_set(LABELS, embeddings, targets, said_of(targets), dealt, probe)[0]


@pytest.fixture(scope="module")
def known() -> ReferenceSet:
    return make()


def answer(known: ReferenceSet, label: int, trained: np.ndarray) -> np.ndarray:
    """Probabilities of examples of class `label` whose network says `trained`."""
    rows = examples(label)
    return known.probabilities(np.tile(trained, (len(rows), 1)).astype(np.float32), known.place(rows))


def test_without_added_classes_the_network_alone_answers(known: ReferenceSet) -> None:
    network = np.random.default_rng(0).dirichlet(np.ones(3), 12).astype(np.float32)
    vectors = known.place(examples(4))
    np.testing.assert_allclose(known.probabilities(network, vectors), network, rtol=1e-5)


def test_strangers_are_farther_than_what_is_known(known: ReferenceSet) -> None:
    familiar = known.distance(known.place(examples(1)))
    strange = known.distance(known.place(examples(4)))
    assert (familiar > known.threshold).mean() < 0.2
    assert (strange > known.threshold).mean() > 0.8


def test_an_added_class_is_recognised_and_the_others_keep_their_answers(known: ReferenceSet) -> None:
    grown = known.added("dog", examples(3), probe)
    assert grown.labels == (*LABELS, "dog")
    new = answer(grown, 3, np.array([0.4, 0.3, 0.3]))
    assert (new.argmax(1) == 3).all()
    old = answer(grown, 1, np.array([0.1, 0.8, 0.1]))
    assert (old.argmax(1) == 1).all()
    np.testing.assert_allclose(np.concatenate([new, old]).sum(1), 1, rtol=1e-5)
    assert (grown.distance(grown.place(examples(3))) <= grown.threshold).mean() > 0.8


def test_adding_leaves_the_known_as_it_was(known: ReferenceSet) -> None:
    before = {key: value.copy() for key, value in known.state().items()}
    known.added("dog", examples(3), probe)
    assert known.labels == LABELS
    for key, value in known.state().items():
        np.testing.assert_array_equal(value, before[key])


def test_an_added_class_can_get_more_examples(known: ReferenceSet) -> None:
    grown = known.added("dog", examples(3, 2), probe).added("elk", examples(4), probe)
    again = grown.added("dog", examples(3), probe)
    assert again.labels == (*LABELS, "dog", "elk")
    assert (again.targets == 3).sum() == 14


def test_a_class_of_one_example_can_be_added(known: ReferenceSet) -> None:
    grown = known.added("dog", examples(3, 1), probe)
    assert (answer(grown, 3, np.array([0.4, 0.3, 0.3])).argmax(1) == 3).mean() > 0.5


def test_a_trained_class_cannot_be_added_again(known: ReferenceSet) -> None:
    with pytest.raises(UsageError, match=r"'bee' .* was trained on\. .* run fit again"):
        known.added("bee", examples(1), probe)


def test_what_was_added_and_removed_leaves_no_trace(known: ReferenceSet) -> None:
    back = known.added("dog", examples(3), probe).removed("dog", probe)
    assert back.labels == known.labels
    for key, value in known.state().items():
        np.testing.assert_allclose(back.state()[key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LABELS)
def test_a_removed_class_is_never_the_answer_and_its_examples_are_gone(
    known: ReferenceSet, name: str
) -> None:
    smaller = known.removed(name, probe)
    gone = LABELS.index(name)
    rest = [index for index in range(3) if index != gone]
    assert smaller.labels == tuple(LABELS[index] for index in rest)
    assert len(smaller.vectors) == 24
    said = np.array([0.2, 0.5, 0.3])
    expected = said[rest] / said[rest].sum()
    np.testing.assert_allclose(answer(smaller, gone, said), np.tile(expected, (12, 1)), rtol=1e-5)
    own = {vector.tobytes() for vector in known.vectors[known.targets == gone]}
    assert not own & {vector.tobytes() for vector in smaller.vectors}


def test_a_trained_class_and_then_an_added_one_can_go(known: ReferenceSet) -> None:
    changed = known.added("dog", examples(3), probe).removed("ant", probe).added("elk", examples(4), probe)
    assert changed.labels == ("bee", "cat", "dog", "elk")
    assert (answer(changed, 4, np.array([0.9, 0.05, 0.05])).argmax(1) == 3).all()
    smaller = changed.removed("dog", probe)
    assert smaller.labels == ("bee", "cat", "elk")
    assert (answer(smaller, 4, np.array([0.9, 0.05, 0.05])).argmax(1) == 2).all()
    assert smaller.recall(probe) == {"bee": 1.0, "cat": 1.0, "elk": 1.0}


def test_removing_what_is_not_there_or_one_of_two_is_refused(known: ReferenceSet) -> None:
    with pytest.raises(UsageError, match=r"has no class 'emu'\. Its classes: ant, bee, cat"):
        known.removed("emu", probe)
    with pytest.raises(UsageError, match="the last two cannot be removed"):
        known.removed("ant", probe).removed("bee", probe)


def test_recall_is_of_answers_by_members_that_had_not_seen_the_example(known: ReferenceSet) -> None:
    assert known.recall(probe) == {"ant": 1.0, "bee": 1.0, "cat": 1.0}
    oof_proba = known.oof_proba.copy()
    oof_proba[known.targets == 1] = [0.8, 0.1, 0.1]
    assert replace(known, oof_proba=oof_proba).recall(probe) == {"ant": 1.0, "bee": 0.0, "cat": 1.0}


def test_a_class_without_known_examples_has_no_recall(known: ReferenceSet) -> None:
    kept = known.targets != 1
    fewer = replace(
        known,
        vectors=known.vectors[kept],
        targets=known.targets[kept],
        oof_proba=known.oof_proba[kept],
        folds=known.folds[kept],
    )
    assert fewer.recall(probe) == {"ant": 1.0, "cat": 1.0}


def test_one_fold_alone_is_dealt_out_so_that_everything_can_be_asked() -> None:
    known = make(np.zeros(36, np.int64))
    assert len(np.unique(known.folds)) > 1
    assert known.recall(probe)["bee"] == 1.0


def test_state_and_back_answers_the_same(known: ReferenceSet) -> None:
    grown = known.added("dog", examples(3), probe)
    again = ReferenceSet.from_state(grown.state(), grown.labels, grown.columns, grown.threshold)
    vectors = grown.place(examples(5))
    np.testing.assert_array_equal(again.distance(vectors), grown.distance(vectors))
    said = said_of(np.zeros(12, np.int64))
    np.testing.assert_array_equal(again.probabilities(said, vectors), grown.probabilities(said, vectors))
    assert again.recall(probe) == grown.recall(probe)


def test_many_examples_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EXAMPLES", 15)
    found = make()
    assert np.bincount(found.targets).tolist() == [5, 5, 5]
    assert found.vectors.shape == (15, 15)
