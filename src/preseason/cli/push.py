"""`preseason push MODEL USER/NAME`."""

from pathlib import Path

import click

from preseason.cli.verbs import Outcome, verb


@verb("push")
@click.argument("model")
@click.argument("repository", metavar="USER/NAME")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option(
    "--with-report",
    is_flag=True,
    help="Push the report too; it shows pictures and names of training examples.",
)
def push(*, model: str, repository: str, private: bool, with_report: bool, quiet: bool) -> Outcome:
    """Put a model on the Hugging Face hub.

    The model folder goes there with its card. Elsewhere `hf://USER/NAME` names it wherever a command takes a
    model. What is computed of the training examples (feature vectors, file names) goes along, the examples do
    not.
    """
    from preseason.models.hub import push

    address = push(Path(model), repository, private=private, with_report=with_report)
    return Outcome(
        {"model": model, "address": address},
        f"Pushed {model} to {address}\nNext:   preseason predict {address} PHOTO...",
    )
