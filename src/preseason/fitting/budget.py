"""How much time a fit has, and how it is shared out."""

from preseason.fitting.context import FitContext
from preseason.fitting.several_networks import seconds_each
from preseason.training.rounds import Clock

REFIT_SHARE = 0.45
"""Share of the time for fitting once more, on everything, after a held-out part has been tested."""


def budget_s(context: FitContext) -> float:
    """The seconds named, else those of the task or of a detector, with more where all is fitted twice."""
    extractors = context.extractors
    own = getattr(extractors.backbone, "seconds_each", {}).get(extractors.device, context.task.seconds_each)
    each = own + seconds_each(context)
    found = context.recipe.budget_for(len(context.samples), each)
    if context.recipe.budget_s is None and context.refits:
        found /= 1 - REFIT_SHARE
    return found


def clock_for(context: FitContext, candidates: int) -> Clock:
    """The clock of the first search; a single candidate runs however long it takes."""
    share = 1 - REFIT_SHARE if context.refits else 1.0
    return Clock(budget_s(context) * share, candidates > 1, context.watch)
