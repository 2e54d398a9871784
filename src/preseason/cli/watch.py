"""`preseason watch MODEL FOLDER`."""

import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from preseason.cli.bars import progress
from preseason.cli.verbs import AliasedOption, Outcome, model_options, verb
from preseason.errors import UsageError

if TYPE_CHECKING:
    from preseason.serving.folder_watch import Seen


@verb("watch")
@click.argument("model")
@click.argument("folder")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Answers, one line each: .csv or .jsonl.  [default: FOLDER-answers.csv, beside FOLDER]",
)
@click.option(
    "--interval",
    "every",
    cls=AliasedOption,
    hidden_names=["--every"],
    type=click.FloatRange(min=0.05),
    default=2.0,
    show_default=True,
    help="Seconds between two checks of the folder.",
)
@click.option(
    "--stable-for",
    "settle",
    cls=AliasedOption,
    hidden_names=["--settle"],
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    help="Seconds a file must stay unchanged before it is read.",
)
@click.option("--once", is_flag=True, help="Answer what is there, then exit.")
@model_options
def watch(
    *,
    model: str,
    folder: str,
    output: str | None,
    every: float,
    settle: float,
    once: bool,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Predict files as they arrive in a folder, such as a camera's or a scout's uploads.

    Answers are appended to a table; files that have one are not predicted again, even after a restart or a
    power cut. The folder is polled, which works on network shares too. Ctrl-C ends it.
    """
    import preseason
    from preseason.models.loading import classifies, finds
    from preseason.serving.folder_watch import Watch

    report = progress(quiet)
    target = output if output is not None else answers_beside(folder)
    watch = Watch(folder, target, every_s=every, settle_s=settle)
    loaded = preseason.load(model, progress=report, device=device, cache=cache)
    if not classifies(loaded):
        instead = "use preseason predict" if finds(loaded) else "use preseason chat"
        raise UsageError(f"{model} is a model for {loaded.task} and cannot watch a folder: {instead}.")
    watch.tables = loaded.job.accept.cells
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seen = watch.run(loaded, report, once=once)
    fields = {"model": model, "folder": folder, "output": target}
    return Outcome(fields | asdict(seen), _text(target, seen))


def answers_beside(folder: str) -> str:
    """Where answers go when nothing is said: beside the folder and named after it, also for `.` and links."""
    given = Path(folder)
    if given.name not in ("", ".."):
        return f"{given}-answers.csv"
    place = given.resolve()
    return str(place.parent / f"{place.name or 'watched'}-answers.csv")


def _text(target: str, seen: "Seen") -> str:
    failed = f", {seen.failed} could not be read" if seen.failed else ""
    return f"{seen.answered} answered{failed}: {target}"
