"""`preseason evaluate MODEL DATA`."""

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, model_options, verb


@verb("evaluate")
@click.argument("model")
@click.argument("data")
@model_options
def evaluate(model: str, data: str, device: str, cache: str | None, quiet: bool) -> Outcome:
    """Score a model on labelled data that it has not seen.

    MODEL is a folder that `fit` wrote; DATA is labelled as for `fit`.
    """
    import preseason

    report = progress(quiet)
    loaded = preseason.load(model, progress=report, device=device, cache=cache)
    evaluation = loaded.evaluate(data, progress=report)
    fields = shapes.of_evaluation(model, loaded.labels, evaluation)
    return Outcome(fields, words.of_evaluation(evaluation, fields["classes"]))
