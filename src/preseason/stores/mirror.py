"""Local copies of what lies in stores, below CACHE/preseason-mirror: only what changed is fetched again.

A copy is complete before anything reads it. Copies not used for a day make room for others where all of them
would take more than PRESEASON_MIRROR_GB (100 unless set).
"""

import glob
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from preseason.errors import CacheError, DataError, UsageError
from preseason.runtime.addresses import MIRROR, address_of, is_address
from preseason.runtime.files import atomic_write, write_text
from preseason.stores.store import Object, Store, store_at, told

INDEX = "preseason-mirror-index"
"""In the cache: a file for each copy, with sizes and tags of its objects."""
LIMIT, LIMIT_GB = "PRESEASON_MIRROR_GB", 100.0
SPARE_BYTES = 2**30
"""Of the disk, left free."""
IDLE_S = 24 * 3600.0
AT_ONCE = 16


@dataclass(frozen=True)
class Copy:
    """One copy: of what, how many files and bytes, when last used (Unix seconds), and where it is noted."""

    name: str
    address: str
    files: int
    bytes: int
    used: float


def here(place: str | Path, cache: Path) -> Path:
    """The local path of a place: its own, or that of a copy that is as the store is now.

    Raises:
        DataError: nothing lies at the address, or the store cannot be reached.
        CacheError: the copy does not fit.
    """
    return fetched(store_at(place), cache) if is_address(place) else Path(place)


def inputs_here(inputs: Iterable[str | Path], cache: Path) -> tuple[str | Path, ...]:
    """Inputs of a prediction, with the copies of those that are addresses, patterns of them too.

    Raises:
        DataError, CacheError: as `here`.
    """
    found: list[str | Path] = []
    for given in inputs:
        if not is_address(given):
            found.append(given)
        elif glob.has_magic(str(given)):
            found += [here(each, cache) for each in _matching(store_at(given))]
        else:
            found.append(here(given, cache))
    return tuple(found)


def _matching(pattern: Store) -> list[str]:
    scheme = pattern.address.split("://", maxsplit=1)[0]
    with told(pattern.address):
        pattern.files.invalidate_cache()
        names = sorted(pattern.files.glob(pattern.root))
    if not names:
        raise DataError(f"Nothing matches {pattern.address}.", code="PS-D02")
    return [f"{scheme}://{name.lstrip('/')}" for name in names]


def fetched(store: Store, cache: Path, objects: Sequence[Object] | None = None) -> Path:
    """The local copy of a place, brought up to date.

    Args:
        objects: what lies there, where it was listed already.

    Raises:
        DataError: nothing lies there, or the store cannot be reached.
        CacheError: the copy does not fit.
    """
    place = place_of(store.address, cache)
    if objects is None:
        objects = store.objects()
    if not objects:
        raise DataError(f"There is nothing at {store.address}: check the spelling.", code="PS-D02")
    paths = {each: _path_in(place, each, store.address) for each in objects}
    index = _index_of(store.address, cache)
    known = _read(index).get("objects", {})
    missing = [each for each in objects if not _is_there(each, paths[each], known)]
    size, wanted = (sum(each.size for each in some) for some in (objects, missing))
    try:
        _make_room(cache, store.address, size, wanted)
        _prune(place, set(paths.values()))
        _note(index, store.address, [each for each in objects if each not in missing])
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch") as pool:
            list(pool.map(lambda each: _fetch(store, each, paths[each]), missing))
        _note(index, store.address, objects)
    except OSError as error:
        raise CacheError(
            f"{store.address} cannot be copied to {place}: {error.strerror or error}. Free some space, or "
            "name another folder with PRESEASON_CACHE or --cache.",
            code="PS-C02",
        ) from error
    return place


def place_of(address: str, cache: Path) -> Path:
    """Where the copy of an address lies.

    Raises:
        UsageError: the address leads upwards.

    Example:
        >>> place_of("s3://bucket/photos", Path("cache")).as_posix()
        'cache/preseason-mirror/s3/bucket/photos'
    """
    scheme, _, name = address_of(address).partition("://")
    if ".." in name.split("/"):
        raise UsageError(f"{address} is no address: it has .. in it.")
    return cache / MIRROR / scheme / name.strip("/")


def copies(cache: Path) -> list[Copy]:
    """Every copy in a cache, the least recently used first."""
    found = []
    for path in (cache / INDEX).glob("*.json"):
        about = _read(path)
        sizes = [int(str(size)) for size, _ in about.get("objects", {}).values()]
        with suppress(OSError):
            used = path.stat().st_mtime
            found.append(Copy(path.stem, str(about.get("address", "")), len(sizes), sum(sizes), used))
    return sorted(found, key=lambda each: each.used)


def forget(cache: Path, names: Sequence[str]) -> None:
    """Delete the copies called `names`."""
    for each in copies(cache):
        if each.name in names:
            place = place_of(each.address, cache)
            shutil.rmtree(place, ignore_errors=True)
            with suppress(OSError):
                place.unlink(missing_ok=True)
            (cache / INDEX / f"{each.name}.json").unlink(missing_ok=True)


def _make_room(cache: Path, address: str, size: int, wanted: int) -> None:
    """Let copies go that were not used today.

    Raises:
        CacheError: it does not fit.
    """
    limit = _limit_bytes()
    others = [each for each in copies(cache) if each.address != address]
    held = sum(each.bytes for each in others)
    for each in others:
        if held + size > limit and time.time() - each.used > IDLE_S:
            forget(cache, [each.name])
            held -= each.bytes
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free - SPARE_BYTES
    if held + size > limit:
        raise CacheError(
            f"{address} takes {_gigabytes(size)}, and copies of stores may take {_gigabytes(limit)} "
            f"({_gigabytes(held)} of them are in use): set {LIMIT} higher, or `preseason cache clear`."
        )
    if wanted > free:
        raise CacheError(
            f"Of {address}, {_gigabytes(wanted)} are to be copied to {cache}, where "
            f"{_gigabytes(max(free, 0))} can be used: name a larger folder with PRESEASON_CACHE or "
            "--cache.",
            code="PS-C02",
        )


def _limit_bytes() -> float:
    given = os.environ.get(LIMIT, "")
    try:
        limit = float(given) if given else LIMIT_GB
    except ValueError:
        limit = -1.0
    if limit <= 0:
        raise UsageError(f"{LIMIT}={given}: expected gigabytes, a number above 0.")
    return limit * 1e9


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _path_in(place: Path, each: Object, address: str) -> Path:
    """Where an object is copied to: inside the copy and nowhere else.

    Raises:
        DataError: its name leads out of there.
    """
    parts = PurePosixPath(each.key).parts
    if ".." in each.key.split("/") or each.key.startswith("/") or "\\" in each.key or "\x00" in each.key:
        raise DataError(
            f"{address} holds an object called {each.key!r}, which is no name of a file: rename it."
        )
    return place.joinpath(*parts)


def _is_there(each: Object, path: Path, known: dict[str, list[object]]) -> bool:
    if not each.tag or known.get(each.key) != [each.size, each.tag]:
        return False
    try:
        return path.stat().st_size == each.size
    except OSError:
        return False


def _fetch(store: Store, each: Object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part, told(store.address):
        store.files.get_file(each.name, str(part))


def _prune(place: Path, wanted: set[Path]) -> None:
    """Delete what the store holds no longer, and a file where a folder is to be, or the other way round."""
    if place.is_file() and place not in wanted:
        place.unlink()
    for folder, _, names in os.walk(place, topdown=False):
        for path in (Path(folder, name) for name in names):
            if path not in wanted and not _is_under_way(path):
                path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            Path(folder).rmdir()
    for parent in {parent for path in wanted for parent in path.parents if parent.is_relative_to(place)}:
        if parent.is_file():
            parent.unlink()


def _is_under_way(path: Path) -> bool:
    """Whether another process may be fetching this file now."""
    with suppress(OSError):
        return path.suffix == ".part" and time.time() - path.stat().st_mtime < IDLE_S
    return False


def _index_of(address: str, cache: Path) -> Path:
    return cache / INDEX / f"{hashlib.blake2b(address.encode(), digest_size=8).hexdigest()}.json"


def _note(index: Path, address: str, objects: Iterable[Object]) -> None:
    index.parent.mkdir(parents=True, exist_ok=True)
    about = {"address": address, "objects": {each.key: [each.size, each.tag] for each in objects}}
    write_text(index, json.dumps(about), errors="surrogatepass")


def _read(index: Path) -> dict[str, dict[str, list[object]]]:
    try:
        content = json.loads(index.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
