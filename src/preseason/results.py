"""What a fit or an evaluation found, as plain values: the JSON output, the report and the card read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from preseason.arrays.types import Floats
from preseason.data.boxes import FoundBox
from preseason.data.dataset import Skipped, Source
from preseason.errors import MediaError, UsageError
from preseason.formatting import percent
from preseason.media import image
from preseason.runtime import notebook


@dataclass(frozen=True)
class Figure:
    """One figure of n answers.

    Attributes:
        low, high: bounds at 95 %; None where none were computed.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds; 0 and 1 where none were computed."""
        return (0.0 if self.low is None else self.low), (1.0 if self.high is None else self.high)


def score_of(metrics: dict[str, Figure]) -> Figure:
    """The figure that decides: the first."""
    return next(iter(metrics.values()))


@dataclass(frozen=True)
class CandidateResult:
    """One way: its cross-validated accuracy, what it cost, and whether it was kept.

    `accuracy` is None for a way that was not fitted; `note` says why.
    """

    name: str
    accuracy: float | None
    seconds: float
    kept: bool
    note: str = ""


@dataclass(frozen=True)
class FitRecord:
    """Everything a fit found.

    Attributes:
        task, backbone, head, problem: names.
        recipe: all settings as plain values.
        answers: of the held-out part, by a model that did not see it: `BatchPredictions`, or
            `BoxPredictions` where boxes are predicted.
        metrics: of `answers`, by name; the first figure decides.
        baselines: accuracy on the same held-out part, e.g. `scratch`, `linear`, `majority`.
        candidates: what was tried, in order.
        boxes: float32 [p, 4], x0 y0 x1 y1 in 0..1, the region of each part of `answers.attention`.
        duplicates: clusters of examples with the same or nearly the same content.
        split: {"train", "test", "groups", "seed", "by"} in plain values.
        temperature: divisor of the logits found by calibration.
        unknown_threshold: distance above which an answer is `unknown`; with `unknown_auroc` of
            classes left out whole, None where there are too few classes to try.
        seconds: wall seconds by stage.
        versions: of preseason, Python and the libraries.
        span_s: seconds of a video that an example usually shows, None for other examples.
        words: of texts, for each label the words that speak most for it when words alone are counted.
        examples: how many there were where `counts` are not of them, as of boxes; else 0.
        data: how the data were read: `layout`, `sentence`, `notes`, `splits`, `groups`, `ignored`; empty in
            models that were saved before.
        trust: what was found about when to believe the model, by name of the check, in plain values.
        networks: what each network beside the first brought: `gain` of accuracy in cross-validation, the
            share of examples `found` to show what it reads, and both in a sentence, `said`.
        decisions: what the clock decided, by name, in plain values: a fit with `--config MODEL` repeats it.
    """

    task: str
    backbone: str
    head: str
    recipe: dict[str, Any]
    labels: tuple[str, ...]
    counts: dict[str, int]
    answers: Any
    metrics: dict[str, Figure]
    baselines: dict[str, float]
    candidates: tuple[CandidateResult, ...]
    boxes: Floats | None
    skipped: tuple[Skipped, ...]
    duplicates: tuple[tuple[Source, ...], ...]
    split: dict[str, Any]
    warnings: tuple[str, ...]
    temperature: float
    unknown_threshold: float
    unknown_auroc: float | None
    seconds: dict[str, float]
    versions: dict[str, str] = field(default_factory=dict)
    licence: str = ""
    fingerprint: str = ""
    span_s: float | None = None
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    trust: dict[str, Any] = field(default_factory=dict)
    problem: str = "classification"
    decisions: dict[str, Any] = field(default_factory=dict)
    examples: int = 0
    data: dict[str, Any] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def score(self) -> Figure:
        """The figure that decides."""
        return score_of(self.metrics)

    def _repr_html_(self) -> str:
        """In a notebook: the figures, what was tried, the warnings."""
        kept = [(item, item.accuracy) for item in self.candidates if item.accuracy is not None]
        tried = [
            (item.name, percent(reached), notebook.bar(reached), "yes" if item.kept else "")
            for item, reached in kept
        ]
        found = [
            notebook.paragraph(f"{self.task}: {len(self.labels)} labels, network {self.backbone}"),
            _figures_html(self.metrics),
        ]
        found += [notebook.table(("candidate", "score", "", "kept"), tried)] if tried else []
        return notebook.block(*found, *(notebook.paragraph(f"Warning: {text}") for text in self.warnings))


@dataclass(frozen=True)
class Prediction:
    """The answer to one input; `label` is the most probable class also when `unknown` is true."""

    input: str
    label: str
    probability: float
    unknown: bool
    probabilities: dict[str, float]

    def rows(self) -> list[dict[str, Any]]:
        """One row of a table: input, label, probability, unknown, `p(label)` of each label."""
        first = {"input": self.input, "label": self.label, "probability": self.probability}
        shares = {f"p({label})": share for label, share in self.probabilities.items()}
        return [first | {"unknown": self.unknown} | shares]


@dataclass(frozen=True)
class PictureBoxes:
    """What was found on one input, a picture `width` x `height` pixels large; the surest box first."""

    input: str
    width: int
    height: int
    boxes: tuple[FoundBox, ...]

    def rows(self) -> list[dict[str, Any]]:
        """A row of a table for each box: input, label, score, and its edges x0, y0, x1, y1 in pixels."""
        width, height = self.width, self.height
        return [
            {"input": self.input, "label": box.label, "score": box.score}
            | {"x0": box.x0 * width, "y0": box.y0 * height, "x1": box.x1 * width, "y1": box.y1 * height}
            for box in self.boxes
        ]


@dataclass(frozen=True)
class Drift:
    """Whether a batch comes from another world than the examples of training.

    Attributes:
        verdict: `same`, `other` or `cannot tell`.
        words: what follows, a sentence.
        p_value: chance of a batch as far off, were nothing changed; None where nothing can be told.
        distance: energy distance, 0 none to 1.
        usual, expected: accuracy in cross-fitting, and the one expected of this batch.
        label_first: inputs whose labels would help most; of another world alone.
    """

    verdict: str
    words: str
    p_value: float | None = None
    distance: float | None = None
    usual: float | None = None
    expected: float | None = None
    label_first: tuple[str, ...] = ()


@dataclass(frozen=True)
class Adaptation:
    """What re-centring features on a batch changed.

    Attributes:
        examples: that it was taken from.
        moved: mean way that features were moved, in deviations of training.
        candidates: names of the ways that were re-centred.
        left: names of those that were not, such as fine-tuned blocks.
    """

    examples: int
    moved: float
    candidates: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True)
class Predictions:
    """Answers in the order asked, inputs that could not be read, whether the batch is unlike training.

    Each answer is a `Prediction`, or `PictureBoxes` where boxes are predicted.
    """

    predictions: tuple[Any, ...]
    skipped: tuple[Skipped, ...] = ()
    drift: Drift | None = None
    adaptation: Adaptation | None = None
    problem: str = "classification"

    def __len__(self) -> int:
        return len(self.predictions)

    def __getitem__(self, index: int) -> Any:
        return self.predictions[index]

    def rows(self) -> list[dict[str, Any]]:
        """The answers as rows of a table, as plain values."""
        return [row for item in self.predictions for row in item.rows()]

    def to_pandas(self) -> Any:
        """The rows as a pandas `DataFrame`.

        Raises:
            UsageError: pandas is not installed.
        """
        return _frames("pandas").DataFrame(self.rows())

    def to_polars(self) -> Any:
        """The rows as a polars `DataFrame`.

        Raises:
            UsageError: polars is not installed.
        """
        return _frames("polars").DataFrame(self.rows())

    def _repr_html_(self) -> str:
        """In a notebook: the first answers, with a picture of each input that is one."""
        rows = self.rows()
        shown = [
            [_thumbnail(row["input"]), row["input"], row["label"], *_certainty(row)] for row in rows[:SHOWN]
        ]
        rest = len(rows) - len(shown)
        found = [notebook.table(("", "input", "label", "confidence", ""), shown)]
        found += [notebook.paragraph(f"... and {rest} more")] if rest > 0 else []
        left = [notebook.paragraph(f"Left out {item.path}: {item.reason}.") for item in self.skipped]
        return notebook.block(*found, *left[:SHOWN])


@dataclass(frozen=True)
class Evaluation:
    """What a model reaches on a labelled set; `answers` as of `FitRecord`.

    Attributes:
        learnt: how many of the examples the model has learnt from, told by their content.
        unseen: the figures of the others alone; empty where there are none, or no others.
    """

    task: str
    answers: Any
    metrics: dict[str, Figure]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    adaptation: Adaptation | None = None
    problem: str = "classification"
    learnt: int = 0
    unseen: dict[str, Figure] = field(default_factory=dict)

    @property
    def score(self) -> Figure:
        """The figure that decides."""
        return score_of(self.metrics)

    def _repr_html_(self) -> str:
        """In a notebook: the figures and the warnings."""
        return notebook.block(
            _figures_html(self.metrics), *(notebook.paragraph(f"Warning: {text}") for text in self.warnings)
        )


@dataclass(frozen=True)
class Update:
    """What adding or removing a class did: recall of every class before and after, on known examples."""

    name: str
    examples: int
    before: dict[str, float]
    after: dict[str, float]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...] = ()


SHOWN = 20
"""Rows of a table in a notebook."""


def _figures_html(metrics: dict[str, Figure]) -> str:
    """The figures with their intervals; shares have a bar."""
    rows: list[Sequence[str]] = []
    for name, figure in metrics.items():
        known = figure.low is not None and figure.high is not None
        interval = f"{percent(figure.interval[0])} to {percent(figure.interval[1])}" if known else ""
        share = 0 <= figure.value <= 1
        value = percent(figure.value, 1) if share else f"{figure.value:g}"
        rows.append((name, value, notebook.bar(figure.value) if share else "", interval, f"{figure.n:,}"))
    return notebook.table(("figure", "value", "", "95 % interval", "n"), rows)


def _certainty(row: dict[str, Any]) -> tuple[str, str]:
    share = float(row.get("probability", row.get("score", 0.0)))
    return percent(share) + (" (unknown)" if row.get("unknown") else ""), notebook.bar(share)


def _thumbnail(given: str) -> str:
    """A small picture of the file where it is one that can still be read."""
    try:
        path = Path(given)
        if not path.is_file() or image.check(path) is not None:
            return ""
        return notebook.picture(image.thumbnail_jpeg(image.decode(path, longest_side=96), 96))
    except (OSError, ValueError, MediaError):
        return ""


def _frames(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise UsageError(f"{name} is not installed: pip install {name}.") from None
