"""Labelled examples inside tar shards, as WebDataset writes them, and inside Parquet files: never unpacked.

WebDataset (https://github.com/webdataset/webdataset): members of one sample share their name up to the first
dot: `0001.jpg`, `0001.cls` or `0001.json`. A tar of folders is read by its folders: `messi/1.jpg`.
"""

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

from preseason.data.column_names import COLUMNS, guess_columns
from preseason.data.dataset import Dataset, Member, Sample, Skipped
from preseason.data.files import Accept, files_in, folders_in, label_from, readable
from preseason.data.parquet_shards import media_column, read_parquet
from preseason.data.split_names import split_from
from preseason.errors import DataError, MediaError
from preseason.media import text
from preseason.media.content import HEAD_BYTES
from preseason.runtime.addresses import shown
from preseason.stores.pieces import Cell, Range, opened
from preseason.stores.store import Object, Store

TAR, PARQUET = "webdataset", "parquet"
PACKED = (".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst")
BESIDE = frozenset({"readme.md", "license", "license.txt", "dataset_info.json", "dataset_infos.json"})
LABELS = (".cls", ".label", ".json", ".txt")
"""Suffixes of members that say what their sample is, the surest first."""
SIDECAR_BYTES = 2**20
LOOKED_AT = 40
_LONGEST = 120
"""Characters of a label; a longer text is a caption."""


@dataclass(frozen=True)
class Shards:
    """Containers of examples: where they lie, and of which layout they are."""

    root: str
    layout: str
    containers: tuple[str, ...]


@dataclass
class _Found:
    """What reading shards has found so far."""

    samples: list[Sample] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One regular file inside a tar: its name, where its bytes lie, its first bytes."""

    name: str
    place: Range
    head: bytes
    sidecar: bytes = b""

    @property
    def key(self) -> str:
        """What members of one sample share."""
        path = PurePosixPath(self.name)
        return str(path.parent / path.name.split(".", maxsplit=1)[0])

    @property
    def suffix(self) -> str:
        """The last suffix, in small letters."""
        return PurePosixPath(self.name).suffix.lower()


def shards_at(root: Path) -> Shards | None:
    """The shards that a file or folder of this machine is, or holds beside nothing else; None for any other.

    Raises:
        DataError: they are compressed.
    """
    if root.is_file():
        return _shards(str(root), [str(root)])
    inside = _below(root)
    return None if inside is None else _shards(str(root), inside)


def _below(folder: Path) -> list[str] | None:
    """What looks like shards in a folder and its folders, in order; None where there is anything else."""
    found: list[str] = []
    for path in files_in(folder):
        if _is_beside(path.name):
            continue
        if not path.name.lower().endswith((".tar", ".parquet", *PACKED)):
            return None
        found.append(str(path))
    for inner in folders_in(folder):
        more = _below(inner)
        if more is None:
            return None
        found += more
    return found


def shards_in(store: Store, objects: Sequence[Object]) -> Shards | None:
    """As `shards_at`, of the objects at a place in a store."""
    scheme = store.address.split("://", maxsplit=1)[0]
    names = [f"{scheme}://{each.name.lstrip('/')}" for each in objects]
    return _shards(store.address, [name for name in names if not _is_beside(name.rsplit("/", 1)[-1])])


def _is_beside(name: str) -> bool:
    """Whether a file beside shards is none of the data."""
    return name.startswith(".") or name.lower() in BESIDE or name.endswith(".idx")


def _shards(root: str, shards: Sequence[str]) -> Shards | None:
    if not shards:
        return None
    if all(name.lower().endswith(PACKED) for name in shards):
        raise DataError(
            f"{shown(root)}: compressed tar files cannot be read piece by piece. Decompress them (gunzip); "
            "photos and sounds take no more room so."
        )
    if all(name.lower().endswith(".tar") for name in shards):
        return Shards(root, TAR, tuple(shards))
    if all(name.lower().endswith(".parquet") for name in shards) and media_column(shards[0]):
        return Shards(root, PARQUET, tuple(shards))
    return None


def first_members(shards: Shards) -> list[tuple[bytes, str]]:
    """First bytes and names of the first files in shards, to tell what they are."""
    if shards.layout == TAR:
        return [
            (each.head, each.name) for each in islice(_entries(shards.containers[0], _Found()), LOOKED_AT)
        ]
    column = media_column(shards.containers[0])
    content = Cell(0, 0, column or "").read(shards.containers[0])
    return [(content[:HEAD_BYTES], "")]


def read_shards(shards: Shards, accept: Accept, labelled: bool = True) -> Dataset:
    """The examples in shards, in order, each read where it lies when it is needed.

    Raises:
        DataError: such examples are not read from shards, or nothing usable is there.
        UsageError: a column that was named is not there.
    """
    if accept.member is None:
        raise DataError(
            f"{shown(shards.root)}: {accept.noun} are not read from tar shards or Parquet. Unpack them "
            "(`tar -xf`) and name the folder."
        )
    found = _Found()
    for container in shards.containers:
        if shards.layout == TAR:
            _read_tar(container, accept, labelled, found)
        else:
            samples, skipped = read_parquet(container, accept, labelled)
            found.samples += samples
            found.skipped += skipped
    if not found.samples:
        lines = "; ".join(f"{item.path}: {item.reason}" for item in found.skipped[:3])
        raise DataError(
            f"{shown(shards.root)} holds no usable {accept.noun}. Left out {len(found.skipped)}: {lines}.",
            code="PS-D03",
        )
    labels = tuple(sorted({sample.label for sample in found.samples if sample.label is not None}))
    return Dataset(
        Path(shards.root),
        shards.layout,
        tuple(found.samples),
        labels,
        tuple(found.skipped),
        tuple(found.notes),
    )


def _entries(container: str, found: _Found) -> Iterator[Entry]:
    """The regular files of a tar; what breaks off is named."""
    count = 0
    with opened(container) as file:
        size = file.seek(0, 2)
        file.seek(0)
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for member in archive:
                    if not member.isfile():
                        continue
                    name = member.name.removeprefix("./")
                    if member.offset_data + member.size > size:
                        found.skipped.append(Skipped(f"{shown(container)}/{readable(name)}", "cut short"))
                        return
                    file.seek(member.offset_data)
                    wanted = SIDECAR_BYTES if name.lower().endswith(LABELS) else HEAD_BYTES
                    start = file.read(min(member.size, wanted))
                    place = Range(member.offset_data, member.size)
                    yield Entry(name, place, start[:HEAD_BYTES], start if wanted == SIDECAR_BYTES else b"")
                    count += 1
        except tarfile.TarError as error:
            reason = f"damaged after {count} files: {error}" if count else f"no tar file: {error}"
            found.skipped.append(Skipped(shown(container), reason))


def _read_tar(container: str, accept: Accept, labelled: bool, found: _Found) -> None:
    split = split_from(PurePosixPath(container).name.split(".", maxsplit=1)[0])
    held: list[Entry] = []
    for entry in _entries(container, found):
        if PurePosixPath(entry.name).name.startswith("."):
            continue
        if held and entry.key != held[0].key:
            _take(container, held, split, accept, labelled, found)
            held = []
        held.append(entry)
    if held:
        _take(container, held, split, accept, labelled, found)


def _take(
    container: str, entries: list[Entry], split: str | None, accept: Accept, labelled: bool, found: _Found
) -> None:
    """One sample's members: what is an example, and what the others say of it."""
    assert accept.member is not None
    verdicts = [accept.member(each.head, each.name) for each in entries]
    examples = [each for each, reason in zip(entries, verdicts, strict=True) if reason is None]
    said = _said([each for each in entries if each not in examples], accept)
    place = f"{shown(container)}/{readable(entries[0].name)}"
    if not examples:
        others = [r for each, r in zip(entries, verdicts, strict=True) if each.suffix not in LABELS]
        found.skipped.append(Skipped(place, str(others[0]) if others else f"no {accept.noun} beside it"))
        return
    folders = PurePosixPath(entries[0].name).parts[:-1]
    label = said.get("label") or (label_from(folders[-1]) if folders else None)
    if labelled and not label:
        found.skipped.append(
            Skipped(place, "it has no label: neither a .cls or .json beside it nor a folder")
        )
        return
    part = split_from(said["part"]) if "part" in said else split
    part = part or next(filter(None, map(split_from, folders[:-1])), None)
    group = said.get("group") or (None if len(examples) == 1 else entries[0].key)
    if said.get("by") == ".txt":
        found.notes["Labels are the .txt files beside the examples."] = None
    for each in examples:
        member = Member(container, each.name, each.place)
        found.samples.append(Sample(member, label if labelled else None, group=group, split=part))


def _said(entries: Sequence[Entry], accept: Accept) -> dict[str, str]:
    """What sidecars say: label, group and part, and which kind of file said the label (`by`)."""
    said: dict[str, str] = {}
    for each in sorted((e for e in entries if e.suffix in LABELS), key=lambda e: LABELS.index(e.suffix)):
        try:
            content = text.decoded(each.sidecar).strip()
        except MediaError:
            continue
        values = {"label": content} if each.suffix != ".json" else _of_json(content, accept)
        if "label" in values and "label" not in said and 0 < len(values["label"]) <= _LONGEST:
            said |= {"label": label_from(values["label"]), "by": each.suffix}
        said |= {role: value for role, value in values.items() if role in ("group", "part") and value}
    return said


def _of_json(content: str, accept: Accept) -> dict[str, str]:
    try:
        values = json.loads(content)
    except ValueError:
        return {}
    if isinstance(values, str | int):
        return {"label": str(values)}
    if not isinstance(values, Mapping):
        return {}
    plainly = {str(key): value for key, value in values.items() if isinstance(value, str | int)}
    roles = guess_columns(list(plainly), {role: COLUMNS[role] for role in ("label", "group", "part")})
    named = {"label": accept.columns.label, "group": accept.group, "part": accept.columns.split}
    roles |= {role: name for role, name in named.items() if name in plainly}
    return {role: str(plainly[name]) for role, name in roles.items()}
