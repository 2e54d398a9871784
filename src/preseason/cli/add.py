"""`preseason add MODEL NAME PATHS...`."""

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, model_options, verb


@verb("add")
@click.argument("model")
@click.argument("name")
@click.argument("paths", nargs=-1, required=True)
@click.option("-o", "--output", metavar="FOLDER", help="Write here and leave MODEL as it is.")
@model_options
def add(
    *,
    model: str,
    name: str,
    paths: tuple[str, ...],
    output: str | None,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Add a class to a model from a few examples, without fitting again.

    Shows the recall of every class before and after.
    """
    import preseason

    report = progress(quiet)
    loaded = preseason.load(model, progress=report, device=device, cache=cache)
    larger, update = loaded.add(name, *paths)
    target = model if output is None else output
    larger.save(target)
    return Outcome(shapes.of_update(target, larger.labels, update), words.of_update("add", target, update))
