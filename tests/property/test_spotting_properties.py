from dataclasses import asdict, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from preseason.data.actions import Action
from preseason.evaluation.spotting import DELTAS_S, Recording, average_map, average_precision, measure
from preseason.spotting.nms import suppress

LABELS = ("a", "b", "c")
RATE = 2.0
HORIZON_S = 300
# distinct cells of the grid, so that no action hides another
cells = st.lists(st.integers(0, int(HORIZON_S * RATE)), unique=True, max_size=15)


@st.composite
def recordings(draw: st.DrawFn) -> tuple[Recording, ...]:
    """One to three recordings with at least one labelled action."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        truth, found = [], []
        for label in LABELS:
            places = draw(cells) or ([7] if number == 0 and label == "a" else [])
            truth += [Action(cell / RATE, label, visible=draw(st.booleans())) for cell in places]
            found += [
                Action(cell / RATE, label, draw(st.sampled_from([0.0, 0.3, 0.5, 0.77, 1.0])))
                for cell in draw(cells)
            ]
        made.append(Recording(truth, found))
    return tuple(made)


def shuffled(recording: Recording, seed: int) -> Recording:
    random = np.random.default_rng(seed)
    sides = (recording.truth, recording.found)
    truth, found = ([side[i] for i in random.permutation(len(side))] for side in sides)
    return Recording(truth, found)


@given(recordings())
@settings(deadline=None, max_examples=25)
def test_perfect_answers_give_one(made: tuple[Recording, ...]) -> None:
    perfect = [Recording(r.truth, [replace(action, confidence=0.9) for action in r.truth]) for r in made]
    figures = measure(perfect)
    assert all(np.isclose(one.value, 1) for one in figures.average.values())
    assert all(np.isclose(value, 1) for value in figures.average["loose"].per_class.values())
    assert np.isclose(figures.plain.value, 1)


@given(recordings(), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_the_order_of_input_does_not_matter(made: tuple[Recording, ...], seed: int) -> None:
    mixed = [shuffled(recording, seed) for recording in reversed(made)]
    first, second = asdict(measure(made, LABELS)), asdict(measure(mixed, LABELS))
    assert first == second


@given(recordings())
@settings(deadline=None, max_examples=25)
def test_figures_are_rates_and_means_over_classes(made: tuple[Recording, ...]) -> None:
    figures = measure(made, LABELS)
    for one in figures.average.values():
        assert 0 <= one.value <= 1
        assert 0 <= one.visible <= 1
        assert 0 <= one.unshown <= 17 / 13
        assert np.isclose(one.value, np.mean(list(one.per_class.values())))
    assert 0 <= figures.plain.value <= 1


@given(recordings(), st.sampled_from(LABELS), st.floats(0, 1), st.floats(0.1, 5))
@settings(deadline=None, max_examples=50)
def test_a_false_alarm_never_raises_the_plain_figure(
    made: tuple[Recording, ...], label: str, confidence: float, tolerance_s: float
) -> None:
    alarm = Action(HORIZON_S + 100.0, label, confidence)
    louder = [replace(made[0], found=[*made[0].found, alarm]), *made[1:]]
    before = average_precision(made, LABELS, tolerance_s)
    after = average_precision(louder, LABELS, tolerance_s)
    assert after.value <= before.value + 1e-12


@given(recordings())
@settings(deadline=None, max_examples=25)
def test_a_straight_reading_of_the_definition_gives_the_same(made: tuple[Recording, ...]) -> None:
    for delta in (1.0, 5.0, 60.0):
        fast = average_map(made, LABELS, [delta])
        assert np.allclose(list(fast.per_class.values()), [slow(made, label, delta) for label in LABELS])
        assert delta in DELTAS_S["tight"] + DELTAS_S["loose"]


def slow(made: tuple[Recording, ...], label: str, delta_s: float) -> float:
    """Average precision by loops over actions, predictions, thresholds and recalls."""
    said: list[tuple[float, bool]] = []
    total = 0
    for recording in made:
        truth = sorted(int(RATE * a.time_s) for a in recording.truth if a.label == label)
        found = sorted((int(RATE * a.time_s), a.confidence) for a in recording.found if a.label == label)
        taken: set[int] = set()
        for cell in truth:
            near = [
                i
                for i, (at, _) in enumerate(found)
                if abs(at - cell) <= delta_s * RATE / 2 and i not in taken
            ]
            if near:
                taken.add(max(near, key=lambda i: (found[i][1], -i)))
        said += [(score, i in taken) for i, (_, score) in enumerate(found)]
        total += len(truth)
    points = []
    for threshold in np.linspace(0, 1, 200):
        kept = [right for score, right in said if score >= threshold]
        points.append((sum(kept) / total if total else 0.0, sum(kept) / len(kept) if kept else 0.0))
    best = [max((p for r, p in points if r >= level), default=0.0) for level in np.arange(11) / 10]
    return float(np.mean(best))


tables = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@given(tables, st.integers(0, 120), st.sampled_from([0.0, 0.5, 1.0, 3.7]), st.sampled_from([1.0, 4.0, 12.5]))
@settings(deadline=None, max_examples=40)
def test_hard_suppression_keeps_the_highest_and_none_beside_it(
    random: np.random.Generator, steps: int, window_s: float, rate: float
) -> None:
    scores = random.random((steps, 2)).round(1).astype(np.float32)
    found = suppress(scores, rate, ["a", "b"], window_s=window_s, threshold=0.25)
    for column, label in enumerate("ab"):
        mine = [action for action in found if action.label == label]
        above = scores[:, column] >= 0.25
        assert bool(mine) == bool(above.any())
        # refining moves a peak by half a step at most, so two may come one step nearer
        gaps = np.diff([action.time_s for action in mine])
        assert (gaps > window_s / 2 - 1 / rate - 1e-9).all()
        if mine:
            assert np.isclose(max(action.confidence for action in mine), scores[:, column].max())
        # every step above the threshold is a peak or lies beside one as high
        times = np.array([action.time_s for action in mine])
        sure = np.array([action.confidence for action in mine])
        for step in np.flatnonzero(above):
            near = np.abs(times - step / rate) <= max(window_s / 2, 0) + 0.5 / rate + 1e-9
            assert (sure[near] >= scores[step, column] - 1e-6).any()
