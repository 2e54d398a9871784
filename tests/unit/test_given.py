"""Examples that a program hands over, one by one."""

from pathlib import Path

import pytest

import preseason
from preseason.data.dataset import File, Text
from preseason.data.given import LAYOUT, sources_of
from preseason.errors import UsageError
from preseason.recipe import Recipe
from preseason.tasks.reading import read_for, task_for


def test_strings_are_files_only_where_each_of_them_is_one(tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("goal", "utf-8")
    second.write_text("foul", "utf-8")
    assert sources_of([str(first), str(second)]) == (File(first), File(second))
    assert sources_of([str(first), "what a goal"]) == (Text(str(first)), Text("what a goal"))
    assert sources_of([tmp_path / "absent.txt"]) == (File(tmp_path / "absent.txt"),)
    assert sources_of(["x" * 5000, "a\0b"]) == (Text("x" * 5000), Text("a\0b"))


def test_what_is_no_path_and_no_text_is_refused() -> None:
    with pytest.raises(UsageError, match="a float"):
        sources_of(["a", 0.5])


def test_each_input_needs_a_label_and_a_group() -> None:
    with pytest.raises(UsageError, match="2 inputs and 1 labels"):
        preseason.dataset(["a", "b"], ["x"])
    with pytest.raises(UsageError, match="2 inputs and 3 groups"):
        preseason.dataset(["a", "b"], ["x", "y"], groups=[1, 2, 3])


def test_labels_groups_and_splits_stay_as_they_are_given() -> None:
    found = preseason.dataset(["goal", "foul"], ["A", "a "], groups=[1, 2], splits=["train", "test"])
    assert (found.layout, found.labels) == (LAYOUT, ("A", "a "))
    assert [(s.label, s.group, s.split) for s in found.samples] == [("A", "1", "train"), ("a ", "2", "test")]
    assert read_for(task_for(found), found).dataset.labels == ("A", "a ")


def test_the_kind_of_the_files_names_the_task(tmp_path: Path) -> None:
    from PIL import Image

    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        Image.new("RGB", (40, 40), (number, 0, 0)).save(path)
    assert task_for(preseason.dataset(paths, list("abab"))).name == "photos"
    assert task_for(preseason.dataset(["goal", "foul"], ["a", "b"])).name == "texts"


def test_a_column_or_a_layout_is_refused_where_there_is_no_table() -> None:
    with pytest.raises(UsageError, match="--label, --rename: the examples are given one by one"):
        preseason.fit(preseason.dataset(["a", "b"], ["x", "y"]), label="player", rename=("x=y",))
    with pytest.raises(UsageError, match="--layout"):
        preseason.fit(preseason.dataset(["a", "b"], ["x", "y"]), recipe=Recipe(layout="folders"))
