"""What `fit` says and prints where the model talks."""

from typing import TYPE_CHECKING, Any, cast

from preseason.cli.shapes import report_of
from preseason.cli.verbs import Outcome
from preseason.cli.words import of_skipped, percent
from preseason.formatting import duration

if TYPE_CHECKING:
    from preseason.language.hosted_model import HostedRecord
    from preseason.language.record import ChatRecord
    from preseason.trained_model import Record


def of_fit(model: str, record: "Record", quoted: str) -> Outcome:
    """The JSON object and the closing lines of a fit, on this machine or at a service."""
    from preseason.language.hosted_model import HostedRecord

    if isinstance(record, HostedRecord):
        return of_hosted_fit(model, record, quoted)
    own = cast("ChatRecord", record)
    return Outcome(fields_of_fit(model, own), text_of_fit(model, own, quoted))


def of_hosted_fit(model: str, record: "HostedRecord", quoted: str) -> Outcome:
    """The JSON object and the closing lines of a fit at a service."""
    held = [f"{loss:.3f}" for _, loss in (record.curve[:1] + record.curve[-1:])]
    lines = [
        f"Tuned model: {record.name}, at {record.address} (job {record.job}).",
        *([f"Loss on the held-out part, reported by the service: {', then '.join(held)}."] if held else []),
        *of_skipped(record.skipped),
        f"Model:  {model}  (fitted in {duration(sum(record.seconds.values()))})",
        f"Next:   preseason chat {quoted}",
    ]
    fields = {name: getattr(record, name) for name in record.__dataclass_fields__}
    return Outcome({"model": model, "labels": [], "metrics": {}, **fields}, "\n".join(lines))


def fields_of_fit(model: str, record: "ChatRecord") -> dict[str, Any]:
    """What `fit --json` prints; fields of other fits that it has no use for are empty."""
    quiz = record.after.quiz
    before = record.before.quiz
    metrics = {
        "n": record.after.held_out.n,
        "accuracy": quiz.accuracy if quiz else None,
        "low": quiz.low if quiz else None,
        "high": quiz.high if quiz else None,
        "balanced_accuracy": None,
        "macro_f1": None,
        "ece": None,
        "perplexity": record.after.held_out.perplexity,
        "perplexity_before": record.before.held_out.perplexity,
        "general_perplexity": record.after.general.perplexity,
        "general_perplexity_before": record.before.general.perplexity,
        "questions": quiz.n if quiz else 0,
        "general_accuracy": ended.accuracy if (ended := record.after.general_quiz) else None,
        "general_accuracy_before": ended.accuracy if (ended := record.before.general_quiz) else None,
    }
    return {
        "model": model,
        "report": report_of(model),
        "task": record.task,
        "style": record.style,
        "backbone": record.backbone,
        "head": record.training.kind,
        "labels": [],
        "counts": record.counts,
        "metrics": metrics,
        "baselines": {"pretrained": before.accuracy, "chance": before.chance} if before else {},
        "before": record.before,
        "after": record.after,
        "training": record.training,
        "sayings": record.sayings,
        "split": record.split,
        "duplicates": [],
        "skipped": record.skipped,
        "warnings": record.warnings,
        "seconds": record.seconds,
        "recipe": record.recipe,
        "licence": record.licence,
        "terms": record.terms,
        "fingerprint": record.fingerprint,
        "versions": record.versions,
    }


def text_of_fit(model: str, record: "ChatRecord", quoted: str) -> str:
    """The closing lines of a fit."""
    held, was = record.after.held_out, record.before.held_out
    lines = [
        f"Perplexity on {held.n:,} held-out tokens: {was.perplexity:.1f} before, {held.perplexity:.1f} after "
        f"(95 % CI {held.low:.1f} to {held.high:.1f}).",
        *_quiz_lines(record),
        f"On general English: {record.before.general.perplexity:.1f} before, "
        f"{record.after.general.perplexity:.1f} after{_endings(record)}.",
        *of_skipped(record.skipped),
        *[f"Warning: {warning}" for warning in record.warnings],
        f"Model:  {model}  (fitted in {duration(sum(record.seconds.values()))})",
        f"Report: {model}/report.html",
        f"Next:   preseason chat {quoted}",
    ]
    return "\n".join(lines)


def _quiz_lines(record: "ChatRecord") -> list[str]:
    before, after = record.before.quiz, record.after.quiz
    if before is None or after is None:
        return []
    return [
        (
            f"Accuracy on held-out questions: {percent(before.accuracy)} before, "
            f"{percent(after.accuracy)} after, of {after.n} (95 % CI {100 * after.low:.0f} to "
            f"{100 * after.high:.0f} %; guessing scores {100 * after.chance:.0f} %)."
        )
    ]


def _endings(record: "ChatRecord") -> str:
    before, after = record.before.general_quiz, record.after.general_quiz
    if before is None or after is None:
        return ""
    return (
        f"; of {after.n} sentence endings it picks {percent(before.accuracy)} correctly before, "
        f"{percent(after.accuracy)} after"
    )
