"""Rows compared by direction."""

import numpy as np

from preseason.arrays.rows import nearest_rows, unit_rows


def test_rows_get_length_one_in_their_own_dtype_and_zero_stays_zero() -> None:
    for dtype in (np.float32, np.float64):
        rows = unit_rows(np.array([[3, 4], [0, 0], [1e-5, 0]], dtype))
        assert rows.dtype == dtype
        assert np.allclose(rows, [[0.6, 0.8], [0, 0], [1, 0]])


def test_the_nearest_come_first_whatever_their_length_and_of_equals_the_earlier() -> None:
    rows = np.array([[0, 1], [2, 2], [9, 0], [1, 1]], np.float32)
    places, similarity = nearest_rows(rows, np.array([5, 5], np.float32), 3)
    assert places.tolist()[:2] == [1, 3]
    assert np.allclose(similarity, [1, 1, 0.5**0.5])
