"""`preseason scout DATA`: before any training, which network to take and what to expect."""

from typing import TYPE_CHECKING

import click

from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, column_options, model_options, naming_options, verb
from preseason.cli.words import table
from preseason.formatting import shell_word

if TYPE_CHECKING:
    from preseason.transferability.scout import Scouted

HEADER = ["network", "linear head", "95 % interval", "neighbours", "LogME", "H-score", "shift", "seconds"]


@verb("scout")
@click.argument("data")
@click.option("--backbone", multiple=True, metavar="NAME", help="A network to compare. Repeatable.")
@click.option("--budget", metavar="TIME", help="Seconds, or e.g. 2m.")
@column_options
@naming_options
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@model_options
def scout(
    *,
    data: str,
    backbone: tuple[str, ...],
    budget: str | None,
    text: str | None,
    label: str | None,
    path: str | None,
    rename: tuple[str, ...],
    seed: int,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Compare pretrained networks on your data before any training.

    Reports which network suits the data, whether transfer beats random weights, how far the data is from the
    network's pretraining data, and what more labels would bring. Features computed here are reused by `fit`.
    """
    import preseason
    from preseason.transferability import words

    report = preseason.scout(
        data,
        backbone,
        budget_s=budget,
        text=text,
        label=label,
        path=path,
        rename=rename,
        seed=seed,
        device=device,
        cache=cache,
        progress=progress(quiet),
    )
    lines = words.lines_of(report)
    rows = [_row(network) for network in report.networks]
    counted = f"Based on {report.looked_at} of {report.examples} {report.noun}."
    following = f"Next: preseason fit {shell_word(data)} --backbone {report.best.name}"
    fields = {
        "task": report.task,
        "examples": report.examples,
        "looked_at": report.looked_at,
        "counts": report.counts,
        "networks": report.networks,
        "baselines": {"scratch": report.scratch},
        "curve": report.curve,
        "recommendation": lines[0],
        "findings": lines[1:],
        "warnings": report.warnings,
        "seconds": report.seconds,
    }
    return Outcome(fields, "\n".join([table(HEADER, rows), counted, "", *lines, *report.warnings, following]))


def _row(network: "Scouted") -> list[str]:
    if network.linear is None:
        return [network.name, network.note, *[""] * (len(HEADER) - 2)]
    assert network.low is not None
    assert network.high is not None
    return [
        network.name,
        f"{100 * network.linear:.1f} %",
        f"{100 * network.low:.0f} to {100 * network.high:.0f}",
        f"{100 * (network.neighbours or 0):.1f} %",
        f"{network.logme:.3f}",
        f"{network.h_score:.2f}",
        "-" if network.shift is None else f"{network.shift:.2f}",
        f"{network.seconds:.0f}",
    ]
