"""What to label next: unsure before sure, and different from each other."""

import numpy as np
import pytest

from preseason.aftercare.choosing import choose, gradients_of


def test_gradients_are_those_of_the_loss() -> None:
    """Distances by factors are those of the outer products written out."""
    rng = np.random.default_rng(0)
    said = rng.dirichlet(np.ones(4), 12).astype(np.float32)
    found = gradients_of(said, rng.normal(size=(12, 5)).astype(np.float32))
    whole = np.einsum("nc,nd->ncd", found.weights, found.vectors).reshape(12, -1)
    assert found.squares() == pytest.approx(np.square(whole).sum(1), rel=1e-4)
    assert found.apart(3) == pytest.approx(np.square(whole - whole[3]).sum(1), rel=1e-3, abs=1e-5)


def test_what_is_sure_is_not_chosen_while_there_are_unsure_ones() -> None:
    rng = np.random.default_rng(1)
    said = np.repeat([[0.999, 0.001], [0.55, 0.45]], [80, 20], axis=0).astype(np.float32)
    chosen = choose(said, rng.normal(size=(100, 6)).astype(np.float32), 10)
    assert len(set(chosen.tolist())) == 10
    assert (chosen >= 80).all()


def test_one_scene_does_not_take_all_places() -> None:
    """Fifty unsure examples of one scene and one each of four others: the others are among the first."""
    rng = np.random.default_rng(2)
    places = 5 * np.eye(5, 8)[np.r_[np.zeros(50, int), 1:5]]
    vectors = (places + 0.01 * rng.normal(size=(54, 8))).astype(np.float32)
    said = np.full((54, 2), 0.5, np.float32)
    said[:, 0] += 0.01
    said[:, 1] -= 0.01
    assert set(choose(said, vectors, 5).tolist()) >= {50, 51, 52, 53}


def test_no_more_are_chosen_than_there_are_and_the_same_seed_chooses_the_same() -> None:
    said, vectors = np.full((6, 2), 0.5, np.float32), np.zeros((6, 3), np.float32)
    assert sorted(choose(said, vectors, 20).tolist()) == list(range(6))
    assert choose(said, vectors, 3, seed=4).tolist() == choose(said, vectors, 3, seed=4).tolist()
    assert len(choose(said[:0], vectors[:0], 3)) == 0
