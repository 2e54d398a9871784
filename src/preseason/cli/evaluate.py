"""`preseason evaluate MODEL DATA`."""

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, model_options, verb


@verb("evaluate")
@click.argument("model")
@click.argument("data")
@click.option("--text", metavar="COLUMN", help="Column of a table that holds the texts.")
@click.option("--label", metavar="COLUMN", help="Column of a table of texts that holds the labels.")
@model_options
def evaluate(
    *,
    model: str,
    data: str,
    text: str | None,
    label: str | None,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Score a model on labelled data that it has not seen.

    MODEL is a folder that `fit` wrote; DATA is labelled as for `fit`. For a model of actions with times the
    videos are searched as well and SoccerNet's average-mAP is told.
    """
    import preseason

    report = progress(quiet)
    loaded = preseason.load(model, progress=report, device=device, cache=cache)
    evaluation = loaded.evaluate(data, report, text=text, label=label)
    fields = shapes.of_evaluation(model, loaded.labels, evaluation)
    told = words.of_evaluation(evaluation, fields["classes"])
    if loaded.task == "actions":
        from preseason.matches.spotting import evaluate_spotting

        measured = evaluate_spotting(loaded, data, progress=report)
        fields |= {"spotting": measured}
        told = f"{told}\n{words.of_spotting(measured)}"
    return Outcome(fields, told)
