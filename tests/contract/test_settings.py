"""A setting that the user gave changes the fit or is refused: every setting, every task, every head."""

import inspect
import re
from collections.abc import Callable
from dataclasses import Field, replace
from pathlib import Path
from typing import Any

import pytest

from contract.test_tasks import MAKERS, networks
from preseason.backbones.base import Backbone
from preseason.errors import UsageError
from preseason.fitting import chat, fit, pipeline
from preseason.fitting.context import FitContext, WarningLog
from preseason.fitting.unused import ALWAYS, refuse_unused, used
from preseason.inference.predictor import FeatureExtractors
from preseason.language import hosted_fit, split, training_setup, tuning
from preseason.language import pipeline as language_pipeline
from preseason.language.samples import Corpus
from preseason.recipe import Recipe, noting, recipe_from, setting_fields
from preseason.runtime.progress import Silent, Stopwatch
from preseason.tasks.base import Task, tasks
from preseason.tasks.reading import read

BASES: tuple[dict[str, str], ...] = ({}, {"unfreeze": "0"}, {"unfreeze": "1"}, {"name": "frozen-dense"})
WORDS = {"unfreeze": "2", "max_unknown_accepted": "1/50"}
"""Values of settings whose text must have a form of its own; of other texts any word is one."""


def value_of(item: "Field[Any]") -> Any:
    """Another value than the usual one."""
    if item.metadata["choices"]:
        return item.metadata["choices"][-1]
    if item.type is bool:
        return not item.default
    least = item.metadata["minimum"]
    if least is not None:
        return max(0.25, 3 * least) if "float" in str(item.type) else max(3, int(least) + 1)
    return WORDS.get(item.name, "word")


@pytest.fixture(params=list(tasks))
def task(request: pytest.FixtureRequest) -> Task:
    return tasks.get(str(request.param))


@pytest.fixture
def context_of(task: Task, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., FitContext]:
    texts = task.name == "texts"
    backbone: Backbone = request.getfixturevalue("encoder") if texts else networks("test_efficientnet")
    (tmp_path / "data").mkdir()
    for folder in ("data",) if task.name in ("actions", "texts") else ("data/a", "data/b"):
        MAKERS[task.name](tmp_path / folder)
    audit = read(tmp_path / "data", Silent())
    extractors = FeatureExtractors(backbone, task.decoder(backbone), tmp_path / "cache", "cpu")

    def context(**given: Any) -> FitContext:
        recipe = recipe_from(None, None, given)
        return FitContext(recipe, task, audit, extractors, Silent(), Stopwatch(), WarningLog())

    return context


def asked_of(context: FitContext) -> tuple[Any, ...]:
    """What a fit would do: what it tries, and what it holds out."""
    candidates = context.task.candidates(
        context.recipe, context.extractors.backbone.loaded(), context.samples
    )
    once = any(candidate.fold_models == 1 for candidate in candidates)
    return repr(candidates), context.test_fraction, context.refits, once and context.recipe.refit


@pytest.mark.parametrize("item", setting_fields(), ids=lambda item: item.name)
def test_a_setting_changes_the_fit_or_is_refused(
    task: Task, context_of: Callable[..., FitContext], item: "Field[Any]"
) -> None:
    value = task.heads[-1] if item.name == "head" and task.heads else value_of(item)
    for base in (*BASES, *({"head": head} for head in task.heads)):
        if item.name in base:
            continue
        try:
            before = asked_of(context_of(**base))
        except UsageError:
            continue  # not for this task
        given = context_of(**base, **{item.name: value})
        try:
            refuse_unused(given)
        except UsageError:
            continue
        assert item.name in ALWAYS or asked_of(given) != before, (base, item.name, value)


def test_epochs_say_where_they_would_count(context_of: Callable[..., FitContext], task: Task) -> None:
    if not task.heads:
        pytest.skip("epochs count in every fit of it")
    head = "statistics" if task.name in ("clips", "actions") else "linear"
    with pytest.raises(
        UsageError, match=r"--epochs 5 has no effect in this fit: it counts with .*--unfreeze N"
    ):
        refuse_unused(context_of(head=head, epochs=5))


def test_what_belongs_to_another_kind_of_fit_is_refused_with_what_it_is(
    context_of: Callable[..., FitContext], task: Task
) -> None:
    message = rf"--merge has no effect in a fit of {task.noun} \(Save a chat model in full"
    with pytest.raises(UsageError, match=message):
        refuse_unused(context_of(merge=True))


def test_nothing_is_refused_that_was_not_given(context_of: Callable[..., FitContext]) -> None:
    context = context_of()
    refuse_unused(context)
    refuse_unused(replace(context, recipe=replace(context.recipe, epochs=5)))
    assert set(ALWAYS) <= used(context)


def test_what_counts_always_is_read_by_a_fit(tmp_path: Path, encoder_folder: Path) -> None:
    table = tmp_path / "texts.csv"
    lines = [f"{word} goal number {i},{word}" for i in range(12) for word in ("great", "awful")]
    table.write_text("text,label\n" + "\n".join(lines), "utf-8")
    recipe, seen = noting(
        Recipe(backbone=str(encoder_folder), head="tfidf", cache=str(tmp_path / "cache"), budget_s=1)
    )
    pipeline.run(table, None, recipe, Silent())
    assert set(ALWAYS) <= seen


@pytest.mark.parametrize("item", setting_fields(), ids=lambda item: item.name)
@pytest.mark.parametrize(
    ("counting", "parts"),
    [
        (language_pipeline.USED, (language_pipeline, fit, chat, training_setup, tuning)),
        (hosted_fit.USED, (hosted_fit, fit, chat)),
    ],
    ids=["language model", "service"],
)
def test_a_language_model_reads_a_setting_or_refuses_it(
    item: "Field[Any]", counting: tuple[str, ...], parts: tuple[Any, ...]
) -> None:
    corpus = Corpus(())
    recipe = recipe_from(None, None, {item.name: value_of(item)})
    if item.name in counting:
        split.fraction_of(recipe, corpus, counting)
        assert any(re.search(rf"recipe\.{item.name}\b", inspect.getsource(part)) for part in parts)
    elif item.name == "test_fraction":
        assert split.fraction_of(recipe, corpus, counting) == value_of(item)
    else:
        with pytest.raises(UsageError, match="has no effect in a fit of a language model"):
            split.fraction_of(recipe, corpus, counting)
