"""What is heard in a long recording, or in a match's sound track: events with a start and an end.

One pass over the recording in bounded memory: windows as long as the sounds of training, a quarter of a
window apart, each answered like a file. Finished stretches are kept, so that a stop loses little.
Neighbouring windows of one label above the threshold are one event.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from preseason.arrays.types import Floats
from preseason.data.actions import Action
from preseason.data.background import is_background
from preseason.data.dataset import File, Sample
from preseason.engine.extract import Extractor
from preseason.engine.upkeep import WALKS, evict_walks, touch
from preseason.errors import CacheError, UsageError
from preseason.inference.features import Features
from preseason.media import sound
from preseason.media.mel import Wave
from preseason.models.classifier import Model
from preseason.recipe import CACHE_LIMIT_GB
from preseason.runtime.files import atomic_write
from preseason.runtime.progress import Progress

STRETCH = 64
"""Windows that are answered together and whose answers are kept together."""
APART = 0.25
"""Of a window: how far the next one begins after it."""


@dataclass(frozen=True)
class Heard:
    """Answers along a recording.

    Attributes:
        scores: float32 [s, c], probabilities of every class in each window, 0 where it is unknown.
        hop_s, window_s: how far windows are apart, and how long they are.
    """

    scores: Floats
    hop_s: float
    window_s: float


def hear(model: Model, path: Path, progress: Progress, rate: float | None = None) -> Heard:
    """Answers to the windows of a recording.

    Args:
        rate: windows a second; by default four in the length of one.

    Raises:
        MediaError: it cannot be decoded.
        UsageError: the rate is not positive.
        CacheError: the answers cannot be kept.
    """
    window_s = float(model.record.span_s or 1.0)
    if rate is not None and not rate > 0:
        raise UsageError(f"--rate {rate:g}: expected more than 0 windows a second.")
    hop_s = window_s * APART if rate is None else 1 / rate
    listener = _Listener(model, path, round(window_s * sound.RATE), max(1, round(hop_s * sound.RATE)))
    try:
        return Heard(listener.run(progress), listener.hop / sound.RATE, window_s)
    except OSError as error:
        raise CacheError(
            f"What is heard in {path.name} cannot be kept in {listener.folder}: {error.strerror or error}. "
            "Name another --cache."
        ) from error


def events(
    heard: Heard, labels: tuple[str, ...], threshold: float, apart_s: float | None
) -> tuple[Action, ...]:
    """Events in order of time; what is called background, noise, silence, other or none is no event.

    Args:
        threshold: least probability of an event's windows.
        apart_s: events of one label nearer than this are one; by default half a window.
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"--threshold {threshold:g}: expected more than 0 and at most 1.")
    joined = heard.window_s / 2 if apart_s is None else apart_s
    found = [
        event
        for column, label in enumerate(labels)
        if not is_background(label)
        for event in _events(heard, heard.scores[:, column], label, threshold, joined)
    ]
    return tuple(sorted(found, key=lambda event: (event.time_s, event.label)))


def _events(heard: Heard, scores: Floats, label: str, threshold: float, joined_s: float) -> Iterator[Action]:
    """Runs of windows above the threshold, from the middle of the first to that of the last."""
    above = np.flatnonzero(scores >= threshold)
    gap = max(1, round(joined_s / heard.hop_s))
    for run in np.split(above, np.flatnonzero(np.diff(above) > gap) + 1):
        if not len(run):
            continue
        middle = heard.window_s / 2
        start = max(0.0, run[0] * heard.hop_s + middle - max(heard.hop_s, middle / 2))
        end = run[-1] * heard.hop_s + middle + max(heard.hop_s, middle / 2)
        yield Action(float(start), label, min(float(scores[run].max()), 1.0), end_s=float(end))


class _Listener:
    """One pass over one recording."""

    def __init__(self, model: Model, path: Path, window: int, hop: int) -> None:
        self.model, self.path, self.window, self.hop = model, path, window, hop
        self.folder = model.extractors.cache / WALKS / self._key()
        self._known_alone = not any(map(is_background, model.labels))

    def run(self, progress: Progress) -> Floats:
        """Scores float32 [s, c] of all windows."""
        self.folder.mkdir(parents=True, exist_ok=True)
        touch(self.folder)
        kept = [np.load(path) for path in self._kept()]
        if not (self.folder / "end").exists():
            kept += self._listen(sum(map(len, kept)), progress)
            (self.folder / "end").touch()
        evict_walks(self.folder.parents[1], CACHE_LIMIT_GB * 2**30, self.folder.name)
        return np.concatenate(kept)

    def _listen(self, done: int, progress: Progress) -> list[Floats]:
        total = max(1, int(sound.length_s(self.path) * sound.RATE / self.hop))
        progress.start(f"listening to {self.path.name}", total)
        progress.advance(min(done, total))
        found = []
        for waves in self._stretches(done):
            scores = self._answer(waves, progress)
            with atomic_write(self.folder / f"{done:09}.npy") as part, part.open("wb") as file:
                np.save(file, scores)
            found.append(scores)
            done += len(scores)
            progress.advance(len(scores))
        progress.finish()
        return found

    def _stretches(self, done: int) -> Iterator[list[Wave]]:
        """Windows from the `done`th on, `STRETCH` together; the last one is filled up with silence."""
        held, first = np.zeros(0, np.float32), done == 0
        need = self.window + (STRETCH - 1) * self.hop
        for piece in sound.stream(self.path, start_s=done * self.hop / sound.RATE):
            held = np.concatenate([held, piece])
            while len(held) >= need:
                yield [held[i * self.hop :][: self.window] for i in range(STRETCH)]
                held, first = held[STRETCH * self.hop :], False
        rest = int(np.ceil(max(len(held) - self.window, 0) / self.hop)) + 1
        if first or len(held) > self.window - self.hop:
            filled = np.pad(held, (0, max(0, self.window + rest * self.hop - len(held))))
            yield [filled[i * self.hop :][: self.window] for i in range(rest)]

    def _answer(self, waves: list[Wave], progress: Progress) -> Floats:
        model, extractors = self.model, self.model.extractors
        decoder: Any = extractors.decoder
        features: dict[str, Features] = {}
        for fitted in model.predictor.candidates:
            spec = fitted.candidate.spec
            extractor = extractors.extractor(spec)
            assert isinstance(extractor, Extractor)
            rows = extractor.rows([decoder.of_wave(wave, spec) for wave in waves], progress.say)
            # Rows of the bank are float16: what is heard must be what was learnt.
            features[fitted.candidate.name] = Features.of([np.stack(rows).astype(np.float16)])
        raw = model.predictor.predict_proba(np.arange(len(waves)), features, {}, ())
        vectors = model.known.place(raw.embeddings)
        scores = model.known.probabilities(raw.probabilities, vectors)
        if self._known_alone:
            scores = np.where(
                model.known.distance(vectors, raw.part_rows)[:, None] > model.known.threshold, 0, scores
            )
        silent = np.array([np.abs(wave).max(initial=0) < sound.SILENT for wave in waves])
        return np.where(silent[:, None], 0, scores).astype(np.float32)

    def _kept(self) -> list[Path]:
        """Stretches that follow one another from the beginning."""
        found, done = [], 0
        while (path := self.folder / f"{done:09}.npy").exists():
            found.append(path)
            done += len(np.load(path, mmap_mode="r"))
        return found

    def _key(self) -> str:
        """Names the answers by the recording's content, the model and how it is listened to."""
        fingerprint = self.model.job.fingerprint(Sample(File(self.path)))
        told = f"{fingerprint} {self.window} {self.hop} {self.model.record.fingerprint} {self.model.labels}"
        digest = hashlib.blake2b(told.encode(), digest_size=16)
        for fitted in self.model.predictor.candidates:
            for fold_model in fitted.fold_models:
                for name, array in sorted(fold_model.state().arrays.items()):
                    digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()
