"""What a fit of a language model found, as plain values: JSON output, report and card read it."""

from dataclasses import asdict, dataclass
from typing import Any

from preseason.data.dataset import Skipped
from preseason.language.quiz import Score

TASK = "chat"


@dataclass(frozen=True)
class Reading:
    """Perplexity of n tokens over the whole vocabulary; `low` and `high` bound it at 95 % (bootstrap)."""

    n: int
    perplexity: float
    low: float
    high: float


@dataclass(frozen=True)
class EvalResult:
    """What a model reaches on what it has not seen.

    Attributes:
        held_out: perplexity on the held-out part.
        general: perplexity on prose that has nothing to do with the data, to see what was forgotten.
        quiz: held-out multiple-choice questions, where the data are such.
        general_quiz: the same for that prose: which of four endings a beginning has.
    """

    held_out: Reading
    general: Reading
    quiz: Score | None
    general_quiz: Score | None = None


@dataclass(frozen=True)
class SampleGeneration:
    """What the model says to a held-out beginning, before and after; `truth` is how it really goes on."""

    prompt: str
    before: str
    after: str
    truth: str


@dataclass(frozen=True)
class Training:
    """How training went.

    Attributes:
        kind: which weights were trained.
        weights: how many.
        words: words in the softmax of a step, of `vocabulary`.
        precision: float32 or bfloat16, whichever a measured step was faster with.
        curve: (step, held-out loss) at each interval.
        cut: index of the first block that was trained.
        workers: that took each step together.
    """

    kind: str
    weights: int
    words: int
    vocabulary: int
    precision: str
    length: int
    batch: int
    steps: int
    best_step: int
    tokens: int
    tokens_per_s: float
    stopped: str
    curve: tuple[tuple[int, float], ...]
    cut: int = 0
    workers: int = 1


@dataclass(frozen=True)
class ChatRecord:
    """Everything a fit of a language model found; `counts` has examples, groups, tokens."""

    backbone: str
    style: str
    recipe: dict[str, Any]
    counts: dict[str, int]
    before: EvalResult
    after: EvalResult
    sayings: tuple[SampleGeneration, ...]
    training: Training
    skipped: tuple[Skipped, ...]
    split: dict[str, Any]
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    versions: dict[str, str]
    licence: str
    terms: str
    fingerprint: str
    task: str = TASK


def record_values(record: ChatRecord) -> dict[str, Any]:
    """The record as plain values for JSON."""
    return asdict(record)


def record_from(values: dict[str, Any]) -> ChatRecord:
    """The record that `record_values` was given."""
    training = dict(values["training"])
    training["curve"] = tuple((int(step), float(loss)) for step, loss in training["curve"])
    return ChatRecord(
        **{
            **values,
            "before": _judgement(values["before"]),
            "after": _judgement(values["after"]),
            "sayings": tuple(SampleGeneration(**item) for item in values["sayings"]),
            "training": Training(**training),
            "skipped": tuple(Skipped(**item) for item in values["skipped"]),
            "warnings": tuple(values["warnings"]),
        }
    )


def _judgement(values: dict[str, Any]) -> EvalResult:
    scores = [values.get(name) for name in ("quiz", "general_quiz")]
    return EvalResult(
        Reading(**values["held_out"]),
        Reading(**values["general"]),
        *(None if score is None else Score(**score) for score in scores),
    )
