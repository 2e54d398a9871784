"""`preseason remove MODEL NAME`."""

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, model_options, verb


@verb("remove")
@click.argument("model")
@click.argument("name")
@click.option("-o", "--output", metavar="FOLDER", help="Write here and leave MODEL as it is.")
@model_options
def remove(
    *, model: str, name: str, output: str | None, device: str, cache: str | None, quiet: bool
) -> Outcome:
    """Remove a class from a model.

    Shows the recall of every class before and after.
    """
    import preseason

    loaded = preseason.load(model, progress=progress(quiet), device=device, cache=cache)
    smaller, update = loaded.remove(name)
    target = model if output is None else output
    smaller.save(target)
    return Outcome(
        shapes.of_update(target, smaller.labels, update), words.of_update("remove", target, update)
    )
