"""Registries: names to parts, filled by the files of a package."""

import pytest

from preseason.errors import UsageError
from preseason.heads.base import heads
from preseason.registry import Registry
from preseason.tasks.base import tasks


def test_names_come_sorted_and_give_what_was_added() -> None:
    letters = Registry[int]("letter")
    letters.add("b", 2)
    assert letters.add("a", 1) == 1
    assert list(letters) == ["a", "b"]
    assert letters.get("b") == 2
    assert "a" in letters
    assert 3 not in letters


def test_a_name_is_taken_once() -> None:
    letters = Registry[int]("letter")
    letters.add("a", 1)
    with pytest.raises(ValueError, match="letter 'a' is registered twice"):
        letters.add("a", 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("atention", "No head is called 'atention'. Did you mean 'attention'? Known: "),
        ("q", "No head is called 'q'. Known: "),
    ],
)
def test_an_unknown_name_suggests_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        heads.get(name)
    assert message in str(caught.value)


def test_the_files_of_a_package_register_themselves() -> None:
    assert {"attention", "linear", "mlp", "prototype", "tail"} <= set(heads)
    assert "photos" in tasks
    fresh = Registry[object]("head", "preseason.heads")
    assert list(fresh) == []
