"""One pass over a long video in bounded memory: finished stretches are kept, so that a stop loses little."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.engine.upkeep import ABOUT, evict_walks, touch
from preseason.errors import CacheError
from preseason.media import video
from preseason.media.stream import Pixels
from preseason.recipe import CACHE_LIMIT_GB
from preseason.runtime.files import atomic_write
from preseason.runtime.progress import Progress

Array = NDArray[Any]
Rows = dict[str, Array]

STRETCH = 128
"""Steps whose result is kept together."""
AT_ONCE = 8
"""Frames that are decoded before the network sees them."""
RESULT, END = "all.npy", "end.json"


@dataclass(frozen=True)
class VideoScan:
    """A way over a video.

    Attributes:
        rate: steps a second; step i stands for time i / rate.
        before, after: neighbouring steps on either side whose rows a step's result needs; at the ends of the
            video the first and the last frame stand for those that are missing.
        longest_side: frames are decoded no larger.
        folder: where finished stretches are kept, `walks/NAME` of the cache; NAME must change with all that
            shapes them.
    """

    path: Path
    rate: float
    before: int
    after: int
    longest_side: int
    folder: Path

    def run(
        self,
        rows_of: Callable[[Sequence[Pixels]], Rows],
        predict_proba: Callable[[Rows], Array],
        progress: Progress,
        stage: str,
    ) -> Array:
        """Results of all steps [s, k], mapped from the disk.

        Args:
            rows_of: frames to named rows [frames, ...].
            predict_proba: rows of `before + n + after` steps to the results [n, k] of the n in the middle.

        Raises:
            MediaError: the video cannot be decoded.
        """
        self._describe()
        if not (self.folder / RESULT).exists():
            self._finish(self._stretches(rows_of, predict_proba, progress, stage))
        evict_walks(self.folder.parents[1], CACHE_LIMIT_GB * 2**30, self.folder.name)
        result: Array = np.load(self.folder / RESULT, mmap_mode="r")
        return result

    def _describe(self) -> None:
        """So that the cache can tell what lies here and how long ago it was used."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            what = f"walk over {self.path.name}, {self.rate:.3g} frames a second"
            (self.folder / ABOUT).write_text(json.dumps({"what": what}), "utf-8")
            touch(self.folder)
        except OSError as error:
            raise CacheError(
                f"What is seen in {self.path.name} cannot be kept in {self.folder}: "
                f"{error.strerror or error}. Name another --cache."
            ) from error

    def _stretches(
        self,
        rows_of: Callable[[Sequence[Pixels]], Rows],
        predict_proba: Callable[[Rows], Array],
        progress: Progress,
        stage: str,
    ) -> list[Path]:
        """Files of all stretches, those from before a stop included."""
        kept, done = self._kept()
        if (self.folder / END).exists():
            return kept
        total = max(1, int(video.facts(self.path).duration_s * self.rate))
        progress.start(stage, total)
        progress.advance(min(done, total))
        held = _Held(self.before, done == 0)
        frames: list[Pixels] = []
        first = max(done - self.before, 0)
        for _, frame in video.stream(self.path, self.rate, first / self.rate, self.longest_side):
            frames.append(frame)
            if len(frames) == AT_ONCE:
                held.add(rows_of(frames))
                progress.advance(len(frames))
                frames = []
            while held.count >= self.before + STRETCH + self.after:
                kept.append(self._keep(done, predict_proba(held.first(self.before + STRETCH + self.after))))
                done += STRETCH
                held.drop(STRETCH)
        if frames:
            held.add(rows_of(frames))
        if held.count > self.before:
            held.pad(self.after)
            kept.append(self._keep(done, predict_proba(held.first(held.count))))
        (self.folder / END).write_text(json.dumps({"stretches": len(kept)}), "ascii")
        progress.finish()
        return kept

    def _kept(self) -> tuple[list[Path], int]:
        """Stretches that follow one another from the beginning, and how many steps they hold."""
        found, done = [], 0
        while (path := self.folder / f"{done:09}.npy").exists():
            found.append(path)
            done += len(np.load(path, mmap_mode="r"))
        return found, done

    def _keep(self, step: int, result: Array) -> Path:
        path = self.folder / f"{step:09}.npy"
        with atomic_write(path) as part, part.open("wb") as file:
            np.save(file, result)
        return path

    def _finish(self, stretches: list[Path]) -> None:
        """All stretches in one file, which can be mapped."""
        parts = [np.load(path, mmap_mode="r") for path in stretches]
        shape = (sum(len(part) for part in parts), *parts[0].shape[1:])
        with atomic_write(self.folder / RESULT) as temporary:
            whole = np.lib.format.open_memmap(temporary, "w+", parts[0].dtype, shape)
            at = 0
            for part in parts:
                whole[at : at + len(part)] = part
                at += len(part)
            whole.flush()
        for path in stretches:
            path.unlink()


class _Held:
    """Rows of the steps that are still needed."""

    def __init__(self, before: int, at_start: bool) -> None:
        self._rows: list[Rows] = []
        self._lead = before if at_start else 0

    @property
    def count(self) -> int:
        return len(self._rows)

    def add(self, rows: Rows) -> None:
        each = [{name: row[i] for name, row in rows.items()} for i in range(len(next(iter(rows.values()))))]
        self._rows += [each[0]] * self._lead + each
        self._lead = 0

    def pad(self, count: int) -> None:
        self._rows += [self._rows[-1]] * count

    def first(self, count: int) -> Rows:
        return {name: np.stack([row[name] for row in self._rows[:count]]) for name in self._rows[0]}

    def drop(self, count: int) -> None:
        del self._rows[:count]
