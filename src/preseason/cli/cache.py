"""`preseason cache show` and `preseason cache clear`."""

import time
from typing import TYPE_CHECKING

import click

from preseason.cli.verbs import VERBS, Outcome, shared_options
from preseason.cli.words import table
from preseason.errors import UsageError

if TYPE_CHECKING:
    from preseason.engine.upkeep import Usage


@click.group("cache")
def cache() -> None:
    """See and clear the feature bank, where computed features are kept."""


VERBS.add("cache", cache)
_where = click.option(
    "--cache", "folder", metavar="FOLDER", help="Folder of the bank (also PRESEASON_CACHE)."
)


@cache.command("show", params=shared_options())
@_where
def show(folder: str | None, quiet: bool) -> Outcome:
    """List what is kept, the largest first: rows of examples, and walks over long videos with their steps."""
    from preseason.engine.upkeep import usage
    from preseason.runtime.cache_dir import cache_folder

    place = cache_folder(folder)
    banks = usage(place)
    size = sum(bank.bytes for bank in banks)
    rows = [[bank.name, bank.what, str(bank.rows), _megabytes(bank.bytes), _day(bank)] for bank in banks]
    listed = "\n" + table(["name", "what", "rows", "size", "last used"], rows) if rows else ""
    return Outcome(
        {"cache": place, "bytes": size, "banks": banks}, f"{place} holds {_megabytes(size)}.{listed}"
    )


@cache.command("clear", params=shared_options())
@click.argument("names", nargs=-1)
@_where
def clear(names: tuple[str, ...], folder: str | None, quiet: bool) -> Outcome:
    """Delete what is called NAMES, or everything; it is computed again when needed."""
    from preseason.engine import upkeep
    from preseason.runtime.cache_dir import cache_folder

    place = cache_folder(folder)
    known = [item.name for item in upkeep.usage(place)]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"Nothing is called {', '.join(unknown)}. See: preseason cache show")
    freed = upkeep.clear(place, names or None)
    return Outcome({"cache": place, "freed": freed}, f"Freed {_megabytes(freed)} in {place}.")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _day(bank: "Usage") -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(bank.used))
