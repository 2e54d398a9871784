"""Recipes: one frozen set of settings, all faults told together."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from preseason.errors import UsageError
from preseason.recipe import (
    TEXTBOOK,
    Recipe,
    Unfreeze,
    parse_seconds,
    read_recipe,
    recipe_from,
    setting_fields,
)
from preseason.tasks.base import tasks


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("2m", 120), (" 1.5 h ", 5400), (".5", 0.5), (7, 7), (2.5, 2.5)],
)
def test_lengths_of_time(text: str | float, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-3", "2 days", "1m30s", "m", "nan", "1e3"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a length of time\. Write seconds \(90\) or 90s, 2m, 1h"):
        parse_seconds(text)


def test_all_faults_are_told_together_with_the_nearest_choice() -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(device="cudda", seed=-1, views=0, unfreeze="some", test_fraction=0.95)
    message = str(caught.value)
    for part in ("did you mean 'cuda'?", "seed=-1", "views=0", "unfreeze='some'", "test_fraction=0.95"):
        assert part in message


@pytest.mark.parametrize(("text", "cut"), [("auto", None), ("all", 0), ("0", 5), ("2", 3), ("5", 0)])
def test_what_is_unfrozen_is_a_cut(text: str, cut: int | None) -> None:
    assert Unfreeze.parse(text).cut(5) == cut


def test_more_blocks_than_there_are_cannot_be_unfrozen() -> None:
    with pytest.raises(UsageError, match=r"--unfreeze 6: the network has 5 blocks\. Choose at most"):
        Unfreeze.parse("6").cut(5)


@pytest.mark.parametrize("value", ["3", True, [1]])
def test_a_number_must_be_a_number(value: object) -> None:
    with pytest.raises(UsageError, match="epochs="):
        Recipe(epochs=value)  # type: ignore[arg-type]


def test_none_leaves_a_setting_as_it_is_and_zero_does_not() -> None:
    recipe = Recipe(test_fraction=0.3).with_settings(seed=None, test_fraction=0.0, unfreeze=0, budget_s="2m")
    assert (recipe.seed, recipe.test_fraction, recipe.unfreeze, recipe.budget_s) == (0, 0.0, "0", 120)


def test_unknown_settings_are_all_named() -> None:
    with pytest.raises(UsageError, match=r"'hed', did you mean 'head'\?; no setting is called 'zzz'"):
        Recipe().with_settings(hed="linear", zzz=1)


def test_a_recipe_is_frozen_and_plain() -> None:
    recipe = Recipe()
    with pytest.raises(FrozenInstanceError):
        recipe.seed = 3  # type: ignore[misc]
    assert Recipe(**recipe.as_dict()) == recipe
    assert all(item.metadata["help"].endswith(".") for item in setting_fields())


def test_a_recipe_file_is_read_and_its_faults_are_named(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('head = "mlp"\nseed = 3\n', "utf-8")
    assert read_recipe(file) == {"head": "mlp", "seed": 3}
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"a\.toml is not a TOML file"):
        read_recipe(file)
    with pytest.raises(UsageError, match="There is no recipe file"):
        read_recipe(tmp_path / "b.toml")


def test_a_file_in_the_words_of_the_flags_is_read_by_python_too(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('budget = "20s"\nrecipe = "frozen-dense"\nimage-size = 320\n', "utf-8")
    recipe = recipe_from(None, file, {"budget": "3m"})
    assert (recipe.budget_s, recipe.name, recipe.head, recipe.image_size) == (180, "frozen-dense", "mlp", 320)
    with pytest.raises(UsageError, match="budget_s is given twice, once as 'budget'"):
        recipe_from(None, None, {"budget_s": 20, "budget": 30})


@pytest.mark.parametrize("head", sorted({head for name in tasks for head in tasks.get(name).heads}))
def test_every_head_of_a_task_may_be_named(head: str) -> None:
    assert recipe_from(None, None, {"head": head}).head == head


@pytest.mark.parametrize("name", sorted(TEXTBOOK))
def test_named_recipes_set_what_the_user_leaves_open(name: str) -> None:
    plain = recipe_from(None, None, {"name": name})
    for key, value in TEXTBOOK[name].items():
        assert getattr(plain, key) == value
    mine = recipe_from(None, None, {"name": name, "backbone": "vgg16", "learning_rate": 0.5})
    assert (mine.name, mine.backbone, mine.learning_rate) == (name, "vgg16", 0.5)


def test_keywords_overrule_the_file_and_the_file_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('name = "frozen-dense"\nseed = 3\nepochs = 2\n', "utf-8")
    recipe = recipe_from(Recipe(seed=1, views=9), file, {"epochs": 7})
    assert (recipe.backbone, recipe.seed, recipe.epochs, recipe.views) == ("resnet50", 3, 7, 9)


def test_what_the_user_gave_is_known_and_is_no_part_of_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('recipe = "frozen-dense"\nstrangers = "2%"\n', "utf-8")
    recipe = recipe_from(Recipe(views=9), file, {"seed": 0, "head": None})
    assert recipe.given == {"name", "max_unknown_accepted", "views", "seed"}
    assert recipe == Recipe(**recipe.as_dict())


def test_a_recipe_that_was_put_together_stays_as_it_is() -> None:
    first = recipe_from(None, None, {"name": "frozen-dense", "backbone": "vgg16"})
    again = recipe_from(first, None, {})
    assert (again, again.given) == (first, {"name", "backbone"})
    assert recipe_from(Recipe(name="frozen-dense"), None, {}).head == "mlp"
