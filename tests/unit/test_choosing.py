"""What to label next: unsure before sure, and different from each other."""

import numpy as np

from preseason.evaluation.choosing import choose


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
    said[50:] = (0.6, 0.4)
    assert set(choose(said, vectors, 5).tolist()) >= {50, 51, 52, 53}


def test_where_nothing_is_alike_doubt_alone_decides() -> None:
    rng = np.random.default_rng(3)
    sure = rng.uniform(0.5, 1, 40).astype(np.float32)
    said = np.stack([sure, 1 - sure], axis=1)
    chosen = choose(said, np.eye(40, dtype=np.float32), 7)
    assert chosen.tolist() == np.argsort(sure)[:7].tolist()


def test_no_more_are_chosen_than_there_are() -> None:
    said, vectors = np.full((6, 2), 0.5, np.float32), np.zeros((6, 3), np.float32)
    assert sorted(choose(said, vectors, 20).tolist()) == list(range(6))
    copies = np.ones((6, 3), np.float32)
    assert sorted(choose(said, copies, 6).tolist()) == list(range(6))
    assert len(choose(said[:0], vectors[:0], 3)) == 0
