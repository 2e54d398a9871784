from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preseason.data.dataset import Dataset, File, Sample
from preseason.data.split import folds, group_numbers, hold_out
from preseason.errors import DataError

SEEDS = st.integers(0, 5)


def dataset_of(pairs: list[tuple[str, str | None]]) -> Dataset:
    samples = tuple(
        Sample(File(Path(f"{index:03}.png")), label, group, fingerprint=f"{index:032x}")
        for index, (label, group) in enumerate(pairs)
    )
    return Dataset(Path(), "folders", samples, tuple(sorted({label for label, _ in pairs})))


def named(pairs: list[tuple[str, int | None]]) -> Dataset:
    """Groups inside one class each."""
    return dataset_of([(label, None if group is None else f"{label}{group}") for label, group in pairs])


ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 5)), min_size=1, max_size=60)
OWN_GROUPS = ROWS.map(named)
SHARED_GROUPS = ROWS.map(lambda rows: dataset_of([(a, None if g is None else f"g{g}") for a, g in rows]))


def groups_by_class(dataset: Dataset) -> dict[str, set[int]]:
    numbers = group_numbers(dataset.samples)
    return {
        label: {int(n) for n, sample in zip(numbers, dataset.samples, strict=True) if sample.label == label}
        for label in dataset.labels
    }


def labels_at(dataset: Dataset, indices: np.ndarray) -> set[str | None]:
    return {dataset.samples[index].label for index in indices}


@given(OWN_GROUPS | SHARED_GROUPS, st.floats(0.05, 0.5), SEEDS)
def test_hold_out_is_whole_disjoint_and_cuts_no_group(dataset: Dataset, fraction: float, seed: int) -> None:
    train, test = hold_out(dataset, fraction, seed)
    numbers = group_numbers(dataset.samples)
    assert sorted([*train, *test]) == list(range(len(dataset.samples)))
    assert train.dtype == test.dtype == np.int64
    assert not set(numbers[train]) & set(numbers[test])
    assert labels_at(dataset, train) == set(dataset.labels)


@given(OWN_GROUPS, st.floats(0.05, 0.5), SEEDS)
def test_hold_out_tests_every_class_with_two_groups(dataset: Dataset, fraction: float, seed: int) -> None:
    _, test = hold_out(dataset, fraction, seed)
    able = {label for label, groups in groups_by_class(dataset).items() if len(groups) > 1}
    assert labels_at(dataset, test) == able


@given(OWN_GROUPS | SHARED_GROUPS, SEEDS, st.randoms(use_true_random=False))
def test_hold_out_follows_content_not_order(dataset: Dataset, seed: int, random: object) -> None:
    samples = list(dataset.samples)
    random.shuffle(samples)  # type: ignore[attr-defined]
    mixed = Dataset(Path(), "folders", tuple(samples), dataset.labels)
    first = {dataset.samples[index].fingerprint for index in hold_out(dataset, 0.2, seed)[1]}
    second = {mixed.samples[index].fingerprint for index in hold_out(mixed, 0.2, seed)[1]}
    assert first == second


@given(st.integers(10, 60), st.integers(10, 60), st.floats(0.1, 0.5), SEEDS)
def test_hold_out_comes_near_the_wish(few: int, many: int, fraction: float, seed: int) -> None:
    dataset = named([("a", None)] * few + [("b", None)] * many)
    _, test = hold_out(dataset, fraction, seed)
    for label, count in (("a", few), ("b", many)):
        held = sum(dataset.samples[index].label == label for index in test)
        assert held == max(1, round(fraction * count))


@given(OWN_GROUPS | SHARED_GROUPS, st.integers(2, 6), SEEDS)
@settings(max_examples=200, deadline=None)  # the first call imports scikit-learn
def test_folds(dataset: Dataset, k: int, seed: int) -> None:
    labels = np.array([dataset.labels.index(sample.label or "") for sample in dataset.samples])
    groups = group_numbers(dataset.samples)
    several = {c for c in np.unique(labels) if len(np.unique(groups[labels == c])) > 1}
    try:
        pairs = folds(labels, groups, k, seed)
    except DataError:
        free = [g for g in np.unique(groups) if set(labels[groups == g]) <= several]
        assert len(free) < 3
        return
    assert 2 <= len(pairs) <= k
    validated = np.concatenate([validation for _, validation in pairs])
    assert len(set(validated)) == len(validated)
    for train, validation in pairs:
        assert len(validation)
        assert sorted([*train, *validation]) == list(range(len(labels)))
        assert not set(groups[train]) & set(groups[validation])
        assert set(labels[train]) == set(labels)
    again = folds(labels, groups, k, seed)
    assert all(
        (a == b).all() for one, two in zip(pairs, again, strict=True) for a, b in zip(one, two, strict=True)
    )


@settings(deadline=None)
@given(st.lists(st.integers(6, 20), min_size=2, max_size=4), st.integers(2, 5), SEEDS)
def test_folds_validate_everything_once_and_evenly(counts: list[int], k: int, seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    pairs = folds(labels, np.arange(len(labels)), k, seed)
    assert len(pairs) == k
    assert sorted(np.concatenate([validation for _, validation in pairs])) == list(range(len(labels)))
    for _, validation in pairs:
        for label, count in enumerate(counts):
            assert abs((labels[validation] == label).sum() - count / k) < 1.5


def test_folds_of_lonely_groups_are_refused() -> None:
    with pytest.raises(DataError, match="each class has one group only"):
        folds(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 3, 0)
