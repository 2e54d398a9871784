"""One place in a store, through fsspec; every failure of a store is told in a sentence."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from preseason.errors import DataError, PreseasonError, UsageError, first_line
from preseason.errors.packages import require
from preseason.runtime.addresses import PACKAGES, address_of

TAGS = (
    "ETag",
    "etag",
    "md5Hash",
    "content_md5",
    "blob_id",
    "LastModified",
    "last_modified",
    "mtime",
    "created",
)
"""Of what stores say of an object: what changes with its content, the surest first."""


@dataclass(frozen=True)
class Object:
    """One object of a store.

    Attributes:
        name: as the file system calls it.
        key: its name below the place that was listed; empty where it is that place itself.
        size: in bytes.
        tag: what changes with its content; empty where the store says nothing of the kind.
    """

    name: str
    key: str
    size: int
    tag: str


@dataclass(frozen=True)
class Store:
    """A place in a store: its address, the file system that reads it and its name there."""

    address: str
    files: Any
    root: str

    def objects(self) -> list[Object]:
        """Everything at or below the place, in order of names.

        Raises:
            DataError: the store cannot be read.
        """
        with told(self.address):
            self.files.invalidate_cache()
            listed = self.files.find(self.root, detail=True)
        return [
            Object(name, name.removeprefix(self.root).lstrip("/"), int(about.get("size") or 0), _tag(about))
            for name, about in sorted(listed.items())
            if not name.endswith("/")
        ]

    def state(self) -> tuple[int, str]:
        """Size and tag of the one object at this place, as the store tells them now.

        Raises:
            DataError: the store cannot be read.
        """
        with told(self.address):
            self.files.invalidate_cache(self.root)
            about = self.files.info(self.root)
        return int(about.get("size") or 0), _tag(about)


def store_at(place: object) -> Store:
    """The store behind an address; nothing is read yet.

    Raises:
        MissingPackageError: what reads such stores is not installed.
        DataError: the store refuses.
    """
    address = address_of(place)
    scheme = address.split("://", maxsplit=1)[0]
    package = PACKAGES[scheme]
    if package in ("gcsfs", "adlfs") and find_spec(package) is None:
        raise UsageError(
            f"Reading {scheme}:// needs {package}, which is not installed: pip install {package}",
            code="PS-U06",
        )
    require(f"Reading {scheme}://", "fsspec", *(["s3fs"] if package == "s3fs" else []))
    import fsspec

    with told(address):
        files, root = fsspec.core.url_to_fs(address)
    return Store(address, files, str(root))


@contextmanager
def told(address: str) -> Iterator[None]:
    """Errors of a store as `DataError`.

    Raises:
        DataError: with what the store said.
    """
    try:
        yield
    except PreseasonError:
        raise
    except Exception as error:  # each store has a tree of errors of its own
        raise DataError(
            f"{address} cannot be reached: {first_line(error)}. Check the address, and the credentials and "
            "endpoint that its library reads from the environment.",
            code="PS-N03",
        ) from error


def _tag(about: Mapping[str, Any]) -> str:
    return next((str(about[name]) for name in TAGS if about.get(name)), "")
