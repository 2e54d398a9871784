"""`preseason post-mortem MODEL CORRECTED`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, column_options, model_options, naming_options, verb

if TYPE_CHECKING:
    from preseason.analysis.error_analysis import PostMortem

SHOWN = 12


@verb("post-mortem")
@click.argument("model")
@click.argument("corrected")
@click.option("-o", "--output", metavar="FILE.html", help="Also write a page with the pictures.")
@column_options
@naming_options
@model_options
def post_mortem(
    *,
    model: str,
    corrected: str,
    output: str | None,
    text: str | None,
    label: str | None,
    path: str | None,
    rename: tuple[str, ...],
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Explain a model's errors, with the three most worthwhile fixes.

    CORRECTED is labelled as for `fit`: predictions corrected by a person. Each error is listed under the
    cause with the strongest evidence: a class unknown to the model, a label that looks wrong, data unlike the
    training data, an odd crop, too few labels, a look-alike.
    """
    import preseason
    from preseason.models.loading import classifier

    report = progress(quiet)
    loaded = classifier(preseason.load(model, progress=report, device=device, cache=cache), "post-mortem")
    found = preseason.post_mortem(
        loaded, corrected, text=text, label=label, path=path, rename=rename, name=model, progress=report
    )
    if output is not None:
        from preseason.report.post_mortem import write_page

        write_page(found, Path(output), loaded.job)
    mistakes = [
        {
            "input": each.input,
            "truth": each.truth,
            "answer": each.answer,
            "probability": each.probability,
            "cause": each.cause,
            "why": each.why,
        }
        for each in found.mistakes
    ]
    fields = {
        "model": model,
        "metrics": shapes.metrics_of(loaded.problem.name, found.metrics),
        "mistakes": mistakes,
        "causes": found.causes,
        "repairs": found.repairs,
        "drift": found.drift,
        "learnt": found.learnt,
        "warnings": found.warnings,
        "skipped": found.skipped,
        "files": [output] if output else [],
    }
    return Outcome(fields, _text(found, loaded.problem.name, corrected, output))


def _inside(given: str, corrected: str) -> str:
    """A file's path within the folder that was named; anything else as it is, on one line."""
    return words.short(given.removeprefix(f"{corrected.rstrip('/')}/"))


def _minutes(minutes: float) -> str:
    return "a minute" if minutes < 1.5 else f"{minutes:.0f} minutes"


def _text(found: "PostMortem", problem: str, corrected: str, output: str | None) -> str:
    from preseason.analysis.causes import CAUSES

    lines = [words.sentence_of(problem, found.metrics)]
    if found.mistakes:
        rows = [
            [_inside(each.input, corrected), each.truth, each.answer, CAUSES[each.cause], each.why]
            for each in found.mistakes[:SHOWN]
        ]
        lines += ["", words.table(["input", "label", "predicted", "cause", "reason"], rows)]
        more = len(found.mistakes) - SHOWN
        lines += [f"... and {more} more; see --json or -o."] if more > 0 else []
        counted = ", ".join(f"{CAUSES[cause]} {count}" for cause, count in found.causes.items())
        lines += ["", f"Causes: {counted}."]
    if found.drift is not None and found.drift.verdict == "other":
        lines.append(f"Overall: {found.drift.words}")
    lines += [
        (
            f"{rank}. {each.words} Fixes about {max(each.mends, 0.1):.1f} of {len(found.mistakes)} "
            f"errors in {_minutes(each.minutes)}."
        )
        + (f"\n   {each.command}" if each.command else "")
        for rank, each in enumerate(found.repairs, 1)
    ]
    lines += words.of_skipped(found.skipped)
    lines += [f"Warning: {warning}" for warning in found.warnings]
    return "\n".join([*lines, *([f"Written: {output}"] if output else [])])
