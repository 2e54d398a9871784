"""Clips or photos: what lies below a folder is weighed, and said in a sentence."""

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from preseason.data import layouts
from preseason.data.dataset import Dataset
from preseason.data.files import Accept, walk
from preseason.data.folder_shapes import BATCHES, shape_of
from preseason.data.layouts.table import files_named
from preseason.data.rows import is_table
from preseason.data.split_names import split_from
from preseason.errors import DataError
from preseason.media import frames, image, video

_THUMBNAIL = re.compile(r"(?i)[\W_](thumb|thumbnail|thumbs|poster|preview|tn|cover)[\W_]*\d*$")
JUDGED = 12
"""Folders of frames whose pictures are compared; the rest follow the majority."""
LOOKED_AT = 200
"""Files that are looked at before a folder is taken for clips."""


@dataclass
class Evidence:
    """What was counted.

    Attributes:
        videos, photos: files.
        clips: folders of numbered pictures that show one scene each.
        numbered: folders of numbered pictures that do not; each picture is a photo.
        thumbnails: pictures that are named as a video beside them.
        streams: folders of clips that hold several streams.
    """

    videos: int = 0
    photos: int = 0
    clips: int = 0
    numbered: int = 0
    thumbnails: int = 0
    streams: int = 0

    @property
    def for_clips(self) -> bool:
        """Whether more examples are clips than photos."""
        return self.videos + self.clips > self.photos

    def notes(self, task: str) -> tuple[str, ...]:
        """A sentence where it was not plain, for the task that reads the data."""
        said = []
        if self.clips and task == "clips":
            said.append(
                f"{_folders(self.clips)} of numbered pictures taken for one clip each, since neighbours look "
                "alike or are named as frames; --task photos reads the pictures one by one."
            )
        if self.numbered:
            other = "photos" if task == "clips" else "clips"
            each = "each is read as one clip" if task == "clips" else "they are taken for photos"
            said.append(
                f"{_folders(self.numbered)} of numbered pictures whose neighbours do not look alike: {each}; "
                f"--task {other} reads them otherwise."
            )
        if self.streams and task == "clips":
            said.append(
                f"{_folders(self.streams)} with several streams of one clip: one of them is looked at."
            )
        if self.thumbnails and task == "clips":
            said.append(
                f"{self.thumbnails} pictures named as a video beside them are taken for its thumbnails."
            )
        if self.videos and self.photos and task in ("clips", "photos"):
            other = "photos" if task == "clips" else "clips"
            said.append(
                f"There are {self.videos} videos and {self.photos} photos: read as {task}; "
                f"--task {other} takes the others."
            )
        return tuple(said)


def told(dataset: Dataset, task: str) -> Dataset:
    """The dataset with a sentence where it was not plain whether clips or photos lie there."""
    if dataset.layout == "table":
        return dataset
    return replace(dataset, notes=(*dataset.notes, *weigh(dataset.root).notes(task)))


def weigh(root: Path) -> Evidence:
    """What lies at `root`, the first `LOOKED_AT` files and folders of it."""
    if root.is_file():
        found = files_named(root, LOOKED_AT) if is_table(root) else [root]
    else:
        found = _media(layouts.innermost(root)[0])
    evidence = Evidence()
    videos = {path.with_suffix("") for path in found if path.suffix.lower() in video.SUFFIXES}
    for path in islice(found, LOOKED_AT):
        _count(path, videos, evidence)
    return evidence


def _count(path: Path, videos: set[Path], evidence: Evidence) -> None:
    if path.is_dir():
        judged = evidence.clips + evidence.numbered
        alike = frames.shows_one_scene(path) if judged < JUDGED else evidence.clips > evidence.numbered
        evidence.clips += alike
        evidence.streams += len(frames.streams_of(path)) > 1
        evidence.numbered += not alike
        evidence.photos += 0 if alike else len(frames.numbered(path))
    elif video.check(path) is None:
        # A GIF may be either.
        still = image.pictures_in(path) == 1
        evidence.photos += still
        evidence.videos += not still
    elif image.check(path) is None:
        thumbnail = path.with_name(_THUMBNAIL.sub("", path.stem)) in videos
        evidence.thumbnails += thumbnail
        evidence.photos += not thumbnail


def _media(root: Path) -> list[Path]:
    """Files and folders of frames; a class folder of numbered pictures holds photos."""
    above = _levels_above_labels(root)

    def is_clip(folder: Path) -> bool:
        parts = [part for part in folder.relative_to(root).parts if split_from(part) is None]
        return len(parts) > above + 1 and frames.is_frames_folder(folder)

    return walk(root, Accept(lambda path: None, "files", is_clip)).paths


def _levels_above_labels(root: Path) -> int:
    with suppress(DataError):
        return int(shape_of(root).layout == BATCHES)
    return 0


def _folders(count: int) -> str:
    return "1 folder" if count == 1 else f"{count} folders"
