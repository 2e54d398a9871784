"""Figures of a fit in plain words; the report and the model card say them alike."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from preseason import formatting
from preseason.results import FitRecord
from preseason.tasks.base import tasks

MARKDOWN = re.compile(r"([\\`*_\[\]#~|!])")
ABSOLUTE = re.compile(r"(?<![\w/:.])(?:[A-Za-z]:)?(?:[/\\][^\s/\\:;,'\"]+){3,}")


@dataclass(frozen=True)
class Verdict:
    """One line on how far to trust a result; `tone` is good, note or warn."""

    tone: str
    title: str
    text: str


def percent(rate: float) -> str:
    """A rate as `94 %`, which no line break parts."""
    return formatting.percent(rate).replace(" ", "\xa0")


def count(n: int, noun: str) -> str:
    """`1 photo`, `12,000 photos`, `2 boxes`."""
    ending = "es" if noun.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{n:,} {noun}{'' if n == 1 else ending}"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def noun_of(task: str) -> str:
    """What one example of `task` is called."""
    return tasks.get(task).singular


def capitalised(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def markdown(value: str) -> str:
    """Text on one line that Markdown shows as it is.

    Example:
        >>> markdown("a|b <i>")
        'a\\\\|b &lt;i&gt;'
    """
    return MARKDOWN.sub(r"\\\1", html.escape(" ".join(value.split()), quote=False))


def short_path(path: object) -> str:
    """The file with its folder, whatever machine the path was made on: nothing private travels."""
    text = str(path)
    parts = PureWindowsPath(text).parts if "\\" in text else PurePosixPath(text).parts
    return "/".join(part.strip("/\\") for part in parts[-2:]) or text


def without_folders(text: str) -> str:
    """The text with every absolute path cut to the file and its folder."""
    return ABSOLUTE.sub(lambda found: short_path(found[0]), text)


def settings(record: FitRecord) -> dict[str, Any]:
    """The recipe without folders of the user's machine."""
    shown = {key: value for key, value in record.recipe.items() if key != "cache" and value is not None}
    return {key: short_path(value) if key == "weights" else value for key, value in shown.items()}


def cross_fitted(record: FitRecord) -> bool:
    """Whether examples were judged in turn, by models that learnt from the others."""
    by = str(record.split.get("by", ""))
    return by.endswith("cross-validation") or by.startswith("cross-fitting")  # models saved before


def examples_of(record: FitRecord) -> int:
    """How many examples were read."""
    return record.examples or sum(record.counts.values())


def judged(record: FitRecord) -> str:
    """Who gave the answers that the accuracy is counted on, as a sentence."""
    noun, n = noun_of(record.task), record.score.n
    total = examples_of(record)
    if n == 0:
        return f"Not measured: no {noun} was held out."
    some = f"the {count(n, noun)}" if n == total else f"{n:,} of the {count(total, noun)}"
    if cross_fitted(record):
        return f"Each of {some} was predicted by a model not trained on it (cross-validation)."
    return f"{n:,} of the {count(total, noun)} were held out as a test set."


def delivered(record: FitRecord) -> str:
    """What the model that the user has in hand has learnt from, as a sentence."""
    total = count(examples_of(record), noun_of(record.task))
    if cross_fitted(record):
        together = f"; together they were trained on all {total}"
        whole = record.score.n == examples_of(record)
        return f"The model you get is the average of these models{together if whole else ''}."
    if record.recipe.get("refit", True):
        return f"The model you get was then fitted on all {total}."
    return "The model you get has not seen the test set either (--no-refit)."


def transfer(record: FitRecord) -> Verdict:
    """Whether the pretrained weights were worth it, against the same network from random weights."""
    scratch, score = record.baselines.get("scratch"), record.score
    if scratch is None or score.n == 0:
        return Verdict("note", "Transfer not compared", "No network was trained from random weights.")
    reached = f"{percent(score.value)} against {percent(scratch)} from random weights"
    if score.value <= scratch:
        text = f"{reached}: the pretrained weights did not help. Try another backbone, or check the labels."
        return Verdict("warn", "Transfer brought nothing", text)
    if score.interval[0] <= scratch:
        text = f"{reached}: with {score.n} examples this may be chance. Label more."
        return Verdict("warn", "No clear gain from transfer", text)
    points = round(100 * (score.value - scratch))
    return Verdict("good", "Transfer paid off", f"{reached}: a gain of {points} points from pretraining.")
