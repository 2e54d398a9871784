"""What reading a folder or a table gives: samples, their labels, and what could not be read."""

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One labelled or unlabelled example.

    Attributes:
        source: the file, or the text itself for text tasks.
        label: class name, or None when unlabelled.
        group: what it belongs to (match, video, burst); one group never lies on both sides of a split.
        span: start and end in seconds inside `source`, for clips and sounds.
        split: "train", "validation" or "test" when the layout says so.
        fingerprint: hex digest of the content; the key of the feature bank.
        variant: which altered form of the content it stands for; empty for the content itself.
    """

    source: Path | str
    label: str | None = None
    group: str | None = None
    span: tuple[float, float] | None = None
    split: str | None = None
    fingerprint: str = ""
    variant: str = ""


def shown(source: Path | str, most: int = 80) -> str:
    """A sample in a message: a file's path, or the beginning of a text on one line.

    Example:
        >>> shown("What  a goal!"), shown(Path("photo.jpg"))
        ('“What a goal!”', 'photo.jpg')
    """
    if isinstance(source, Path):
        return str(source)
    line = " ".join(source.split())
    return f"“{line if len(line) <= most else line[: most - 1] + '…'}”"


@dataclass(frozen=True)
class Skipped:
    """A file or row that was left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Samples in a stable order with what reading them found.

    Attributes:
        root: what the user named.
        layout: registered name of the layout that read it.
        samples: in path order; labels are those of `labels`.
        labels: class names, sorted; class c of every array is `labels[c]`.
        skipped: what was left out.
    """

    root: Path
    layout: str
    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()

    def keep(self, samples: tuple[Sample, ...], skipped: tuple[Skipped, ...] = ()) -> "Dataset":
        """This dataset with other samples and the newly skipped ones added; labels follow the samples."""
        labels = tuple(sorted({s.label for s in samples if s.label is not None}))
        return replace(self, samples=samples, labels=labels, skipped=self.skipped + skipped)
