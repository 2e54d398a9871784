"""What to label next, out of examples without labels, and where a person sorts them."""

import csv
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from preseason.arrays.types import Ints
from preseason.data.dataset import File, Member, Sample, Skipped
from preseason.data.files import FORMULAS
from preseason.data.given import Inputs
from preseason.data.safe_names import cell, folder_names
from preseason.errors import DataError, UsageError
from preseason.evaluation.choosing import choose
from preseason.inference.answers import BatchPredictions
from preseason.models.classifier import Model
from preseason.runtime.progress import Progress, Silent

UNSURE = 0.8
"""Probability below which an answer's rival is named."""
STRANGERS = "not-known"
"""Folder of those that are unlike everything the model knows."""


@dataclass(frozen=True)
class Suggestion:
    """One example that a person should label.

    Attributes:
        input: the file, or the text itself.
        label, probability: what the model says of it.
        rival, rival_probability: the next likeliest class.
        stranger: whether it is unlike everything known; its true label may be a new one.
        reason: why it is worth a label, in words.
    """

    input: str
    label: str
    probability: float
    rival: str
    rival_probability: float
    stranger: bool
    reason: str


@dataclass(frozen=True)
class Suggestions:
    """The most telling example first.

    Attributes:
        looked_at: examples they were chosen from.
        known: examples left out because the model has learnt from them.
        copies: examples left out because another one has the same content.
        samples: of `items`, in the same order.
    """

    items: tuple[Suggestion, ...]
    looked_at: int
    known: int
    copies: int
    skipped: tuple[Skipped, ...]
    samples: tuple[Sample, ...] = ()

    def __len__(self) -> int:
        return len(self.items)


def suggest(
    model: Model,
    *inputs: Inputs,
    count: int = 20,
    progress: Progress | None = None,
    text: str | None = None,
    path: str | None = None,
) -> Suggestions:
    """Choose which unlabelled examples to label next: uncertain ones that differ from each other.

    Args:
        model: the model so far.
        inputs: files, folders, globs and tables, or texts, as for `predict`.
        count: how many to choose.
        progress: receives progress messages.
        text, path: columns of tables, as for `predict`.

    Raises:
        UsageError: no input was given, or `count` is below 1.
        DataError: nothing is left to choose from.

    Example:
        for each in preseason.suggest(model, "match/", count=20).items:
            print(each.input, each.reason)
    """
    if count < 1:
        raise UsageError(f"-n {count}: expected 1 or more.")
    samples, skipped = model.samples_of(inputs, text, path)
    seen = {example.fingerprint for example in model.known.examples}
    fresh = [sample for sample in samples if sample.fingerprint not in seen]
    once = list({(sample.fingerprint, sample.span): sample for sample in reversed(fresh)}.values())[::-1]
    answers, failed = model.answers(once, progress or Silent())
    if not answers.samples:
        raise DataError(_nothing_left(model, len(samples), len(samples) - len(fresh)))
    chosen = choice_of(answers, count)
    items = tuple(_suggestion(model, answers, int(place)) for place in chosen)
    return Suggestions(
        items,
        len(answers.samples),
        len(samples) - len(fresh),
        len(fresh) - len(once),
        skipped + failed,
        tuple(answers.samples[i] for i in chosen),
    )


def choice_of(answers: BatchPredictions, count: int) -> Ints:
    """Positions of the answers whose examples to label next, the most telling first."""
    assert answers.vectors is not None
    return choose(answers.probabilities, answers.vectors, count)


def sort_into(suggestions: Suggestions, folder: Path, link: bool = False) -> list[Path]:
    """Put the examples into one folder for each guess, for a person to sort and `fit` or `add` to read.

    Args:
        folder: is made; one that holds files already is refused.
        link: make symbolic links instead of copies.

    Raises:
        UsageError: the folder holds files, or the examples are texts (a table is for these).
    """
    if not all(sample.source.name for sample in suggestions.samples):
        raise UsageError(f"Texts are not files: name a table instead, -o {folder.name}.csv.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty: name a new folder.")
    names = folder_names((item.label for item in suggestions.items), [STRANGERS])
    if any(isinstance(sample.source, Member) for sample in suggestions.samples):
        raise UsageError(f"Photos inside shards are not files: name a table instead, -o {folder.name}.csv.")
    made = []
    for rank, (item, sample) in enumerate(zip(suggestions.items, suggestions.samples, strict=True), 1):
        source = sample.path
        target = folder / (STRANGERS if item.stranger else names[item.label]) / f"{rank:03}-{source.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        _place(source, target, link)
        made.append(target)
    return made


def write_table(suggestions: Suggestions, path: Path) -> None:
    """Write them as CSV that `fit` reads, the guess as label, for a person to correct."""
    files = all(sample.source.name for sample in suggestions.samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path" if files else "text", "label", "sure", "why"])
        for item, sample in zip(suggestions.items, suggestions.samples, strict=True):
            shown = (
                _relative(sample.path, path.parent)
                if isinstance(sample.source, File)
                else cell(str(sample.source))
            )
            writer.writerow([shown, cell(item.label), f"{item.probability:.3f}", item.reason])


def _suggestion(model: Model, answers: BatchPredictions, place: int) -> Suggestion:
    row = answers.probabilities[place]
    first, second = (int(index) for index in np.argsort(-row, kind="stable")[:2])
    stranger = bool(answers.distance[place] > model.known.threshold)
    names = model.labels[first], model.labels[second]
    reason = _reason(names, float(row[first]), stranger, model.job.singular)
    source = str(answers.samples[place].source)
    return Suggestion(source, names[0], float(row[first]), names[1], float(row[second]), stranger, reason)


def _reason(names: Sequence[str], probability: float, stranger: bool, singular: str) -> str:
    if stranger:
        return f"unlike everything known: a new label, or a new kind of {singular}?"
    if probability < UNSURE:
        return f"between {names[0]} and {names[1]}"
    return f"unlike those above, if it is {names[0]}"


def _nothing_left(model: Model, read: int, known: int) -> str:
    noun = model.job.noun
    if read and known == read:
        return f"The model was already trained on all {read} {noun}: name others."
    return f"None of the {noun} could be read: expected files, folders or patterns of {noun}."


def _place(source: Path, target: Path, link: bool) -> None:
    if link:
        target.symlink_to(source.resolve(), source.is_dir())
    elif source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def _relative(path: Path, folder: Path) -> str:
    try:
        beside = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
        return f"./{beside}" if beside.startswith(FORMULAS) else beside
    except ValueError:  # on another drive of Windows
        return str(path.resolve())
