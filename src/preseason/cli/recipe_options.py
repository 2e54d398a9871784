"""The flags of a fit, generated from the fields of `Recipe`."""

from dataclasses import Field
from types import UnionType
from typing import Any, get_args

import click

from preseason.cli.verbs import AliasedOption
from preseason.recipe import flag_of, setting_fields

METAVARS = {
    "weights": "PATH",
    "cache": "FOLDER",
    "budget_s": "TIME",
    "backbone": "NAME",
    "head": "NAME",
    "unfreeze": "N|all",
    "image_size": "PIXELS",
    "text": "COLUMN",
    "label": "COLUMN",
    "path": "COLUMN",
    "split": "COLUMN",
    "group": "COLUMN|REGEX|none",
    "max_unknown_accepted": "SHARE",
}


def recipe_options() -> list[click.Parameter]:
    """One option for each setting of a recipe; an option that is not given is None."""
    return [_option(item) for item in setting_fields()]


def _option(item: "Field[Any]") -> click.Option:
    flag, name = flag_of(item), item.name
    text = f"{item.metadata['help']}  [default: {_default(item)}]"
    if item.type is bool:
        return click.Option([f"{flag}/{flag.replace('--', '--no-', 1)}", name], default=None, help=text)
    names = {"--" + other.replace("_", "-") for other in (name, *item.metadata["also"])} - {flag}
    if name == "rename":
        return click.Option(
            [flag, name],
            multiple=True,
            metavar="OLD=NEW",
            callback=lambda context, option, given: given or None,
            help=item.metadata["help"],
        )
    choices = item.metadata["choices"]
    metavar = f"[{'|'.join(choices)}]" if choices else METAVARS.get(name)
    kind = str if name == "budget_s" else _kind(item.type)
    return AliasedOption(
        [flag, name], hidden_names=sorted(names), type=kind, default=None, metavar=metavar, help=text
    )


def _kind(annotation: Any) -> type:
    """The type a flag's text is turned into: that of the field, without its None."""
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    chosen: type = next(kind for kind in kinds if kind is not type(None))
    return chosen


def _default(item: "Field[Any]") -> str:
    if item.default is None:
        return "chosen for you"
    if item.name == "budget_s":
        return f"{item.default:g} s"
    if item.type is bool:
        return "yes" if item.default else "no"
    return f"{item.default}"
