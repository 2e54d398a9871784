"""Several networks in one fit: which they are, what is tried on each, and what each brought."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

import numpy as np

from preseason.arrays.types import Ints
from preseason.data.audit import Audit
from preseason.engine.extract import Order
from preseason.errors import UsageError
from preseason.fitting.context import FitContext
from preseason.fitting.source_networks import AUTO, choose, names_of
from preseason.inference.candidates import Candidate
from preseason.inference.features import Features
from preseason.inference.predictor import FeatureExtractors
from preseason.recipe import Recipe
from preseason.runtime.progress import Progress
from preseason.tasks.base import Task
from preseason.tasks.companions import Companion, companions
from preseason.training.cross_validation import CrossValResult
from preseason.training.rounds import Trials
from preseason.training.selection import accuracy, select

PROBE = 32
"""Examples on which is tried whether a companion finds anything; what is computed stays in the bank."""


def joins(task: Task) -> bool:
    """Whether several networks serve a fit of the task together; elsewhere the best of them is taken."""
    return bool(getattr(task, "joins_networks", False))


def has_companions(task: Task) -> bool:
    """Whether some network may stand beside the first one of the task."""
    return any(task.name in companions.get(name).tasks for name in companions)


def first_of(names: Sequence[str]) -> str:
    """The network that the others stand beside: the first that is no companion, where there is one."""
    return next((name for name in names if name not in companions), names[0])


def joined(
    recipe: Recipe,
    task: Task,
    audit: Audit,
    progress: Progress,
    make: Callable[[str], FeatureExtractors],
    compares: bool = True,
) -> FeatureExtractors:
    """The networks that the user named, or the best of them where the task joins none, and companions.

    Where none is named, the usual one with those companions that find something.

    Args:
        make: loads a network by its name.
        compares: whether the best of several is found out, where the task joins none, or the first is taken.

    Raises:
        UsageError: only companions are named, one of other data, or one network's weights for several.
        PreseasonError: a network cannot be loaded.
    """
    names = names_of(recipe, task)
    _refuse_others(names, task)
    whole = [name for name in names if name not in companions]
    if not whole:
        raise UsageError(
            f"--backbone {recipe.backbone} says nothing of {task.noun} without "
            f"{companions.get(names[0]).thing}: name another network too, e.g. --backbone auto,{names[0]}."
        )
    if len(whole) > 1 and recipe.weights is not None:
        raise UsageError("--weights is of one network: name a single one with --backbone.")
    further = whole[1:] if joins(task) else []
    known = whole if compares and not joins(task) else whole[:1]
    first = choose(known, recipe, task, audit, progress, make)
    asked = [_companion(name, first) for name in names if name in companions]
    others = [*map(make, further), *asked, *_unasked(recipe, task, audit, progress, first)]
    return first.joined(others) if others else first


def _refuse_others(names: Sequence[str], task: Task) -> None:
    """Refuse companions of other data than the task's."""
    for name in names:
        if name in companions and task.name not in companions.get(name).tasks:
            served = " and ".join(companions.get(name).tasks)
            raise UsageError(f"--backbone {name} is for {served}, but these are {task.noun}.")


def _companion(name: str, first: FeatureExtractors) -> FeatureExtractors:
    companion = companions.get(name)
    source = companion.source()
    assert source.weights_id, "a companion that is not installed refuses here"
    shared = first.workers if first.workers is not None and first.workers.any_network else None
    return FeatureExtractors(source, companion.decoder(), first.cache, first.device, shared)


def _unasked(
    recipe: Recipe, task: Task, audit: Audit, progress: Progress, first: FeatureExtractors
) -> Iterator[FeatureExtractors]:
    """Companions that are installed and find something in enough of the examples."""
    if (recipe.backbone, recipe.head, recipe.unfreeze, recipe.name) != (AUTO, AUTO, AUTO, "default"):
        return
    for name in companions:
        companion = companions.get(name)
        if task.name in companion.tasks and companion.installed():
            extractors = _companion(name, first)
            share = _share(companion, extractors, audit, progress)
            if share >= companion.least:
                yield extractors
            else:
                progress.say(
                    f"{name}: {companion.thing} in {100 * share:.0f} % of some {task.noun}: not used."
                )


def _share(companion: Companion, extractors: FeatureExtractors, audit: Audit, progress: Progress) -> float:
    """In how many of a few examples, spread over all, the companion finds something, 0..1."""
    samples = audit.dataset.samples
    few = [samples[i] for i in np.unique(np.linspace(0, len(samples) - 1, PROBE).astype(int))]
    spec = companion.candidates()[0].spec
    found = extractors.extractor(spec).extract(
        [Order(sample) for sample in few], progress, f"checking for {companion.thing}"
    )
    rows = Features.of([found.rows]).rows(0)
    return float(companion.speaks(rows).mean()) if len(rows) else 0.0


def candidates_of(context: FitContext) -> tuple[Candidate, ...]:
    """What is tried: companions after the first way, those of further networks by turns with its own."""
    task, recipe, extractors = context.task, context.recipe, context.extractors
    own = task.candidates(recipe, extractors.backbone.loaded(), context.samples)
    beside: list[Candidate] = []
    further: list[Sequence[Candidate]] = []
    for name, each in extractors.others.items():
        if name in companions:
            beside += companions.get(name).candidates()
        else:
            tried = task.candidates(recipe, each.backbone.loaded(), context.samples)
            further.append([_on(name, candidate) for candidate in tried])
    turns = chain.from_iterable(zip_longest(own, *further))
    first, *rest = [candidate for candidate in turns if candidate is not None]
    return (first, *beside, *rest)


def _on(name: str, candidate: Candidate) -> Candidate:
    """The candidate on another network, under names of its own."""

    def renamed(way: str | None) -> str | None:
        return None if way is None else f"{way} on {name}"

    return replace(
        candidate,
        name=f"{candidate.name} on {name}",
        crops_from=renamed(candidate.crops_from),
        beside=renamed(candidate.beside),
        network=name,
    )


def seconds_each(context: FitContext) -> float:
    """What companions add to the time for an example."""
    names = (name for name in context.extractors.others if name in companions)
    return sum(companions.get(name).seconds_each for name in names)


@dataclass(frozen=True)
class Brought:
    """What a further network brought to a fit.

    Attributes:
        gain: accuracy in cross-validation with it less that without it; None where none of it is kept.
        found: share of the examples in which it found something to read; None for one that always does.
    """

    network: str
    gain: float | None
    found: float | None
    thing: str = ""

    def sentence(self, noun: str) -> str:
        """For the user."""
        points = "not used, it brought nothing" if self.gain is None else f"{100 * self.gain:+.1f} points"
        some = self.found is not None and self.found < 1
        seen = f"; {self.thing} found in {100 * (self.found or 0):.0f} % of {noun}" if some else ""
        return f"{self.network}: {points}{seen}"


def brought(context: FitContext, trials: Trials, targets: Ints, kept: Sequence[str]) -> tuple[Brought, ...]:
    """Of each further network what it brought, by cross-validation on the samples of `trials`."""
    found = []
    for name in context.extractors.others:
        fits = [fit for fit in trials.fits if fit.fitted.candidate.network == name]
        rest = [fit for fit in trials.fits if fit.fitted.candidate.network != name]
        used = any(fit.fitted.candidate.name in kept for fit in fits)
        gain = _accuracy(trials.fits, targets) - _accuracy(rest, targets) if used and rest else None
        share, thing = None, ""
        if name in companions and fits:
            companion = companions.get(name)
            rows = trials.features[fits[0].fitted.candidate.name].rows(0)
            share, thing = float(companion.speaks(rows).mean()), companion.thing
        found.append(Brought(name, gain, share, thing))
    return tuple(found)


def _accuracy(fits: Sequence[CrossValResult], targets: Ints) -> float:
    found = select(fits, targets)
    return accuracy(found.oof_proba, targets[found.oof_index])
