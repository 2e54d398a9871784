"""Actions of a long video by a fitted model: every step is judged by the window around it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from preseason.arrays.types import Floats
from preseason.data.actions import BACKGROUND, Action, LabelledVideo
from preseason.data.clock import clock
from preseason.data.dataset import File, Sample
from preseason.data.spellings import renames, same_class
from preseason.engine.upkeep import WALKS
from preseason.errors import UsageError
from preseason.evaluation.spotting import Recording, SpottingMetrics, by_half, measure
from preseason.formatting import percent
from preseason.inference.clip_frames import MAX_SIDE
from preseason.media import video
from preseason.models.classifier import Model
from preseason.models.loading import classifies, load, talks
from preseason.results import Drift
from preseason.runtime import notebook
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Progress, Silent
from preseason.spotting.nms import suppress
from preseason.spotting.readers import WindowReader
from preseason.spotting.scan import VideoScan
from preseason.spotting.sounds import events, hear
from preseason.stores.mirror import here
from preseason.tasks.actions import labelled
from preseason.trained_model import TrainedModel

MIN_SCORE = 0.02
"""Confidence from which on an answer counts in the measures."""
COMPARED = 40
"""Windows of a video, evenly spread, that are compared with those of training."""


@dataclass(frozen=True)
class Scores:
    """What a model says of a video's steps.

    Attributes:
        scores: float32 [s, c].
        rate: steps a second.
        start_s: time of the first step.
    """

    scores: Floats
    rate: float
    start_s: float


@dataclass(frozen=True)
class Spotted:
    """What was found in a video.

    Attributes:
        actions: in order of time; confidence is the model's probability.
        scores: float32 [s, c], the probability of every class at every step.
        rate: steps a second.
        drift: whether the video is another world than those of training; None of models that cannot compare.
    """

    path: Path
    labels: tuple[str, ...]
    actions: tuple[Action, ...]
    scores: Floats
    rate: float
    drift: Drift | None = None

    def _repr_html_(self) -> str:
        """In a notebook: what was found when, and how sure it is."""
        rows = [
            (clock(each.time_s), each.label, percent(each.confidence), notebook.bar(each.confidence))
            for each in self.actions
        ]
        counted = f"{len(rows)} found in {self.path.name}"
        return notebook.block(
            notebook.paragraph(counted), notebook.table(("time", "label", "confidence", ""), rows)
        )


def spot(
    model: TrainedModel | str | Path,
    match: str | Path,
    *,
    rate: float | None = None,
    threshold: float = 0.5,
    apart_s: float | None = None,
    progress: Progress | None = None,
) -> Spotted:
    """Find actions in a long video, with their times.

    Args:
        model: fitted on actions with times, or on clips; or the folder it was saved in.
        rate: frames per second to look at; by default as many as a training window had.
        threshold: minimum probability of an action.
        apart_s: minimum seconds between two actions of one class; by default half a window.
        progress: receives progress messages.

    Raises:
        UsageError: the model is one of photos or text.
        MediaError: the video cannot be decoded.

    Example:
        found = preseason.spot("actions", "match.mp4")
        found.actions[0].time_s
    """
    model, path, told = _classifier(model), here(match, cache_folder()), progress or Silent()
    if getattr(model.job.modality, "listened", False):
        heard = hear(model, path, told, rate)
        found = events(heard, model.labels, threshold, apart_s)
        return Spotted(path, model.labels, found, heard.scores, 1 / heard.hop_s)
    seen = scores_of(model, path, rate, told)
    actions = chosen(model, seen, threshold, apart_s)
    return Spotted(path, model.labels, actions, seen.scores, seen.rate, drift_in(model, path, told))


def drift_in(model: Model, path: Path, progress: Progress) -> Drift | None:
    """Whether a video is another world than those of training, from `COMPARED` windows of it.

    A video is one match: a model that knows fewer than four cannot tell.
    """
    if model.reference_distribution is None:
        return None
    span = _span_s(model)
    length = video.facts(path).duration_s
    if length < 2 * span:
        return None
    starts = np.linspace(0, length - span, min(COMPARED, int(length / span)))
    whole = model.job.fingerprint(Sample(File(path)))
    windows = [Sample(File(path), span=(float(at), float(at) + span), fingerprint=whole) for at in starts]
    return model.drift(model.answers(windows, progress)[0])


def chosen(model: Model, seen: Scores, threshold: float, apart_s: float | None = None) -> tuple[Action, ...]:
    """The actions that stand out from the scores of all steps; background is none of them."""
    names = [name for name in model.labels if name != BACKGROUND]
    columns = [model.labels.index(name) for name in names]
    # Peaks are silenced within half of the window on either side.
    window_s = _span_s(model) if apart_s is None else 2 * apart_s
    return suppress(
        seen.scores[:, columns],
        seen.rate,
        names,
        window_s=window_s,
        threshold=threshold,
        start_s=seen.start_s,
    )


def evaluate_spotting(
    model: TrainedModel,
    data: str | Path,
    progress: Progress | None = None,
    seen: Callable[[LabelledVideo, tuple[Action, ...]], None] | None = None,
    rename: Sequence[str] = (),
) -> SpottingMetrics:
    """SoccerNet's measures and the plain average precision over all labelled videos at `data`.

    Args:
        model: of clips or of actions.
        data: labelled videos.
        progress: told what happens.
        seen: told each video and what was found in it, however unsure.
        rename: `OLD=NEW` for labels that the model calls otherwise; other spellings of its own are joined.

    Raises:
        DataError: nothing usable is there.
        UsageError: as `spot`, or a label that is renamed does not occur.
    """
    model = _classifier(model)
    recordings: list[Recording] = []
    for each in _under_names_of(model, labelled(here(data, cache_folder())).videos, rename):
        found = chosen(model, scores_of(model, each.path, None, progress or Silent()), MIN_SCORE)
        recordings += by_half(each.actions, found)
        if seen is not None:
            seen(each, found)
    names = [name for name in model.labels if name != BACKGROUND]
    return measure(recordings, names)


def _under_names_of(
    model: Model, videos: Sequence[LabelledVideo], rename: Sequence[str]
) -> list[LabelledVideo]:
    """The videos with their actions called as the model calls them."""
    written = {action.label for video in videos for action in video.actions}
    asked = renames(rename, (*written, *model.labels))
    called = {label: asked.get(label, label) for label in written}
    names = {
        label: name if name in model.labels else same_class(name, model.labels) or name
        for label, name in called.items()
    }
    return [
        replace(
            video,
            actions=tuple(replace(action, label=names[action.label]) for action in video.actions),
        )
        for video in videos
    ]


def scores_of(model: Model, path: Path, rate: float | None, progress: Progress) -> Scores:
    """Probabilities of a video's steps.

    Args:
        rate: frames a second that are looked at.

    Raises:
        UsageError: the rate is not positive, or the model is none of clips.
    """
    steps = rate if rate is not None else _most_frames(model) / _span_s(model)
    if steps <= 0:
        raise UsageError(f"--rate {rate:g}: expected more than 0 frames a second.")
    width = max(1, round(_span_s(model) * steps))
    reader = WindowReader(model, steps, width)
    folder = model.extractors.cache / WALKS / reader.key(path)
    scan = VideoScan(path, steps, reader.before, reader.after, MAX_SIDE, folder)
    scores = scan.run(reader.rows, reader.predict_proba, progress, f"watching {path.name}")
    # A window of an odd number of frames has its middle half a frame behind the step that it is named by.
    start_s = 0.5 * (width % 2) / steps
    return Scores(np.array(scores[:: reader.stride]), steps / reader.stride, start_s)


def _most_frames(model: Model) -> int:
    """From the first to the last frame of a window, as the way whose frames lie nearest sees it."""
    run = max(model.extractors.backbone.preprocessing.frames, 1)
    specs = [fitted.candidate.spec for fitted in model.predictor.candidates]
    return max(1, *(round((spec.frames * run - 1) / spec.middle) for spec in specs))


def _classifier(model: TrainedModel | str | Path) -> Model:
    loaded = load(model) if isinstance(model, str | Path) else model
    if not classifies(loaded):
        kind = "chat" if talks(loaded) else loaded.task
        raise UsageError(f"This is a {kind} model: `spot` needs a model of clips or of actions.")
    return loaded


def _span_s(model: Model) -> float:
    span = model.record.span_s
    if not span:
        raise UsageError(f"This model is one of {model.job.noun}: `spot` needs one of clips or of actions.")
    return span
