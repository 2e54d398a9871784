"""Names to things: one registry for each kind of part, filled by the files of its package."""

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Generic, TypeVar

from preseason.errors import UsageError, first_line
from preseason.formatting import did_you_mean

GROUP = "preseason"
"""Entry points under which other packages name modules that register parts of their own."""
Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """Named entries of one kind; the modules of `packages` register themselves when first asked for.

    An entry is looked for in the module of its name first, so that asking for one loads no other. Installed
    packages add their own: a module named as an entry point of the group "preseason" is imported.

    Example:
        >>> colours = Registry[str]("colour")
        >>> _ = colours.add("red", "#f00")
        >>> colours.get("rad")
        Traceback (most recent call last):
        preseason.errors.UsageError: No colour is called 'rad'. Did you mean 'red'? Known: red.
    """

    def __init__(self, kind: str, *packages: str) -> None:
        self.kind = kind
        self._packages = packages
        self._loaded = False
        self._entries: dict[str, Entry] = {}

    def add(self, name: str, entry: Entry) -> Entry:
        """Register `entry` under `name`.

        Raises:
            ValueError: the name is taken; two parts of one name would shadow each other.
        """
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._entries[name] = entry
        return entry

    def get(self, name: str) -> Entry:
        """The entry called `name`.

        Raises:
            UsageError: no such name; the message suggests the nearest one.
        """
        if name in self:
            return self._entries[name]
        hint = did_you_mean(name, self._entries)
        known = ", ".join(self)
        raise UsageError(f"No {self.kind} is called {name!r}.{hint} Known: {known}.", code="PS-U03")

    def __contains__(self, name: object) -> bool:
        if name not in self._entries:
            self._load_module(str(name))
        if name not in self._entries:
            self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._entries))

    def _load_module(self, name: str) -> None:
        """The first module called `name`, where one is."""
        for package in self._packages if name.isidentifier() and not self._loaded else ():
            if find_spec(f"{package}.{name}") is not None:
                importlib.import_module(f"{package}.{name}")
                return

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        for package in map(importlib.import_module, self._packages):
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{package.__name__}.{module.name}")
        load_plugins()


@cache
def load_plugins() -> None:
    """Import the modules that installed packages name under the group "preseason".

    Raises:
        UsageError: one of them cannot be imported.
    """
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:
            package = point.dist.name if point.dist else point.value
            raise UsageError(
                f"The plug-in {point.name} of {package} cannot be loaded: {first_line(error)}. Update it, or "
                f"remove it: pip uninstall {package}"
            ) from error
