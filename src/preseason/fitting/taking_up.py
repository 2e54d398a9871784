"""A fit that was begun before, or that repeats a model: what the clock decided then is decided already."""

import shutil

from preseason.fitting.context import FitContext
from preseason.heads.decisions import all_decided, replay, spent_s


def take_up(context: FitContext) -> None:
    """Count the time that a stopped fit has taken, and take over the decisions of the model it repeats."""
    repeated = context.recipe.repeats
    if repeated is not None and repeated.fingerprint == context.run_id:
        _repeat(context, dict(repeated.decisions))
    elif repeated is not None and repeated.fingerprint:
        context.progress.say(
            "Data or settings are not those of the model that --config names: the clock decides anew "
            "how much fits into the budget."
        )
    context.watch.started -= spent_s(context.checkpoints)


def _repeat(context: FitContext, decisions: dict[str, object]) -> None:
    """Decisions of a fit that was stopped meanwhile and decided otherwise give way, with what followed."""
    found = all_decided(context.checkpoints)
    if any(found[name] != decisions.get(name) for name in found):
        shutil.rmtree(context.checkpoints, ignore_errors=True)
    replay(context.checkpoints, decisions)
    context.progress.say(
        "Ways and epochs are those of the model that --config names, whatever the clock says."
    )
