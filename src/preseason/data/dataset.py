"""What reading a folder or a table gives: samples, their labels, and what could not be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from preseason.data.boxes import LabelledBox
from preseason.errors import MediaError
from preseason.media.content import HEAD_BYTES, opening_failure
from preseason.media.text import encodable, read_text, text_of
from preseason.runtime.addresses import shown
from preseason.stores.pieces import Cell, Range


@dataclass(frozen=True)
class File:
    """An example that is a file, or a folder such as the frames of a clip."""

    path: Path

    def __str__(self) -> str:
        return shown(self.path)

    @property
    def name(self) -> str:
        """What the file is called, without its folders."""
        return self.path.name

    @property
    def public(self) -> str:
        """What may be stored with a model: the name alone."""
        return self.path.name

    def shown(self, most: int = 80) -> str:
        """The path, for messages."""
        return shown(self.path)

    def called(self, most: int = 80) -> str:
        """The name, for messages where folders say nothing."""
        return self.path.name

    def short(self, most: int = 80) -> str:
        """The file with its folder, for reports."""
        return "/".join(self.path.parts[-2:])

    def below(self, root: Path) -> str:
        """The path inside `root` where it lies there, with slashes."""
        return (self.path.relative_to(root) if self.path.is_relative_to(root) else self.path).as_posix()

    def values(self) -> dict[str, Any]:
        """As JSON values; `source_from` reads them."""
        return {"path": str(self.path)}

    def read(self) -> str:
        """The text in the file.

        Raises:
            MediaError: it cannot be read as text.
        """
        return read_text(self.path)

    def as_file(self, folder: Path, stem: str) -> Path:
        """The file itself; nothing is written."""
        return self.path

    def content(self) -> bytes:
        """The bytes of the file.

        Raises:
            OSError: it cannot be read.
        """
        return self.path.read_bytes()


@dataclass(frozen=True)
class Text:
    """An example that is a text of its own, e.g. a cell of a table.

    Example:
        >>> Text("What  a goal!").shown(), Text("What a goal!").public
        ('“What a goal!”', 'a text')
    """

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", encodable(self.text))

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        """Empty: a text has no name."""
        return ""

    @property
    def public(self) -> str:
        """What may be stored with a model: not the text, which stays with the user."""
        return "a text"

    def shown(self, most: int = 80) -> str:
        """The beginning of the text on one line, in quotation marks."""
        line = " ".join(self.text.split())
        return f"“{line if len(line) <= most else line[: most - 1] + '…'}”"

    called = short = shown

    def below(self, root: Path) -> str:
        """The text: it lies in no folder."""
        return self.text

    def values(self) -> dict[str, Any]:
        """As JSON values; `source_from` reads them."""
        return {"path": self.shown(200), "text": self.text}

    def read(self) -> str:
        """The text."""
        return self.text

    def as_file(self, folder: Path, stem: str) -> Path:
        """A file in `folder` that the text is written to."""
        path = folder / f"{stem}.txt"
        path.write_text(self.text, "utf-8")
        return path

    def content(self) -> bytes:
        """The text as UTF-8."""
        return self.text.encode("utf-8", "replace")


@dataclass(frozen=True)
class Member:
    """An example inside a container, such as a tar shard; it is read where it lies.

    Attributes:
        container: path or address of the file that holds it.
        name: what it is called there.
        place: where its bytes lie.
    """

    container: str
    name: str
    place: Range | Cell

    def __str__(self) -> str:
        return f"{shown(self.container)}/{encodable(self.name)}"

    @property
    def public(self) -> str:
        """What may be stored with a model: the name alone."""
        return self.name.rsplit("/", maxsplit=1)[-1]

    def shown(self, most: int = 80) -> str:
        """The container and the name, for messages."""
        return str(self)

    def called(self, most: int = 80) -> str:
        """The name, for messages where folders say nothing."""
        return self.public

    def short(self, most: int = 80) -> str:
        """The name with its container, for reports."""
        return f"{self.container.rsplit('/', maxsplit=1)[-1]}/{self.name}"

    def below(self, root: Path) -> str:
        """The name inside the container."""
        return self.name

    def values(self) -> dict[str, Any]:
        """As JSON values; `source_from` reads them."""
        return {"path": str(self)}

    def read(self) -> str:
        """The text in it.

        Raises:
            MediaError: it is no text.
        """
        return text_of(self.content())

    def head(self) -> bytes:
        """Its first bytes, as many as tell what it is.

        Raises:
            MediaError: the container cannot be read.
        """
        place = self.place
        if isinstance(place, Range):
            place = Range(place.start, min(place.size, HEAD_BYTES))
        try:
            return place.read(self.container)[:HEAD_BYTES]
        except OSError as error:
            raise MediaError(opening_failure(error)) from None

    def as_file(self, folder: Path, stem: str) -> Path:
        """A file in `folder` that it is copied to."""
        path = folder / f"{stem}{Path(self.name).suffix}"
        path.write_bytes(self.content())
        return path

    def content(self) -> bytes:
        """Its bytes.

        Raises:
            OSError: the container cannot be read.
            DataError: the store that it lies in cannot be reached.
        """
        return self.place.read(self.container)


Source = File | Text | Member


def source_from(values: Mapping[str, Any]) -> Source:
    """The source whose `values` these are."""
    return Text(values["text"]) if "text" in values else File(Path(values["path"]))


@dataclass(frozen=True)
class Sample:
    """One labelled or unlabelled example.

    Attributes:
        source: the file, or the text itself.
        label: class name, or None when unlabelled.
        group: what it belongs to (match, video, burst); one group never lies on both sides of a split.
        span: start and end in seconds inside `source`, for clips and sounds.
        split: "train", "validation" or "test" when the layout says so.
        fingerprint: hex digest of the content; the key of the feature bank.
        variant: which altered form of the content it stands for; empty for the content itself.
        boxes: what is where on a picture, none of it where there is nothing; None where that is not labelled.
    """

    source: Source
    label: str | None = None
    group: str | None = None
    span: tuple[float, float] | None = None
    split: str | None = None
    fingerprint: str = ""
    variant: str = ""
    boxes: tuple[LabelledBox, ...] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Every label that it bears: its own, and those of its boxes."""
        own = () if self.label is None else (self.label,)
        return own + tuple(box.label for box in self.boxes or ())

    @property
    def path(self) -> Path:
        """The file.

        Raises:
            TypeError: the example is a text of its own, or lies inside a container.
        """
        if not isinstance(self.source, File):
            raise TypeError(f"{self.source.shown()} is no file of its own")
        return self.source.path

    @property
    def media(self) -> Path | bytes:
        """What decoders open: the path of a file, or the bytes of a member.

        Raises:
            MediaError: the container cannot be read.
            TypeError: the example is a text of its own.
        """
        if not isinstance(self.source, Member):
            return self.path
        try:
            return self.source.content()
        except OSError as error:
            raise MediaError(opening_failure(error)) from None


@dataclass(frozen=True)
class Skipped:
    """A file or row that was left out, and why."""

    path: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", shown(self.path))


MAX_LISTED = 5
"""Files left out that are named while a model is fitted; the report names all."""


def list_skipped(skipped: Sequence[Skipped]) -> list[str]:
    """A sentence for each of the first files left out, and one that counts the rest."""
    lines = [f"Left out {item.path}: {item.reason}." for item in skipped[:MAX_LISTED]]
    rest = len(skipped) - MAX_LISTED
    return [*lines, f"Left out {rest} more."] if rest > 0 else lines


@dataclass(frozen=True)
class Dataset:
    """Samples in a stable order with what reading them found.

    Attributes:
        root: what the user named.
        layout: registered name of the layout that read it.
        samples: in path order; labels are those of `labels`.
        labels: class names, sorted; class c of every array is `labels[c]`.
        skipped: what was left out.
        notes: sentences on how the data were read, where that was not plain: what was taken for what.
        ignored: files and folders at `root` that are none of the data.
    """

    root: Path
    layout: str
    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def keep(self, samples: tuple[Sample, ...], skipped: tuple[Skipped, ...] = ()) -> "Dataset":
        """This dataset with other samples and the newly skipped ones added; labels follow the samples."""
        labels = tuple(sorted({label for sample in samples for label in sample.classes}))
        return replace(self, samples=samples, labels=labels, skipped=self.skipped + skipped)
