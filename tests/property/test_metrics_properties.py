import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from preseason.evaluation.calibration import fit_temperature
from preseason.evaluation.metrics import confusion, measure, per_class, reliability, risk_coverage, wilson
from preseason.inference.probabilities import softmax

Case = tuple[np.ndarray, np.ndarray]


@st.composite
def cases(draw: st.DrawFn, lowest: int = -1) -> Case:
    n, classes = draw(st.integers(0, 60)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=(n, classes)).round(draw(st.integers(0, 3))) * draw(
        st.sampled_from([0.1, 1, 30])
    )
    return softmax(logits.astype(np.float32)), rng.integers(lowest, classes, n)


@given(cases())
@settings(deadline=None)
def test_figures_are_finite_rates_whatever_the_answers(case: Case) -> None:
    figures = measure(*case)
    assert all(0 <= figure.value <= 1 for figure in figures.values())
    low, high = figures["accuracy"].interval
    assert low <= figures["accuracy"].value <= high


@given(cases(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_the_order_of_the_answers_does_not_matter(case: Case, seed: int) -> None:
    table, targets = case
    order = np.random.default_rng(seed).permutation(len(targets))
    first, second = measure(table, targets), measure(table[order], targets[order])
    assert list(first) == list(second)
    assert first["accuracy"] == second["accuracy"]
    assert np.allclose([f.value for f in first.values()], [f.value for f in second.values()], atol=1e-9)


@given(cases(lowest=0))
@settings(deadline=None)
def test_figures_agree_with_scikit_learn(case: Case) -> None:
    table, targets = case
    if len(targets) == 0:
        return
    said, metrics = table.argmax(axis=1), measure(table, targets)
    assert np.isclose(metrics["accuracy"].value, accuracy_score(targets, said))
    assert np.isclose(metrics["macro_f1"].value, f1_score(targets, said, average="macro", zero_division=0))


@given(cases())
@settings(deadline=None)
def test_parts_add_up_to_the_whole(case: Case) -> None:
    table, targets = case
    known = int((targets >= 0).sum())
    matrix = confusion(table, targets)
    assert matrix.sum() == known == sum(score.n for score in per_class(table, targets))
    assert sum(item.n for item in reliability(table, targets)) == len(targets)
    if len(targets):
        assert np.isclose(matrix.trace() / len(targets), measure(table, targets)["accuracy"].value)
        curve = risk_coverage(table, targets)
        assert np.isclose(1 - curve.risk[-1], measure(table, targets)["accuracy"].value, atol=1e-6)
        assert (np.diff(curve.coverage) > 0).all()


@given(st.integers(1, 10_000), st.data())
def test_the_interval_holds_the_rate_and_mirrors(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    low, high = wilson(right, n)
    assert 0 <= low <= right / n <= high <= 1
    assert np.allclose((1 - high, 1 - low), wilson(n - right, n))


@given(st.integers(0, 2**32 - 1), st.integers(0, 80), st.integers(1, 6), st.sampled_from([0.01, 1.0, 500.0]))
@settings(deadline=None, max_examples=40)
def test_any_logits_get_a_usable_temperature(seed: int, n: int, classes: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    logits = (rng.normal(size=(n, classes)) * scale).astype(np.float32)
    temperature = fit_temperature(logits, rng.integers(-1, classes, n))
    assert 0.01 <= temperature <= 100.01
    table = softmax(logits, temperature)
    assert np.isfinite(table).all()
    assert np.allclose(table.sum(axis=1), 1, atol=1e-5)
    # Nearly equal logits may become equal probabilities in float32: the likeliest stays among the best.
    assert np.allclose(table[np.arange(n), logits.argmax(axis=1)], table.max(axis=1, initial=0))
