"""`preseason compare A B DATA`."""

from typing import TYPE_CHECKING

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, column_options, model_options, naming_options, verb

if TYPE_CHECKING:
    from preseason.analysis.compare import Comparison
    from preseason.results import Figure

SHOWN = 8


@verb("compare")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.argument("data")
@column_options
@naming_options
@model_options
def compare(
    *,
    first: str,
    second: str,
    data: str,
    text: str | None,
    label: str | None,
    path: str | None,
    rename: tuple[str, ...],
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Test whether model B is better than model A, or whether the difference may be chance.

    DATA is labelled as for `fit`, and neither model should have seen it. Both predict the same examples; the
    confidence interval is for the paired difference.
    """
    import preseason
    from preseason.models.loading import classifier

    report = progress(quiet)
    models = [
        classifier(preseason.load(each, progress=report, device=device, cache=cache), "compare")
        for each in (first, second)
    ]
    found = preseason.compare(
        models[0],
        models[1],
        data,
        text=text,
        label=label,
        path=path,
        rename=rename,
        names=(first, second),
        progress=report,
    )
    fields = {
        "models": [first, second],
        "metrics": [shapes.metrics_of(models[0].problem.name, each) for each in (found.first, found.second)],
        "difference": found.difference,
        "sure": found.difference.sure,
        "verdict": found.verdict,
        "needed": found.needed,
        "changed": found.changed,
        "learnt": found.learnt,
        "skipped": found.skipped,
        "warnings": found.warnings,
    }
    return Outcome(fields, _text((first, second), found))


def _text(names: tuple[str, str], found: "Comparison") -> str:
    rows = [_row(name, each) for name, each in zip(names, (found.first, found.second), strict=True)]
    changed = [
        [words.short(each.input), each.truth, each.first, each.second] for each in found.changed[:SHOWN]
    ]
    difference = found.difference
    counts = (
        f"Both are right on {difference.both}, neither on {difference.neither}; only {names[0]} on "
        f"{difference.only_first}, only {names[1]} on {difference.only_second}."
    )
    listed = ["", words.table(["input", "label", names[0], names[1]], changed)] if changed else []
    more = len(found.changed) - SHOWN
    lines = [
        words.table(["model", "accuracy", "95 % CI", "of"], rows),
        counts,
        *listed,
        *([f"... and {more} more; see --json."] if more > 0 else []),
        *words.of_skipped(found.skipped),
        *[f"Warning: {warning}" for warning in found.warnings],
        "",
        found.verdict,
    ]
    return "\n".join(lines)


def _row(name: str, metrics: "dict[str, Figure]") -> list[str]:
    from preseason.results import score_of

    score = score_of(metrics)
    low, high = score.interval
    interval = f"{100 * low:.0f} to {100 * high:.0f} %"
    return [name, words.percent(score.value), interval, str(score.n)]
