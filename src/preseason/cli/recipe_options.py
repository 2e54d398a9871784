"""The flags of a fit, generated from the fields of `Recipe`."""

from dataclasses import Field, fields
from types import UnionType
from typing import Any, get_args

import click

from preseason.recipe import Recipe

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
    "group": "COLUMN|REGEX|none",
    "strangers": "SHARE",
}


def recipe_options() -> list[click.Parameter]:
    """One option for each setting of a recipe; an option that is not given is None."""
    return [_option(item) for item in fields(Recipe)]


def _option(item: "Field[Any]") -> click.Option:
    flag = next(iter(item.metadata["also"]), item.name).replace("_", "-")
    text = f"{item.metadata['help']}  [default: {_default(item)}]"
    if item.type is bool:
        return click.Option([f"--{flag}/--no-{flag}", item.name], default=None, help=text)
    choices = item.metadata["choices"]
    metavar = f"[{'|'.join(choices)}]" if choices else METAVARS.get(item.name)
    kind = str if item.name == "budget_s" else _kind(item.type)
    return click.Option([f"--{flag}", item.name], type=kind, default=None, metavar=metavar, help=text)


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
