from dataclasses import replace
from pathlib import Path

import pytest

from preseason.data.actions import BACKGROUND, Action, LabelledVideo
from preseason.data.dataset import File, Sample
from preseason.data.windows import WindowPlan, fitting_length, windows
from preseason.errors import UsageError

MATCH = LabelledVideo(
    Path("cup/1_720p.mkv"),
    (Action(20.0, "goal"), Action(40.0, "foul"), Action(70.0, "goal")),
    half=1,
    group="cup",
    split="train",
    duration_s=100.0,
)
PLAN = WindowPlan(length_s=4.0, copies=3, tolerance_s=1.0, near_misses=2, quiet=3.0)


def centre(sample: Sample) -> float:
    assert sample.span is not None
    return (sample.span[0] + sample.span[1]) / 2


def distance(sample: Sample, video: LabelledVideo = MATCH) -> float:
    return min(abs(centre(sample) - action.moment_s) for action in video.actions)


def test_actions_near_misses_and_quiet_moments() -> None:
    found = windows([MATCH], PLAN)
    on = [sample for sample in found if sample.label != BACKGROUND]
    off = [sample for sample in found if sample.label == BACKGROUND]
    near = [sample for sample in off if distance(sample) < 3]
    quiet = [sample for sample in off if distance(sample) >= 3 - 1e-3]
    assert (len(on), len(near), len(quiet)) == (9, 6, 9)
    assert [centre(s) for s in on if abs(distance(s)) < 1e-9] == [20.0, 40.0, 70.0]
    assert all(distance(sample) <= 0.5 + 1e-3 for sample in on)
    assert all(1 - 1e-3 <= distance(sample) <= 2 + 1e-3 for sample in near)
    assert len({sample.span for sample in found}) == len(found)
    for sample in found:
        assert (sample.path, sample.group, sample.split) == (MATCH.path, "cup", "train")
        assert sample.span is not None
        assert 0 <= sample.span[0] < sample.span[1] <= 100
        assert sample.span[1] - sample.span[0] == pytest.approx(4.0)


def test_the_seed_alone_decides() -> None:
    assert windows([MATCH], PLAN, seed=3) == windows([MATCH], PLAN, seed=3)
    assert windows([MATCH], PLAN, seed=3) != windows([MATCH], PLAN, seed=4)


def test_windows_on_an_action_stay_when_others_come() -> None:
    more = replace(MATCH, actions=(*MATCH.actions, Action(55.0, "foul")))
    other = replace(MATCH, path=Path("cup/2_720p.mkv"))
    before = {sample for sample in windows([MATCH], PLAN) if sample.label != BACKGROUND}
    after = {s for s in windows([more, other], PLAN) if s.label != BACKGROUND and s.path == MATCH.path}
    assert before < after
    assert len(after) == len(before) + 3


def test_windows_at_the_ends_are_moved_inwards() -> None:
    video = LabelledVideo(Path("a.mp4"), (Action(0.5, "goal"), Action(9.9, "goal")), duration_s=10.0)
    spans = {s.span for s in windows([video], replace(PLAN, copies=1, quiet=0, near_misses=0))}
    assert spans == {(0.0, 4.0), (6.0, 10.0)}


def test_a_video_shorter_than_a_window_is_one_window() -> None:
    video = LabelledVideo(Path("a.mp4"), (Action(0.5, "goal"),), duration_s=1.0)
    assert windows([video], PLAN) == (Sample(File(video.path), "goal", "a.mp4", (0.0, 1.0)),)


def test_where_the_length_is_unknown_the_last_action_ends_it() -> None:
    video = replace(MATCH, duration_s=None)
    ends = [sample.span[1] for sample in windows([video], PLAN) if sample.span]
    assert max(ends) == 72.0


def test_near_misses_keep_away_from_every_action() -> None:
    actions = (Action(20.0, "pass"), Action(21.5, "shot"), Action(23.0, "pass"))
    video = replace(MATCH, actions=actions)
    plan = replace(PLAN, near_misses=20, quiet=0, copies=1)
    off = [sample for sample in windows([video], plan) if sample.label == BACKGROUND]
    assert len(off) > 20
    assert min(distance(sample, video) for sample in off) >= 1 - 1e-3


def test_no_room_gives_no_background() -> None:
    crowded = replace(MATCH, actions=tuple(Action(float(at), "pass") for at in range(101)))
    assert {sample.label for sample in windows([crowded], PLAN)} == {"pass"}


def test_a_half_without_actions_gives_quiet_moments() -> None:
    found = windows([replace(MATCH, actions=())], PLAN)
    assert [sample.label for sample in found] == [BACKGROUND] * 3


def test_unshown_actions_are_neither_learnt_nor_background() -> None:
    hidden = replace(MATCH, actions=tuple(replace(a, visible=False) for a in MATCH.actions))
    found = windows([hidden], replace(PLAN, quiet=50))
    assert {sample.label for sample in found} == {BACKGROUND}
    assert min(distance(sample) for sample in found) >= 3 - 1e-3
    learnt = windows([hidden], replace(PLAN, unshown=True))
    assert {sample.label for sample in learnt} == {BACKGROUND, "foul", "goal"}


@pytest.mark.parametrize(
    ("actions", "length_s"),
    [
        ((Action(0, "a", end_s=1.0), Action(50, "a", end_s=51.0)), 1.5),
        ((Action(0, "a"), Action(2, "a"), Action(5, "b")), 2.5),
        ((Action(0, "a"), Action(60, "a")), 4.0),
        ((Action(0, "a"), Action(0.1, "a")), 0.5),
        ((Action(9, "a"),), 4.0),
        ((), 4.0),
    ],
)
def test_a_length_that_suits_the_actions(actions: tuple[Action, ...], length_s: float) -> None:
    video = replace(MATCH, actions=actions)
    assert fitting_length([video]) == length_s
    spans = [sample.span for sample in windows([video]) if sample.span]
    assert all(end - begin == pytest.approx(length_s) for begin, end in spans)


def test_background_is_no_label_of_an_action() -> None:
    with pytest.raises(UsageError, match="has actions labelled 'background'"):
        windows([replace(MATCH, actions=(Action(5.0, "Background"),))])


def test_a_plan_that_cannot_be() -> None:
    with pytest.raises(
        UsageError, match=r"length_s=0: expected 0\.001 or more; copies=0: expected 1 or more"
    ):
        WindowPlan(length_s=0, copies=0)
    with pytest.raises(UsageError, match="quiet=nan"):
        WindowPlan(quiet=float("nan"))
