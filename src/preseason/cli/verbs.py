"""What a verb is: a command that returns an `Outcome`, and the options that all verbs share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from preseason.errors import UsageError
from preseason.registry import Registry

VERBS: Registry[click.Command] = Registry("verb", "preseason.cli")

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Outcome:
    """What a verb did: printed as one JSON object under `--json`, as `text` otherwise.

    Attributes:
        fields: the JSON object; values are turned into plain ones when printed.
        text: what a person reads, without a closing newline.
        exit_code: 0 unless the verb ended early for a reason that `text` gives.
    """

    fields: dict[str, Any]
    text: str
    exit_code: int = 0


class AliasedOption(click.Option):
    """An option that also answers to names it once had, which help and docs do not show."""

    def __init__(self, *args: Any, hidden_names: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.hidden_names = list(hidden_names)

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Register the option under all of its names."""
        shown = self.opts
        self.opts = [*shown, *self.hidden_names]
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts = shown


def refuse_given(names: Sequence[str], reason: str) -> None:
    """Options of the running verb that would count for nothing are refused.

    Args:
        names: of the options, as parameters.
        reason: when they count.

    Raises:
        UsageError: one of them stands on the command line.
    """
    context = click.get_current_context()
    for option in context.command.params:
        source = context.get_parameter_source(str(option.name))
        if option.name in names and source is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(f"{option.opts[-1]} has no effect here: {reason}")


def verb(
    name: str, parameters: Sequence[click.Parameter] = ()
) -> Callable[[Callable[..., Outcome]], click.Command]:
    """Register the decorated function as the verb `name`; its docstring is the help.

    Args:
        name: as typed.
        parameters: further parameters than those that decorate the function.
    """

    def register(function: Callable[..., Outcome]) -> click.Command:
        command = click.command(name)(function)
        command.params += [*parameters, *shared_options()]
        return VERBS.add(name, command)

    return register


def shared_options() -> list[click.Parameter]:
    """`--json` (read by `preseason.cli.main`) and `--quiet`, which every verb has."""
    text = "Print exactly one JSON object on stdout; everything else goes to stderr."
    as_json = click.Option(["--json"], is_flag=True, expose_value=False, help=text)
    quiet = click.Option(["-q", "--quiet"], is_flag=True, help="Show no progress.")
    return [as_json, quiet]


def model_options(function: Function) -> Function:
    """Add the options of verbs that run a saved model: `--device` and `--cache`."""
    device = click.option(
        "--device", default="auto", show_default=True, metavar="[auto|cpu|cuda]", help="Device to compute on."
    )
    cache = click.option(
        "--cache", metavar="FOLDER", help="Folder of the feature bank (also PRESEASON_CACHE)."
    )
    return cache(device(function))


def column_options(function: Function) -> Function:
    """Add the options of verbs that read labelled tables: `--text`, `--label`."""
    text = click.option("--text", metavar="COLUMN", help="Column of a table that holds the texts.")
    label = click.option("--label", metavar="COLUMN", help="Column of a table that holds the labels.")
    return text(label(function))


def input_options(function: Function) -> Function:
    """Add the options of verbs that read tables without labels: `--text`, `--path`."""
    text = click.option("--text", metavar="COLUMN", help="Column of a table that holds the texts.")
    path = click.option("--path", metavar="COLUMN", help="Column of a table that holds the files.")
    return text(path(function))


def naming_options(function: Function) -> Function:
    """Add the options of verbs that hold a model against labels: `--path` and `--rename`."""
    path = click.option("--path", metavar="COLUMN", help="Column of a table that holds the files.")
    rename = click.option(
        "--rename", multiple=True, metavar="OLD=NEW", help="Label that the model calls otherwise; repeatable."
    )
    return path(rename(function))
