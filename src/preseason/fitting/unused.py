"""Settings that the user gave and that a fit of labelled examples would not use."""

from collections.abc import Sequence
from dataclasses import replace

from preseason.errors import UsageError
from preseason.fitting.context import FitContext
from preseason.recipe import noting, refuse_unread
from preseason.tasks.base import Task

ALWAYS = (
    *("backbone", "weights", "device", "cache", "cache_limit_gb", "budget_s", "seed", "folds", "group"),
    *("max_unknown_accepted", "rename", "task"),
)
"""Settings that count in every fit of labelled examples."""
COLUMNS_OF = {
    "texts": {"text", "label", "split"},
    "table": {"path", "label", "split"},
    "names": {"label"},
}
"""Settings that count where the examples were read from a table or by their names, by the layout."""
OPEN = {"name": "default", "head": "auto", "unfreeze": "auto"}
FEW = 50
"""Examples on which is tried what else could be asked for."""


def refuse_unused(context: FitContext) -> None:
    """No setting that the user gave is passed over in silence.

    Raises:
        UsageError: nothing in this fit reads one of them.
    """

    def counts_with(setting: str) -> Sequence[str]:
        found: list[dict[str, str]] = []
        for asked in _alternatives(context.task):
            other = replace(context, recipe=context.recipe.with_settings(**(OPEN | asked)))
            known = any(each.items() <= asked.items() for each in found)
            if not known and setting in _read(other, FEW):
                found.append(asked)
        shown = [" ".join(f"--{name} {value}" for name, value in asked.items()) for asked in found]
        return [each.replace("--unfreeze 1", "--unfreeze N") for each in shown]

    refuse_unread(context.recipe, used(context), f"a fit of {context.task.noun}", counts_with)


def _alternatives(task: Task) -> list[dict[str, str]]:
    """What else could be asked for, the simple ones first."""
    heads = [{"head": name} for name in task.heads]
    tuned = {"unfreeze": "1"}
    return [*heads, tuned, *(head | tuned for head in heads)]


def used(context: FitContext) -> set[str]:
    """The settings that this fit reads."""
    return _read(context, len(context.samples)) | set(ALWAYS)


def _read(context: FitContext, examples: int) -> set[str]:
    recipe, read = noting(context.recipe)
    noted = replace(context, recipe=recipe)
    backbone = context.extractors.backbone.loaded()
    try:
        candidates = context.task.candidates(recipe, backbone, context.samples[:examples])
    except UsageError:
        if examples == len(context.samples):
            raise
        return set()
    if backbone.preprocessing.frames:
        read.add("frames")
    if noted.refits or any(each.fold_models == 1 for each in candidates):
        read.add("refit")
    if context.audit.dataset.layout == context.recipe.layout:
        read.add("layout")
    return read | COLUMNS_OF.get(context.audit.dataset.layout, set())
