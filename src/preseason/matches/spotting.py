"""Actions of a long video by a fitted model: every step is judged by the window around it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from preseason.data.actions import BACKGROUND, Action, LabelledVideo
from preseason.engine.extract import Extractor
from preseason.engine.passes import Pass
from preseason.errors import UsageError
from preseason.evaluation.peaks import suppress
from preseason.evaluation.spotting import Recording, SpottingMetrics, by_half, measure
from preseason.heads.base import Features
from preseason.matches.walk import Rows, Walk
from preseason.media.stream import Pixels
from preseason.model import Model
from preseason.progress import Progress, Silent
from preseason.record import Floats, Ints
from preseason.tasks.actions import labelled
from preseason.tasks.clips import FRAMES, LARGEST_SIDE
from preseason.tasks.looks import cut_out

if TYPE_CHECKING:
    from preseason.language.model import ChatModel

LEAST = 0.02
"""Confidence from which on an answer counts in the measures."""


@dataclass(frozen=True)
class Spotted:
    """What was found in a video.

    Attributes:
        actions: in order of time; confidence is the model's probability.
        scores: float32 [s, c], the probability of every class at every step.
        rate: steps a second.
    """

    path: Path
    labels: tuple[str, ...]
    actions: tuple[Action, ...]
    scores: Floats
    rate: float


def spot(
    model: "Model | ChatModel | str | Path",
    match: str | Path,
    *,
    rate: float | None = None,
    threshold: float = 0.5,
    apart_s: float | None = None,
    progress: Progress | None = None,
) -> Spotted:
    """Find the model's actions in a long video.

    Args:
        model: fitted on actions with times, or on clips; or the folder it was saved in.
        rate: frames a second that are looked at; by default as many as a window of training had.
        threshold: least probability of an action.
        apart_s: least seconds between two actions of one class; by default half the length of a window.
        progress: told how far it is.

    Raises:
        UsageError: the model is one of photos or text.
        MediaError: the video cannot be decoded.

    Example:
        found = preseason.spot("actions", "match.mp4")
        found.actions[0].time_s
    """
    model = _classifier(model)
    scores, steps = scores_of(model, Path(match), rate, progress or Silent())
    actions = chosen(model, scores, steps, threshold, apart_s)
    return Spotted(Path(match), model.labels, actions, scores, steps)


def chosen(
    model: Model, scores: Floats, rate: float, threshold: float, apart_s: float | None = None
) -> tuple[Action, ...]:
    """The actions that stand out from the scores of all steps; background is none of them."""
    names = [name for name in model.labels if name != BACKGROUND]
    columns = [model.labels.index(name) for name in names]
    # Peaks are silenced within half of the window on either side.
    window_s = _span_s(model) if apart_s is None else 2 * apart_s
    # A window of an odd number of steps has its middle half a step behind the step that it is named by.
    start_s = 0.5 * (_width(model, rate) % 2) / rate
    return suppress(scores[:, columns], rate, names, window_s=window_s, threshold=threshold, start_s=start_s)


def _width(model: Model, rate: float) -> int:
    """Steps of a window: as many as one of training lasted, whatever the rate."""
    return max(1, round(_span_s(model) * rate))


def evaluate_spotting(
    model: "Model | ChatModel",
    data: str | Path,
    progress: Progress | None = None,
    seen: Callable[[LabelledVideo, tuple[Action, ...]], None] | None = None,
) -> SpottingMetrics:
    """SoccerNet's measures and the plain average precision over all labelled videos at `data`.

    Args:
        model: of clips or of actions.
        data: labelled videos.
        progress: told what happens.
        seen: told each video and what was found in it, however unsure.

    Raises:
        DataError: nothing usable is there.
        UsageError: as `spot`.
    """
    model = _classifier(model)
    recordings: list[Recording] = []
    for each in labelled(Path(data)).videos:
        scores, rate = scores_of(model, each.path, None, progress or Silent())
        found = chosen(model, scores, rate, LEAST)
        recordings += by_half(each.actions, found)
        if seen is not None:
            seen(each, found)
    names = [name for name in model.labels if name != BACKGROUND]
    return measure(recordings, names)


def scores_of(model: Model, path: Path, rate: float | None, progress: Progress) -> tuple[Floats, float]:
    """Probabilities float32 [s, c] of the steps of a video, and how many steps a second there are."""
    steps = rate if rate is not None else (FRAMES - 1) / _span_s(model)
    if steps <= 0:
        raise UsageError(f"--rate {rate:g}: expected more than 0 frames a second.")
    reader = WindowReader(model, steps)
    walk = Walk(
        path, steps, reader.before, reader.after, LARGEST_SIDE, model.bench.cache / "walks" / reader.key(path)
    )
    scores = walk.run(reader.rows, reader.judge, progress, f"watching {path.name}")
    return np.array(scores), steps


class WindowReader:
    """A model's ways over windows that slide along a video, each frame run through the network once.

    Args:
        rate: frames a second.
    """

    def __init__(self, model: Model, rate: float) -> None:
        self.model, self.rate = model, rate
        self.ways = [fitted.way for fitted in model.predictor.ways]
        if not all(way.plan.frames for way in self.ways):
            raise UsageError(f"This model is one of {model.job.noun}: spot needs one of clips or of actions.")
        if model.bench.backbone.preprocessing.frames:
            raise UsageError(
                f"spot runs networks of pictures, and {model.bench.backbone.name} is a video network. Fit "
                "with another --backbone, or predict on clips."
            )
        width = _width(model, rate)
        self.before, self.after = width // 2, width - width // 2
        self.places = {
            plan: np.linspace(0, width, plan.frames).round().astype(np.int64) for plan in self._plans()
        }

        bench = model.bench
        self._extractors = [
            Extractor(bench.backbone, replace(plan, frames=1), bench.source, bench.cache, bench.device)
            for plan in self._plans()
        ]

    def key(self, path: Path) -> str:
        """Names the result by the video's content, the model and the rate."""
        from preseason.data.dataset import Sample

        digest = hashlib.blake2b(self.model.job.fingerprint(Sample(path)).encode(), digest_size=16)
        digest.update(f"{self.rate:.6f} {self.model.record.fingerprint} {self.model.labels}".encode())
        digest.update(self.model.bench.backbone.weights_id.encode())
        for fitted in self.model.predictor.ways:
            for member in fitted.members:
                for name, array in sorted(member.state().arrays.items()):
                    digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def rows(self, frames: Sequence[Pixels]) -> Rows:
        """Rows of single frames for every pass."""
        found: Rows = {}
        for number, plan in enumerate(self._plans()):
            looks = [np.stack([cut_out(frame, box, plan.size) for box in plan.looks]) for frame in frames]
            found[str(number)] = np.stack(self._extractors[number].rows(looks, Silent().say)).astype(
                np.float16
            )
        return found

    def judge(self, rows: Rows) -> Floats:
        """Probabilities float32 [n, c] of the n steps that have all their neighbours among the rows."""
        count = len(rows["0"]) - self.before - self.after
        features = {}
        for way in self.ways:
            plan = way.plan
            held = rows[str(self._plans().index(plan))]
            features[way.name] = Features.of([_Windows(held, self.places[plan], count)])
        raw = self.model.predictor.judge(np.arange(count), features, {}, ())
        known = self.model.known
        return known.probabilities(raw.probabilities, known.place(raw.embeddings))

    def _plans(self) -> list[Pass]:
        return list(dict.fromkeys(way.plan for way in self.ways))


class _Windows:
    """Rows of windows [n, frames x parts, ...] that are put together from rows of frames when read."""

    def __init__(self, held: NDArray[Any], places: Ints, count: int) -> None:
        self._held, self._places = held, places
        self.shape = (count, len(places) * held.shape[1], *held.shape[2:])

    def __getitem__(self, index: Any) -> NDArray[Any]:
        steps = np.arange(self.shape[0])[index]
        windows: NDArray[Any] = self._held[steps[:, None] + self._places]
        return windows.reshape(len(steps), *self.shape[1:])


def _classifier(model: "Model | ChatModel | str | Path") -> Model:
    from preseason.loading import load

    loaded = load(model) if isinstance(model, str | Path) else model
    if not isinstance(loaded, Model):
        raise UsageError("This model talks: spot needs one of clips or of actions.")
    return loaded


def _span_s(model: Model) -> float:
    span = model.record.span_s
    if not span:
        raise UsageError(f"This model is one of {model.job.noun}: spot needs one of clips or of actions.")
    return span
