import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preseason.data import soccernet
from preseason.data.action_files import write
from preseason.data.actions import BACKGROUND, Action, LabelledVideo
from preseason.data.clock import clock, full_clock, seconds_from
from preseason.data.files import label_from
from preseason.data.label_cells import EMPTY
from preseason.data.labelled_videos import holds_actions, read
from preseason.data.windows import WindowPlan, windows
from preseason.errors import DataError

milliseconds = st.integers(0, 4 * 3600 * 1000)
letters = st.characters(exclude_categories=("Cs", "Cc"))
labels = (
    st.text(letters, min_size=1, max_size=12)
    .map(lambda text: " ".join(label_from(text).split()))
    .filter(lambda text: text.lower() not in EMPTY and text.casefold() != BACKGROUND)
)
"""Any name but those that tables have for no value, see `test_cells_that_stand_for_nothing_are_named`."""
actions = st.builds(
    lambda at, label, sure: Action(at / 1000, label, sure / 1000),
    milliseconds,
    labels,
    st.integers(0, 1000),
)


def in_order(found: list[Action]) -> tuple[Action, ...]:
    unique = {(action.time_s, action.label): action for action in found}
    return tuple(unique[key] for key in sorted(unique))


@given(milliseconds)
def test_a_time_on_the_clock_is_read_back(at: int) -> None:
    assert round(seconds_from(clock(at / 1000, 3)) * 1000) == at
    assert round(seconds_from(full_clock(at / 1000)) * 1000) == at
    assert round(seconds_from(f"{at / 1000:.3f}".replace(".", ",")) * 1000) == at


@given(st.lists(actions, min_size=1, max_size=8), st.sampled_from([".csv", ".jsonl"]))
@settings(deadline=None, max_examples=60)
def test_tables_come_back(found: list[Action], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder, "m.mp4")
        video.write_bytes(b"\x00\x00\x00\x18ftypisom")
        expected = in_order(found)
        write(Path(folder, f"a{suffix}"), [LabelledVideo(video, expected)])
        assert holds_actions(Path(folder, f"a{suffix}"))
        back = read(Path(folder, f"a{suffix}"), lambda path: None)
    assert back.videos[0].actions == expected
    assert back.skipped == ()


@pytest.mark.parametrize("cell", sorted(EMPTY - {""}))
def test_cells_that_stand_for_nothing_are_named(cell: str, tmp_path: Path) -> None:
    (tmp_path / "m.mp4").write_bytes(b"\x00\x00\x00\x18ftypisom")
    found = (Action(1.0, "goal", 1.0), Action(2.0, cell.upper(), 1.0))
    write(tmp_path / "a.csv", [LabelledVideo(tmp_path / "m.mp4", found)])
    back = read(tmp_path / "a.csv", lambda path: None)
    assert [action.label for action in back.videos[0].actions] == ["goal"]
    assert [each.reason for each in back.skipped] == ["row 3 of a.csv: no label"]


@given(st.lists(actions, max_size=8))
@settings(deadline=None, max_examples=60)
def test_results_come_back(found: list[Action]) -> None:
    expected = in_order(found)
    with tempfile.TemporaryDirectory() as folder:
        videos = [LabelledVideo(Path(folder, "m.mp4"), expected)]
        write(Path(folder, "a.json"), videos)
        results = soccernet.read_results(Path(folder, "a.json"))
    assert results == tuple(replace(action, half=1) for action in expected)


cells = st.sampled_from(
    ["", "m.mp4", "gone.mp4", "5", "1:30", "-2", "1e9", "nan", "goal", "Background", "x", "2", '"', "train"]
)
names = st.sampled_from(["video", "path", "time", "start", "end", "label", "half", "position", "part", "x"])


@given(st.lists(names, min_size=1, max_size=6), st.lists(st.lists(cells, max_size=7), max_size=6))
@settings(deadline=None, max_examples=100)
def test_whatever_a_table_holds_is_read_or_named(header: list[str], rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "m.mp4").write_bytes(b"\x00\x00\x00\x18ftypisom")
        table = Path(folder, "t.csv")
        table.write_text("\n".join(",".join(row) for row in [header, *rows]))
        assert holds_actions(table) in (True, False)
        try:
            found = read(table, lambda path: None, duration=lambda path: 3600.0)
        except DataError:
            return  # nothing usable in it; any other error fails the test
    for video in found.videos:
        assert video.path == Path(folder, "m.mp4")
        assert all(0 <= action.time_s <= 3601 for action in video.actions)
        assert list(video.actions) == sorted(video.actions, key=lambda action: (action.time_s, action.label))


@given(
    st.lists(st.integers(0, 100_000), max_size=12),
    st.floats(0.1, 30),
    st.floats(0.05, 5),
    st.integers(0, 2**16),
    st.booleans(),
)
@settings(deadline=None, max_examples=80)
def test_windows_lie_inside_and_background_keeps_away(
    at: list[int], length_s: float, tolerance_s: float, seed: int, measured: bool
) -> None:
    moments = sorted(place / 1000 for place in at)
    kinds = tuple(Action(time_s, "ab"[place % 2]) for place, time_s in enumerate(moments))
    video = LabelledVideo(Path("m.mp4"), kinds, group="cup", duration_s=101.0 if measured else None)
    spec = WindowPlan(length_s=length_s, tolerance_s=tolerance_s, near_misses=2, quiet=1.5)
    end_s = 101.0 if measured else max(moments, default=0.0) + length_s / 2
    found = windows([video], spec, seed)
    for sample in found:
        assert sample.span is not None
        begin, end = sample.span
        assert -1e-9 <= begin <= end <= end_s + 0.002
        assert abs((end - begin) - min(length_s, end_s)) < 0.002
        middle = (begin + end) / 2
        if sample.label == BACKGROUND:
            assert all(abs(middle - moment) >= tolerance_s - 0.002 for moment in moments)
    on = [sample for sample in found if sample.label != BACKGROUND]
    assert {sample.label for sample in on} == {action.label for action in kinds}
    assert all(sample.group == "cup" for sample in found)
