"""The match videos of a server: uploaded into its own folder, or lying in one that its owner named."""

import hashlib
import shutil
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preseason.media import content, video
from preseason.media.video import Facts
from preseason.serving.faults import RequestError
from preseason.serving.intake import check_match, name_of
from preseason.serving.limits import Limits

MEDIA_TYPES = {
    "MP4 or QuickTime video": "video/mp4", "Matroska or WebM video": "video/webm",
    "AVI video": "video/x-msvideo",
    "MPEG transport stream video": "video/mp2t", "Flash video": "video/x-flv",
}  # fmt: skip


@dataclass(frozen=True)
class Video:
    """One match.

    Attributes:
        id: as requests call it; says nothing of where it lies.
        name: as people call it.
        own: whether it was uploaded and goes with the server.
    """

    id: str
    name: str
    path: Path
    facts: Facts
    own: bool

    def told(self) -> dict[str, Any]:
        """As sent."""
        return {
            "id": self.id,
            "name": self.name,
            "duration_s": self.facts.duration_s,
            "fps": self.facts.fps,
            "height": self.facts.height,
            "width": self.facts.width,
            "bytes": self.path.stat().st_size,
            "uploaded": self.own,
        }

    @property
    def media_type(self) -> str:
        """What a browser is told."""
        return MEDIA_TYPES.get(content.kind(content.read_head(self.path)) or "", "application/octet-stream")


class Videos:
    """All matches of a server.

    Args:
        folder: of the server's own, where uploads lie.
        shown: folder whose videos are offered as well; they are never written to.
        gone: told of videos that make room for others, before their files go.
    """

    def __init__(
        self, folder: Path, limits: Limits, shown: Path | None, gone: Callable[[Video], None]
    ) -> None:
        self._folder, self._limits, self._shown, self._gone = folder, limits, shown, gone
        self._kept: OrderedDict[str, Video] = OrderedDict()
        self._found: dict[Path, Video] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def place(self, size: int) -> Path:
        """Where an upload of so many bytes is written.

        Raises:
            RequestError: the disk has no room for it.
        """
        free = shutil.disk_usage(self._folder).free
        if size > 0.9 * free:
            told = f"The video has {size / 1e6:.0f} MB and the server's disk {free / 1e6:.0f} MB free."
            raise RequestError(413, told, close=True)
        return self._folder / uuid.uuid4().hex

    def add(self, path: Path, name: str) -> Video:
        """Take in an upload; the oldest ones go where all together are too many.

        Raises:
            RequestError: it is no video, or too long or large.
            MediaError: it is damaged.
        """
        facts = check_match(path, self._limits)
        added = Video(uuid.uuid4().hex, name_of(name) or "match", path, facts, own=True)
        with self._lock:
            self._kept[added.id] = added
            sizes = {key: each.path.stat().st_size for key, each in self._kept.items()}
            old = []
            while sum(sizes.values()) > self._limits.matches_bytes and len(sizes) > 1:
                oldest = next(iter(sizes))
                del sizes[oldest]
                old.append(self._kept.pop(oldest))
        for each in old:
            self._drop(each)
        return added

    def all(self) -> list[Video]:
        """Those of the named folder and the uploaded ones."""
        self._look()
        with self._lock:
            return [*self._found.values(), *self._kept.values()]

    def get(self, name: str) -> Video:
        """The match of that id.

        Raises:
            RequestError: there is none.
        """
        for each in self.all():
            if each.id == name:
                return each
        raise RequestError(404, f"There is no match {name[:40]!r} here: upload it to /v1/matches first.")

    def remove(self, name: str) -> None:
        """Delete an uploaded match.

        Raises:
            RequestError: there is none, or it was not uploaded.
        """
        chosen = self.get(name)
        if not chosen.own:
            raise RequestError(403, f"{chosen.name} was not uploaded here: it stays.")
        with self._lock:
            self._kept.pop(name, None)
        self._drop(chosen)

    def _drop(self, each: Video) -> None:
        self._gone(each)
        each.path.unlink(missing_ok=True)

    def _look(self) -> None:
        """Videos that have come into the named folder, or left it."""
        if self._shown is None:
            return
        paths = [path for path in sorted(self._shown.iterdir()) if path.is_file() and path.name[0] != "."]
        for path in paths:
            if path not in self._found and path.suffix.lower() in video.SUFFIXES:
                try:
                    facts = video.facts(path)
                except Exception:
                    continue
                mark = hashlib.blake2b(path.name.encode("utf-8", "surrogateescape"), digest_size=12)
                self._found[path] = Video(mark.hexdigest(), path.name, path, facts, own=False)
        self._found = {path: each for path, each in self._found.items() if path in paths}
