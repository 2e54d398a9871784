"""Model folders in stores: read into a local copy, written whole or not at all.

ADDRESS/preseason.json       {"format": 2, "version": "v..."}: one object, replaced in one step
ADDRESS/v.../                a complete model folder; the former is deleted when the new one is named
ADDRESS/README.md report.html   copies of its card and report, for people
"""

import calendar
import json
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from preseason.errors import DataError, ModelFolderError, PreseasonError, UsageError
from preseason.runtime.addresses import address_of, is_address
from preseason.storage import CARD, FORMAT, MANIFEST, REPORT, VERSION, is_own
from preseason.stores.mirror import AT_ONCE, fetched
from preseason.stores.store import Object, Store, store_at, told

_TIME, _VERSION = "v%Y%m%dT%H%M%S", re.compile(r"v\d{8}T\d{6}-[0-9a-f]{8}")
ABANDONED_S = 24 * 3600.0
"""After this a version that nothing names was left by a writer that ended early."""


def model_here(address: str | Path, cache: Path) -> Path:
    """The local copy of the model at an address, as the store names it now.

    Raises:
        DataError: nothing lies there, or the store cannot be reached.
        ModelFolderError: what lies there is no model.
        CacheError: the copy does not fit.
    """
    store = store_at(address)
    manifest = _manifest(store)
    if manifest is None:
        raise ModelFolderError(
            f"{store.address} is not a preseason model: there is no {MANIFEST} in it. Name the address that "
            "`fit -o` wrote.",
            code="PS-M02",
        )
    version = manifest.get(VERSION)
    if version is None:
        return fetched(store, cache)
    try:
        return fetched(_version(store, str(version)), cache)
    except DataError:  # replaced in this moment
        later = (_manifest(store) or {}).get(VERSION)
        if later in (None, version):
            raise
        return fetched(_version(store, str(later)), cache)


def version_in(place: Path, manifest: dict[str, Any]) -> Path:
    """The folder of the model in a copy of what a store holds.

    Raises:
        ModelFolderError: its manifest is damaged.
    """
    if not _is_version(manifest[VERSION]):
        raise ModelFolderError(f"{place / MANIFEST} is damaged: {manifest[VERSION]!r} is no version.")
    return place / str(manifest[VERSION])


@contextmanager
def stored_at(place: str | Path, cache: Path) -> Iterator[Path]:
    """The folder to write a model to; that of a store is uploaded when the block ends.

    Raises:
        DataError: the store cannot be reached.
        ModelFolderError: other things than a model lie there, or the model cannot be uploaded.
        UsageError: models are not written to such stores.
    """
    if not is_address(place):
        yield Path(place)
        return
    if address_of(place).startswith("hf://"):
        raise UsageError(
            f"{place}: models go to the hub by `preseason push MODEL USER/NAME`; name a local folder."
        )
    store = store_at(place)
    before = _refuse_other(store)
    room = cache / "uploads" / uuid.uuid4().hex
    folder = room / (store.root.rsplit("/", maxsplit=1)[-1] or "model")
    room.mkdir(parents=True)
    try:
        if before is not None:
            shutil.copytree(model_here(place, cache), folder)
        yield folder
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise
    try:
        _upload(folder, store, before)
    except (PreseasonError, OSError) as error:
        raise ModelFolderError(
            f"The model is complete in {folder}, and cannot be written to {store.address}: {error} Copy that "
            "folder there, or save it again.",
            code="PS-N03",
        ) from error
    shutil.rmtree(room, ignore_errors=True)


def _refuse_other(store: Store) -> dict[str, Any] | None:
    """The manifest of the model at a place; None where nothing lies there.

    Raises:
        ModelFolderError: something else does.
    """
    manifest = _manifest(store)
    if manifest is None and any(not _abandoned(each.key) for each in store.objects()):
        raise ModelFolderError(
            f"{store.address} holds other things and no {MANIFEST}: it will not be replaced. Choose another "
            "address for the model.",
            code="PS-M04",
        )
    return manifest


def _upload(folder: Path, store: Store, before: dict[str, Any] | None) -> None:
    """Put a new version beside the former one, name it, and delete what is named no longer."""
    version = time.strftime(_TIME, time.gmtime()) + f"-{uuid.uuid4().hex[:8]}"
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    with told(store.address), ThreadPoolExecutor(AT_ONCE, thread_name_prefix="upload") as pool:
        names = {key: f"{store.root}/{version}/{key}" for key in paths}
        list(pool.map(lambda key: store.files.put_file(str(paths[key]), names[key]), paths))
    there = {each.key: each.size for each in _version(store, version).objects()}
    if there != {key: path.stat().st_size for key, path in paths.items()}:
        raise ModelFolderError(f"{store.address}/{version} is incomplete after the upload.")
    with told(store.address):
        pointer = json.dumps({"format": FORMAT, VERSION: version}).encode()
        store.files.pipe_file(f"{store.root}/{MANIFEST}", pointer)
        for name in (CARD, REPORT):
            if name in paths:
                store.files.put_file(str(paths[name]), f"{store.root}/{name}")
    _delete([each for each in store.objects() if _is_past(each, version, before)], store)


def _is_past(each: Object, version: str, before: dict[str, Any] | None) -> bool:
    """Whether an object belongs to the model before, or to a writer that ended early."""
    first = each.key.split("/", maxsplit=1)[0]
    if before is not None and first == before.get(VERSION):
        return True
    if before is not None and VERSION not in before and is_own(first):
        return each.key not in (MANIFEST, CARD, REPORT)
    return first != version and _abandoned(each.key) and _age_s(first) > ABANDONED_S


def _abandoned(key: str) -> bool:
    """Whether a key is in the folder of a version."""
    first, _, rest = key.partition("/")
    return bool(rest) and _is_version(first)


def _is_version(name: object) -> bool:
    return isinstance(name, str) and _VERSION.fullmatch(name) is not None


def _age_s(version: str) -> float:
    """Seconds since a version was begun."""
    return time.time() - calendar.timegm(time.strptime(version.split("-", maxsplit=1)[0], _TIME))


def _delete(objects: Sequence[Object], store: Store) -> None:
    with suppress(Exception):  # the new model is in its place; the next writer deletes what is left
        if objects:
            store.files.rm([each.name for each in objects])


def _version(store: Store, version: str) -> Store:
    return Store(f"{store.address}/{version}", store.files, f"{store.root}/{version}")


def _manifest(store: Store) -> dict[str, Any] | None:
    """What the place's manifest says; None without one.

    Raises:
        ModelFolderError: it is damaged.
    """
    with told(store.address):
        store.files.invalidate_cache()
        try:
            content = store.files.cat_file(f"{store.root}/{MANIFEST}")
        except FileNotFoundError:
            return None
    try:
        manifest = json.loads(content)
    except ValueError:
        manifest = None
    version = manifest.get(VERSION) if isinstance(manifest, dict) else None
    if not isinstance(manifest, dict) or (version is not None and not _is_version(version)):
        raise ModelFolderError(f"{store.address}/{MANIFEST} is damaged: save the model again.")
    return manifest
