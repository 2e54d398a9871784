"""A post-mortem of corrected answers: what went wrong, why, and what to do about it at the least cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from preseason.analysis.actions import Repair, repairs_of
from preseason.analysis.causes import Error, Evidence, counts_of, errors_of
from preseason.data.dataset import Sample, Skipped
from preseason.engine.hiding import Cover, Hiding
from preseason.engine.passes import Box
from preseason.errors import DataError
from preseason.inference.answers import BatchPredictions
from preseason.models.classifier import Model
from preseason.openset.drift import far_off
from preseason.results import Drift, Figure
from preseason.runtime.progress import Progress, Silent
from preseason.tasks.reading import fingerprinted, opened, read_labelled

CROPS = {
    "the middle": Box(0.15, 0.15, 0.85, 0.85),
    "the upper half": Box(0.15, 0.0, 0.85, 0.7),
    "the left": Box(0.0, 0.1, 0.65, 0.9),
    "the right": Box(0.35, 0.1, 1.0, 0.9),
}
ENOUGH = 0.5
"""Probability of the labelled class from which on another crop counts as giving the right answer."""
SEEN = ("image", "video")
"""Viewers of modalities whose examples have a middle, a left and an upper half."""
MAX_CROPPED = 60
"""Wrong answers of which other crops are tried, the surest first."""


@dataclass(frozen=True)
class Mistake:
    """A wrong answer with its cause in words."""

    input: str
    truth: str
    answer: str
    probability: float
    cause: str
    why: str
    sample: Sample


@dataclass(frozen=True)
class PostMortem:
    """What a model got wrong on corrected answers.

    Attributes:
        metrics: of all examples.
        mistakes: by cause, the commonest cause first.
        causes: how many errors each has.
        repairs: the three that mend most for a minute.
        drift: whether the examples are another world.
        learnt: how many of the examples the model was trained on.
        warnings: what makes the figures doubtful.
    """

    metrics: dict[str, Figure]
    mistakes: tuple[Mistake, ...]
    causes: dict[str, int]
    repairs: tuple[Repair, ...]
    drift: Drift | None
    skipped: tuple[Skipped, ...]
    learnt: int = 0
    warnings: tuple[str, ...] = ()


def post_mortem(
    model: Model,
    data: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    path: str | None = None,
    rename: Sequence[str] = (),
    name: str = "MODEL",
    progress: Progress | None = None,
) -> PostMortem:
    """Explain the errors of a model on examples whose correct labels are now known.

    Args:
        data: labelled as for `fit`: predictions corrected by a person.
        text, label, path: columns of a table.
        rename: `OLD=NEW` for labels that the model calls otherwise.
        name: name of the model folder in the suggested commands.

    Raises:
        DataError: it contains nothing usable.

    Example:
        for repair in preseason.post_mortem(model, "corrected/").repairs:
            print(repair.words, repair.mends, repair.minutes)
    """
    shown = progress or Silent()
    columns = model.columns((data,), text, label, path, rename)
    found, told = read_labelled(
        model.job, opened(data, model.extractors.cache, columns), columns, model.labels
    )
    samples, skipped = fingerprinted(found, model.job)
    answers, failed = model.answers(samples, shown)
    if not answers.samples:
        raise DataError(f"None of the {model.job.noun} in {data} could be read.")
    drift = model.drift(answers)
    learnt = model.has_learnt(answers.samples)
    far = np.zeros(len(answers.samples), np.bool_)
    if (
        drift is not None
        and drift.verdict == "other"
        and model.reference_distribution
        and answers.plain is not None
    ):
        far = far_off(model.reference_distribution, answers.plain, answers.probabilities, model.labels)
    evidence = Evidence(answers, model.known, far, better_crops(model, answers, shown))
    errors = errors_of(evidence)
    causes = counts_of(errors)
    order = {cause: place for place, cause in enumerate(causes)}
    listed = sorted(errors, key=lambda each: order[each.cause])
    return PostMortem(
        model.problem.measure(answers),
        tuple(_mistake(each, answers) for each in listed),
        causes,
        repairs_of(errors, answers, model.known, name, str(data)),
        drift,
        skipped + failed,
        int(learnt.sum()),
        (*told, *model.flattered(learnt)),
    )


def better_crops(model: Model, answers: BatchPredictions, progress: Progress) -> dict[int, str]:
    """For wrong answers, which other crop of the picture gives the right one; nothing of what is not seen."""
    wrong = (answers.probabilities.argmax(axis=1) != answers.targets) & (answers.targets >= 0)
    places = np.flatnonzero(wrong)
    if model.job.modality.viewer not in SEEN or not len(places):
        return {}
    places = places[np.argsort(-answers.probabilities[places].max(axis=1), kind="stable")][:MAX_CROPPED]
    covers = {name: Cover(box=box, crop=True) for name, box in CROPS.items()}
    looking = replace(model, extractors=model.extractors.decoding(lambda decoder: Hiding(decoder, covers)))
    forms = [replace(answers.samples[place], variant=name) for place in places for name in CROPS]
    again, _ = looking.answers(forms, progress)
    told: dict[int, str] = {}
    by_form = {(form.fingerprint, form.span, form.variant): row for form, row in _rows(again)}
    for place in places:
        told |= _better(answers, int(place), by_form)
    return told


def _rows(
    again: BatchPredictions,
) -> "list[tuple[Sample, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]]":
    return list(zip(again.samples, again.probabilities, strict=True))


def _better(answers: BatchPredictions, place: int, by_form: dict) -> dict[int, str]:  # type: ignore[type-arg]
    sample, truth = answers.samples[place], int(answers.targets[place])
    chances = {
        name: float(by_form[sample.fingerprint, sample.span, name][truth])
        for name in CROPS
        if (sample.fingerprint, sample.span, name) in by_form
    }
    if not chances:
        return {}
    best = max(chances, key=lambda name: chances[name])
    if chances[best] < ENOUGH:
        return {}
    return {place: f"cropped to {best} it is {100 * chances[best]:.0f} % {answers.labels[truth]}"}


def _mistake(error: Error, answers: BatchPredictions) -> Mistake:
    sample, row = answers.samples[error.place], answers.probabilities[error.place]
    best = int(row.argmax())
    return Mistake(
        str(sample.source),
        str(sample.label),
        answers.labels[best],
        float(row[best]),
        error.cause,
        error.why,
        sample,
    )
