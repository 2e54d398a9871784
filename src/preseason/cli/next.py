"""`preseason next MODEL PATHS...`: what to label next."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from preseason.cli import words
from preseason.cli.bars import progress
from preseason.cli.verbs import AliasedOption, Outcome, input_options, model_options, refuse_given, verb

if TYPE_CHECKING:
    from preseason.analysis.active_learning import Suggestions

HEADER = ["", "input", "label", "confidence", "reason"]
TABLES = (".csv",)


@verb("next")
@click.argument("model")
@click.argument("paths", nargs=-1, required=True)
@click.option("-n", "--count", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@click.option(
    "-o",
    "--output",
    metavar="FOLDER|FILE.csv",
    help=(
        "Copy them into FOLDER, sorted by predicted label, or list them in a table: correct either, "
        "then fit it."
    ),
)
@click.option(
    "--symlink",
    "link",
    cls=AliasedOption,
    hidden_names=["--link"],
    is_flag=True,
    help="Create links in FOLDER instead of copies.",
)
@input_options
@model_options
def next_to_label(
    *,
    model: str,
    paths: tuple[str, ...],
    count: int,
    output: str | None,
    link: bool,
    text: str | None,
    path: str | None,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Choose which unlabelled examples to label next.

    PATHS are files, folders, patterns or tables, as for `predict`. Each step picks the most uncertain example
    that differs from those already picked. Inputs unlike any known class are marked. For an object
    detector, pictures with most expected errors come first; -o writes them with their boxes.
    """
    import preseason
    from preseason.models.loading import classifier, finds

    report = progress(quiet)
    opened = preseason.load(model, progress=report, device=device, cache=cache)
    if finds(opened):
        from preseason.cli.next_pictures import next_pictures

        refuse_given(["text", "path", "link"], "it is for models of labels.")
        return next_pictures(model, opened, paths, count, output, report)
    loaded = classifier(opened, "next")
    found = preseason.suggest(loaded, *paths, count=count, progress=report, text=text, path=path)
    files = _written(found, output, link)
    fields = {
        "model": model,
        "suggestions": found.items,
        "looked_at": found.looked_at,
        "known": found.known,
        "copies": found.copies,
        "files": files,
        "skipped": found.skipped,
    }
    return Outcome(fields, _text(found, output, loaded.job.noun))


def _written(found: "Suggestions", output: str | None, link: bool) -> list[str]:
    from preseason.analysis.active_learning import sort_into, write_table

    if output is None:
        return []
    path = Path(output)
    if path.suffix.lower() in TABLES:
        write_table(found, path)
        return [output]
    return [str(made) for made in sort_into(found, path, link)]


def _text(found: "Suggestions", output: str | None, noun: str) -> str:
    rows = [
        [str(rank), words.short(item.input), item.label, words.percent(item.probability), item.reason]
        for rank, item in enumerate(found.items, 1)
    ]
    left_out = [
        *([f"{found.known} the model was trained on"] if found.known else []),
        *([f"{found.copies} duplicates"] if found.copies else []),
    ]
    without = f", without {' and '.join(left_out)}" if left_out else ""
    lines = [
        words.table(HEADER, rows),
        *words.of_skipped(found.skipped),
        f"{len(found)} of {found.looked_at} {noun}{without}.",
        *([f"Written: {output}: correct the labels, then pass it to fit or add."] if output else []),
    ]
    return "\n".join(lines)
