"""Metrics of spotting: cases small enough to be worked out by hand, in the comments."""

import pytest

from preseason.data.actions import Action
from preseason.errors import UsageError
from preseason.evaluation.spotting import (
    DELTAS_S,
    Recording,
    average_map,
    average_precision,
    by_half,
    measure,
)


def acts(label: str, *pairs: tuple[float, float]) -> list[Action]:
    """Predictions of one label: times and confidences."""
    return [Action(time_s, label, confidence) for time_s, confidence in pairs]


def at(label: str, *times: float, visible: bool = True) -> list[Action]:
    return [Action(time_s, label, visible=visible) for time_s in times]


def ap(truth: list[Action], found: list[Action], delta_s: float = 2.0, rate: float = 2.0) -> float:
    return average_map([Recording(truth, found)], deltas_s=[delta_s], rate=rate).value


def test_a_delta_is_the_full_width_of_the_window() -> None:
    # Delta 2 s at 2 cells a second: 2 cells on either side, so 1 s is inside and 1.5 s is not.
    assert ap(at("a", 10), acts("a", (11, 0.9))) == 1.0
    assert ap(at("a", 10), acts("a", (9, 0.9))) == 1.0
    assert ap(at("a", 10), acts("a", (11.5, 0.9))) == 0.0
    assert ap(at("a", 10), acts("b", (10, 0.9))) == 0.0


def test_times_are_cut_to_cells() -> None:
    # 10.4 s, 10.99 s and 11.49 s are cells 20, 21 and 22. Delta 1 s is one cell on either side.
    assert ap(at("a", 10.4), acts("a", (10.99, 0.9)), delta_s=1) == 1.0
    assert ap(at("a", 10.4), acts("a", (11.49, 0.9)), delta_s=1) == 0.0
    # At 25 cells a second 0.52 s is 13 cells; delta 1 s is 12.5 on either side.
    assert ap(at("a", 10.0), acts("a", (10.48, 0.9)), delta_s=1, rate=25) == 1.0
    assert ap(at("a", 10.0), acts("a", (10.52, 0.9)), delta_s=1, rate=25) == 0.0


def test_eleven_points() -> None:
    # Two actions, three predictions: right 0.9, wrong 0.6, right 0.3.
    # Precision and recall by threshold: up to 0.3: 2/3 and 1; up to 0.6: 1/2 and 1/2; up to 0.9: 1 and 1/2.
    # Best precision at recalls 0, 0.1, ... 0.5: 1 (six of them); at 0.6 ... 1: 2/3 (five).
    found = acts("a", (10, 0.9), (50, 0.6), (20, 0.3))
    assert ap(at("a", 10, 20), found) == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)


def test_labelled_actions_choose_in_order_of_time() -> None:
    # The action at 10 s takes the surer prediction at 11 s, though that at 10 s is nearer and that at 11 s is
    # the only one in reach of the action at 12 s; so one action is left without and one prediction is wrong.
    found = acts("a", (10, 0.5), (11, 0.9))
    # Thresholds up to 0.5: precision 1/2, recall 1/2; up to 0.9: precision 1, recall 1/2: six points of 1.
    assert ap(at("a", 10, 12), found) == pytest.approx(6 / 11)
    # Taken surest first and nearest, the plain measure gives 11 s to the action that is nearest to it, the
    # earlier of two as near, and 10 s to none: right, wrong; recall 1/2 at precision 1.
    assert average_precision([Recording(at("a", 10, 12), found)]).value == pytest.approx(1 / 2)


def test_equally_sure_predictions_go_by_time() -> None:
    # Both are in reach of the action at 10 s and as sure: it takes 9.5 s and leaves 10.5 s to that at 11 s.
    assert ap(at("a", 10, 11), acts("a", (9.5, 0.5), (10.5, 0.5))) == 1.0
    # The first action takes 10.5 s where it is surer; then 9.5 s is out of reach (1.5 s) of the second.
    # Thresholds up to 0.5: 1 of 2 right; up to 0.6: 1 of 1: six points of 1.
    assert ap(at("a", 10, 11), acts("a", (9.5, 0.5), (10.5, 0.6))) == pytest.approx(6 / 11)


def test_two_actions_in_one_cell_are_one_and_the_last_prediction_counts() -> None:
    # Cell 20 holds 10.0 and 10.4: one action; one of two predictions is left, the last, however sure.
    truth = at("a", 10.0, 10.4)
    assert ap(truth, acts("a", (10.0, 0.2))) == 1.0
    # 10.0 s with 0.9 is replaced by 10.4 s with 0.2; the wrong one of 0.5 comes before it.
    # Up to 0.2: precision 1/2, recall 1; up to 0.5: 0 and 0. So 1/2 at all eleven recalls.
    assert ap(truth, acts("a", (10.0, 0.9), (10.4, 0.2), (30, 0.5))) == pytest.approx(1 / 2)


def test_a_prediction_of_no_confidence_counts_as_said() -> None:
    # Threshold 0 keeps it: precision 1/2 and recall 1 there; at the next, 1/199, precision 1 and recall 1.
    assert ap(at("a", 10), acts("a", (10, 0.5), (50, 0.0))) == 1.0
    # The right one has none: only threshold 0 reaches recall 1, with precision 1/2.
    assert ap(at("a", 10), acts("a", (10, 0.0), (50, 0.5))) == pytest.approx(1 / 2)


def test_absent_classes_count_as_nought_for_soccernet_and_not_at_all_for_the_plain_measure() -> None:
    recording = Recording(at("a", 10), acts("a", (10, 0.9)) + acts("b", (20, 0.9)))
    assert average_map([recording], ["a", "b"], [1]).value == 0.5
    assert average_map([recording], ["a", "b"], [1]).per_class == {"a": 1.0, "b": 0.0}
    plain = average_precision([recording], ["a", "b"])
    assert (plain.value, plain.per_class, plain.counts) == (1.0, {"a": 1.0, "b": None}, {"a": 1, "b": 0})


def test_nothing_found_is_nought() -> None:
    figures = measure([Recording(at("a", 10), [])])
    assert {name: one.value for name, one in figures.average.items()} == dict.fromkeys(DELTAS_S, 0.0)
    assert figures.plain.value == 0.0


def test_no_class_is_an_error() -> None:
    for call in (average_map, average_precision, measure):
        with pytest.raises(UsageError, match="no action to look for"):
            call([Recording([], acts("a", (1, 0.5)))])  # type: ignore[operator]
    with pytest.raises(UsageError, match="needs a width of window"):
        average_map([Recording(at("a", 1), [])], deltas_s=[])


def test_the_average_over_deltas_is_that_of_trapezoids() -> None:
    # 1.3 s at 10 cells a second is 13 cells: inside from delta 2.6 on. Tight: 0 0 1 1 1, whose trapezoids are
    # 0, 0.5, 1, 1: mean 0.625, where the plain mean would be 0.6.
    recording = Recording(at("a", 10), acts("a", (11.3, 0.9)))
    figures = measure([recording], rate=10)
    assert [figures.average[f"at{delta}"].value for delta in range(1, 6)] == [0, 0, 1, 1, 1]
    assert figures.average["tight"].value == pytest.approx(0.625)
    assert figures.average["loose"].value == 1.0
    assert average_map([recording], deltas_s=DELTAS_S["tight"], rate=10) == figures.average["tight"]


def test_visible_and_unshown_actions() -> None:
    truth = at("a", 10) + at("a", 40, visible=False)
    found = acts("a", (10, 0.9), (20, 0.6), (40, 0.3), (30, 0.1))
    one = average_map([Recording(truth, found)], deltas_s=[2])
    # The border between the two is at 25 s. Visible: 0.9 right, 0.6 wrong: recall 1 at precision 1.
    assert one.visible == 1.0
    # Unshown: 0.3 right, 0.1 wrong: recall 1 at precision 1. One delta alone is not multiplied.
    assert one.unshown == 1.0
    several = average_map([Recording(truth, found)], deltas_s=[2, 4])
    assert (several.visible, several.unshown) == (1.0, pytest.approx(17 / 13))
    assert several.per_class_unshown == {"a": 1.0}


def test_the_border_between_two_kinds_belongs_to_the_later() -> None:
    # Cells 20 and 40 (10 s and 20 s): border at cell 30, 15 s. The wrong one there counts to the unshown.
    truth = at("a", 10) + at("a", 20, visible=False)
    found = acts("a", (15, 0.9), (10, 0.5), (20, 0.5))
    one = average_map([Recording(truth, found)], deltas_s=[2])
    # Visible: only 0.5, right. Unshown: 0.9 wrong, 0.5 right: precision 1/2 at recall 1.
    assert (one.visible, one.unshown) == (1.0, pytest.approx(1 / 2))


def test_predictions_where_the_class_does_not_occur_count_as_unshown() -> None:
    halves = [
        Recording(at("a", 10) + at("a", 40, visible=False), acts("a", (10, 0.5), (40, 0.5))),
        Recording([], acts("a", (5, 0.9))),
    ]
    one = average_map(halves, deltas_s=[2])
    # All: 0.9 wrong, then two of 0.5 right: precision 2/3 at recall 1. Unshown: 0.9 wrong, 0.5 right.
    assert (one.value, one.visible, one.unshown) == (
        pytest.approx(2 / 3),
        1.0,
        pytest.approx(1 / 2),
    )


def test_recordings_do_not_mix() -> None:
    halves = by_half(
        [Action(10, "a", half=1), Action(50, "a", half=2)],
        [Action(10, "a", 0.9, half=2), Action(50, "a", 0.9, half=2), Action(10, "a", 0.5)],
    )
    assert [(len(half.truth), len(half.found)) for half in halves] == [(1, 1), (1, 2)]
    # Up to 0.5: 2 of 3 right, recall 1; up to 0.9: 1 of 2, recall 1/2.
    assert average_map(halves, deltas_s=[2]).value == pytest.approx(2 / 3)
    # Surest first: of the two 0.9 one is right (1/2 at recall 1/2), then 0.5: 2/3 at recall 1.
    # Interpolated, the precision is 2/3 throughout.
    assert average_precision(halves).value == pytest.approx(2 / 3)


def test_times_past_the_end_fall_into_the_last_cell() -> None:
    recording = Recording(at("a", 7300), acts("a", (7500, 0.9)))
    assert average_map([recording], deltas_s=[5]).value == 0.0
    assert average_map([recording], deltas_s=[5], longest_s=7200).value == 1.0


def test_the_middle_of_an_action_with_an_end_is_compared() -> None:
    truth, found = [Action(10, "a", end_s=20)], acts("a", (15, 0.9))
    assert ap(truth, found, delta_s=1) == 1.0
    assert average_precision([Recording(truth, found)], tolerance_s=0.1).value == 1.0


def test_plain_average_precision_takes_every_recall() -> None:
    # Four actions; surest first: right, wrong, right, wrong, right.
    # Recall 1/4 at precision 1, 2/4 at 2/3, 3/4 at 3/5: area (1 + 2/3 + 3/5) / 4.
    found = acts("a", (10, 0.9), (99, 0.8), (20, 0.7), (98, 0.6), (30, 0.5))
    plain = average_precision([Recording(at("a", 10, 20, 30, 40), found)])
    assert plain.value == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)


def test_equally_sure_predictions_enter_together() -> None:
    # Both at 0.5, one right: precision 1/2 at recall 1, whichever is listed first.
    for found in (acts("a", (10, 0.5), (90, 0.5)), acts("a", (90, 0.5), (10, 0.5))):
        assert average_precision([Recording(at("a", 10), found)]).value == 1 / 2


def test_the_tolerance_of_the_plain_measure_is_on_either_side() -> None:
    recording = Recording(at("a", 10), acts("a", (10.3, 0.5)))
    assert average_precision([recording], tolerance_s=0.3).value == 1.0
    assert average_precision([recording], tolerance_s=0.29).value == 0.0


def test_a_second_answer_to_one_action_is_wrong() -> None:
    # 0.9 right, 0.8 wrong: the area is 1 up to recall 1; with a second action it ends at recall 1/2.
    found = acts("a", (10, 0.9), (10.1, 0.8))
    assert average_precision([Recording(at("a", 10), found)]).value == 1.0
    assert average_precision([Recording(at("a", 10, 90), found)]).value == 1 / 2
