"""The report of a chat model: perplexity before and after, answers side by side, what was learnt from."""

from pathlib import Path

from preseason.formatting import duration
from preseason.language.quiz import Score
from preseason.language.record import ChatRecord, Reading
from preseason.report import words
from preseason.report.html import environment
from preseason.runtime.files import write_text

STYLES = {
    "dialogue": "Answers like the dialogues it was trained on",
    "text": "Continues like the texts it was trained on",
}


def write_chat_report(record: ChatRecord, path: Path) -> None:
    """Write the report to `path`, by rename; one page that loads nothing and runs nothing."""
    page = environment().get_template("chat.html").render(
        title=STYLES[record.style],
        record=record,
        figures=figures(record),
        settings=settings(record),
        skipped=[(words.short_path(item.path), item.reason) for item in record.skipped[:12]],
        more=max(len(record.skipped) - 12, 0),
        stages=[(name, duration(seconds)) for name, seconds in record.seconds.items()],
        curve=[(step, f"{loss:.3f}") for step, loss in record.training.curve],
        version=record.versions.get("preseason", ""),
        verdict=verdict(record),
    )  # fmt: skip
    write_text(path, page, errors="replace")


def figures(record: ChatRecord) -> list[tuple[str, str, str, str]]:
    """Rows of name, before, after, and what it means."""
    before, after = record.before, record.after
    rows = [
        ("Perplexity, held-out", _perplexity(before.held_out), _perplexity(after.held_out),
         f"{before.held_out.n:,} tokens, whole vocabulary; lower is better"),
        ("Perplexity, general English", _perplexity(before.general), _perplexity(after.general),
         f"{before.general.n:,} tokens of general prose: how much was forgotten"),
    ]  # fmt: skip
    if before.quiz is not None and after.quiz is not None:
        note = f"{after.quiz.n} held-out questions; guessing scores {words.percent(after.quiz.chance)}"
        rows.append(("Quiz accuracy", _score(before.quiz), _score(after.quiz), note))
    if before.general_quiz is not None and after.general_quiz is not None:
        note = (
            f"{after.general_quiz.n} beginnings of that prose with four endings each: how much was forgotten"
        )
        rows.append(
            (
                "Accuracy on endings of general English",
                _score(before.general_quiz),
                _score(after.general_quiz),
                note,
            )
        )
    return rows


def verdict(record: ChatRecord) -> str:
    """One sentence on what training brought."""
    before, after = record.before.held_out, record.after.held_out
    if after.perplexity >= before.perplexity:
        return "Training did not lower the perplexity of the held-out part."
    return (
        f"On held-out texts, perplexity fell from {before.perplexity:.1f} to "
        f"{after.perplexity:.1f}: the model hesitates between that many words."
    )


def settings(record: ChatRecord) -> dict[str, str]:
    """What was trained and how, for the table of settings."""
    training = record.training
    return {
        "pretrained model": record.backbone,
        "licence": record.licence or "unknown",
        "trained": f"{training.kind}, {training.weights:,} weights",
        "trained on": f"{record.counts['tokens']:,} tokens of {record.counts['examples']:,} examples",
        "split by": str(record.split["by"]),
        "steps": f"{training.steps} of {training.batch} x {training.length} tokens, best after "
        f"{training.best_step}",
        "stopped because": training.stopped,
        "words in the softmax": f"{training.words:,} of {training.vocabulary:,}",
        "speed": f"{training.tokens_per_s:.0f} tokens a second, {training.precision}"
        + (f", {training.workers} workers" if training.workers > 1 else ""),
        **record.versions,
    }


def _perplexity(reading: Reading) -> str:
    return f"{reading.perplexity:.1f} ({reading.low:.1f} to {reading.high:.1f})"


def _score(score: Score) -> str:
    return f"{words.percent(score.accuracy)} ({100 * score.low:.0f} to {100 * score.high:.0f})"
