"""What the verbs found, in plain words and tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from preseason import formatting
from preseason.formatting import duration

if TYPE_CHECKING:
    from preseason.data.account import Account
    from preseason.data.dataset import Skipped
    from preseason.results import Drift, Evaluation, Figure, FitRecord, Predictions, Update

SHOWN_SKIPS = 5
MAX_LABELS = 40
SHOWN_WARNINGS = 2
SHOWN_FIRST = 12
MAX_INPUT = 72


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns under their names, aligned by what a terminal shows (wide characters take two cells)."""
    from rich.cells import cell_len

    widths = [max(cell_len(row[c]) for row in [header, *rows]) for c in range(len(header))]
    lines = [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in [header, *rows]
    ]
    return "\n".join(lines)


def percent(rate: float) -> str:
    """A rate 0..1 as a percentage with one decimal."""
    return formatting.percent(rate, 1)


def sentence_of(problem: str, metrics: "dict[str, Figure]") -> str:
    """The figure that decides, for someone who has never met one."""
    from preseason.problems.base import problems

    return problems.get(problem).sentence(metrics)


def unseen_lines(record: "FitRecord") -> list[str]:
    """The accuracy of a fit, who judged, and what the model that was delivered has learnt from."""
    from preseason.report.words import delivered, judged

    return [sentence_of(record.problem, record.metrics), f"{judged(record)} {delivered(record)}"]


def of_fit(model: str, record: "FitRecord", next_line: str, verbose: bool = False) -> str:
    """The closing lines of a fit; with `verbose` all warnings and all that was left out."""
    known = {name: text for name, text in formatting.BASELINES.items() if name in record.baselines}
    beside = ", ".join(f"{text} {percent(record.baselines[name])}" for name, text in known.items())
    took = sum(record.seconds.values())
    lines = [
        *unseen_lines(record),
        *([f"Baselines: {beside}."] if beside else []),
        *(f"{each['said']}." for each in record.networks.values()),
        *(of_skipped(record.skipped, len(record.skipped)) if verbose else _count_of_skipped(record.skipped)),
        *of_warnings(record.warnings, len(record.warnings) if verbose else SHOWN_WARNINGS),
        f"Model:  {model}  (fitted in {duration(took)})",
        f"Report: {model}/report.html",
        f"Next:   {next_line}",
    ]
    return "\n".join(lines)


def of_reading(account: "Account", refusal: str) -> str:
    """How data were read: the sentence, labels with counts, parts, groups, what was left out."""
    counted = {"Labels": account.labels, "Splits": account.splits}
    lines = [f"Read as {account.task} ({account.layout}): {account.sentence}", *account.notes]
    for name, counts in counted.items():
        shown = [f"{label} {n}" for label, n in list(counts.items())[:MAX_LABELS]]
        more = f" and {len(counts) - MAX_LABELS} more" if len(counts) > MAX_LABELS else ""
        lines += [f"{name}: {', '.join(shown)}{more}."] if shown else []
    lines.append(f"Groups that are never parted: {account.groups}.")
    lines += of_skipped(account.skipped)
    return "\n".join([*lines, f"A fit would stop here: {refusal}" if refusal else "Nothing was fitted."])


def of_warnings(warnings: "Sequence[str]", most: int = SHOWN_WARNINGS) -> list[str]:
    """The `most` worst warnings, a line each, and how many there are besides."""
    shown = [f"Warning: {warning}" for warning in warnings[:most]]
    more = len(warnings) - len(shown)
    rest = "1 more warning is" if more == 1 else f"{more} more warnings are"
    return [*shown, *([f"{rest} in the report; --verbose prints all."] if more > 0 else [])]


def _count_of_skipped(skipped: "Sequence[Skipped]") -> list[str]:
    """One line on what was left out, with an example: the files were named when the fit began."""
    if len(skipped) < 2:
        return of_skipped(skipped)
    return [f"Left out: {len(skipped)} files or rows, such as {skipped[0].path}: {skipped[0].reason}"]


def of_evaluation(evaluation: "Evaluation", fields: dict[str, Any] | None = None) -> str:
    """The figure that decides, then what the problem adds to it.

    Args:
        fields: those of `shapes.of_evaluation`, where they are there already.
    """
    from preseason.cli.problems.base import terminals

    terminal = terminals.get(evaluation.problem)
    lines = [
        sentence_of(evaluation.problem, evaluation.metrics),
        *_of_learnt(evaluation),
        *terminal.evaluation_lines(evaluation, fields or terminal.evaluation_fields(evaluation)),
        *of_skipped(evaluation.skipped),
        *[f"Warning: {warning}" for warning in evaluation.warnings],
    ]
    return "\n".join(lines)


def _of_learnt(evaluation: "Evaluation") -> list[str]:
    """Where some of the examples were learnt from, which a warning tells: the figure of the others."""
    if not evaluation.unseen:
        return []
    others = len(evaluation.answers.samples) - evaluation.learnt
    return [
        f"On the {others} that it was not trained on: {sentence_of(evaluation.problem, evaluation.unseen)}"
    ]


def of_predictions(predictions: "Predictions") -> str:
    """The answers, and what is to be said of them together."""
    from preseason.cli.problems.base import terminals

    shown = terminals.get(predictions.problem).table(predictions)
    lines = [*of_skipped(predictions.skipped), *of_drift(predictions.drift), *of_adaptation(predictions)]
    return "\n".join([shown, *lines] if shown else lines)


def of_adaptation(told: "Predictions | Evaluation") -> list[str]:
    """What re-centring changed, where it was asked for."""
    change = told.adaptation
    if change is None:
        return []
    left = f"; not {', '.join(change.left)}" if change.left else ""
    return [
        (
            f"Re-centred on {change.examples} examples: features of {', '.join(change.candidates)} "
            f"moved by {change.moved:.2f} standard deviations{left}."
        )
    ]


def of_drift(drift: "Drift | None") -> list[str]:
    """A warning where the batch is another world, with what to label first; else nothing."""
    if drift is None or drift.verdict != "other":
        return []
    listed = ", ".join(short(each) for each in drift.label_first[:SHOWN_FIRST])
    return [f"Warning: {drift.words}", *([f"Label these first: {listed}"] if listed else [])]


def short(given: str) -> str:
    """An input on one line; a text is cut where it is long, a path is not."""
    line = " ".join(given.split())
    return line if len(line) <= MAX_INPUT or " " not in line else f"{line[: MAX_INPUT - 1]}…"


def of_update(verb: str, model: str, update: "Update") -> str:
    """Every class's score before and after."""
    rows = [[label, _rate(update.before, label), _rate(update.after, label)] for label in _all_labels(update)]
    head = {
        "add": f"{update.name} added from {update.examples} examples.",
        "remove": f"{update.name} removed.",
    }
    lines = [
        head[verb],
        "",
        table(["label", "recall before", "recall after"], rows),
        *of_skipped(update.skipped),
        *[f"Warning: {warning}" for warning in update.warnings],
        f"Model:  {model}",
    ]
    return "\n".join(lines)


def of_skipped(skipped: "Sequence[Skipped]", most: int = SHOWN_SKIPS) -> list[str]:
    """The first files that were left out and why; the JSON object and the report name all."""
    lines = [f"Left out: {item.path}: {item.reason}" for item in skipped[:most]]
    rest = len(skipped) - most
    return [*lines, *([f"... and {rest} more; see --json."] if rest > 0 else [])]


def _all_labels(update: "Update") -> list[str]:
    return sorted({*update.before, *update.after})


def _rate(rates: dict[str, float], label: str) -> str:
    return percent(rates[label]) if label in rates else "-"
