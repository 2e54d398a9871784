"""What a fit tells the user before it begins."""

from collections import Counter

from preseason.data.dataset import list_skipped
from preseason.fitting.budget import budget_s
from preseason.fitting.context import FitContext

MAX_LABELS = 8


def announce(context: FitContext) -> None:
    """What was found, what was left out, and what will be tried."""
    say, dataset = context.progress.say, context.audit.dataset
    counts = Counter(label for sample in dataset.samples for label in sample.classes)
    listed = ", ".join(f"{label} {counts[label]}" for label in dataset.labels[:MAX_LABELS])
    rest = len(dataset.labels) - MAX_LABELS
    more = f" and {rest} more" if rest > 0 else ""
    noun = context.task.noun
    say(f"Found {len(dataset.samples)} {noun} of {len(dataset.labels)} classes: {listed}{more}.")
    account = context.audit.account
    # Where there are neither parts nor litter the sentence would say the same again.
    for note in (*([account.sentence] if account.splits or account.ignored else []), *dataset.notes):
        say(note)
    for line in list_skipped(dataset.skipped):
        say(line)
    clusters = len(context.audit.clusters)
    if clusters:
        sets = "1 set" if clusters == 1 else f"{clusters} sets"
        say(f"{sets} of duplicates or near-duplicates: each is kept in one fold.")
    say(plan_of(context))


def plan_of(context: FitContext) -> str:
    """What will be tried, in one line."""
    recipe, backbone = context.recipe, context.extractors.backbone.loaded()
    if recipe.head == "auto" and recipe.unfreeze == "auto" and recipe.name == "default":
        described = context.task.describe(recipe, backbone)
        beside = ", ".join(context.extractors.others)
        also = f" Read beside the first network: {beside}." if beside else ""
        return f"Plan, within {budget_s(context):.0f} s: {described}.{also}"
    asked = f"head {recipe.head}, unfreeze {recipe.unfreeze}"
    return f"Plan: {recipe.name} recipe, {backbone.name}, {asked}."
