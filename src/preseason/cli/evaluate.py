"""`preseason evaluate MODEL DATA`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, model_options, verb
from preseason.errors import UsageError

if TYPE_CHECKING:
    from preseason.data.actions import Action, LabelledVideo
    from preseason.evaluation.spotting import SpottingMetrics
    from preseason.progress import Progress


@verb("evaluate")
@click.argument("model")
@click.argument("data")
@click.option("--text", metavar="COLUMN", help="Column of a table that holds the texts.")
@click.option("--label", metavar="COLUMN", help="Column of a table of texts that holds the labels.")
@click.option(
    "--timeline", metavar="FILE.html", help="Of actions in matches: what was found beside what is there."
)
@model_options
def evaluate(
    *,
    model: str,
    data: str,
    text: str | None,
    label: str | None,
    timeline: str | None,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Score a model on labelled data that it has not seen.

    MODEL is a folder that `fit` wrote; DATA is labelled as for `fit`. For a model of actions with times the
    videos are searched as well and SoccerNet's average-mAP is told.
    """
    import preseason

    report = progress(quiet)
    loaded = preseason.load(model, progress=report, device=device, cache=cache)
    if timeline is not None and loaded.task != "actions":
        raise UsageError(f"--timeline is for models of actions in matches; {model} is one of {loaded.task}.")
    evaluation = loaded.evaluate(data, report, text=text, label=label)
    fields = shapes.of_evaluation(model, loaded.labels, evaluation)
    told = words.of_evaluation(evaluation, fields["classes"])
    if loaded.task == "actions":
        measured = _spotting(loaded, data, report, timeline)
        fields |= {"spotting": measured}
        told = f"{told}\n{words.of_spotting(measured)}"
        told += f"\nTimeline: {timeline}" if timeline else ""
    return Outcome(fields, told)


def _spotting(model: Any, data: str, report: "Progress", timeline: str | None) -> "SpottingMetrics":
    """Search the videos as well; draw what was found where asked."""
    from preseason.matches.spotting import evaluate_spotting
    from preseason.report.timeline import LIKELY, Timeline, write_timeline

    drawn: list[Timeline] = []

    def seen(video: "LabelledVideo", found: "tuple[Action, ...]") -> None:
        likely = [action for action in found if action.confidence >= LIKELY]
        drawn.append(Timeline(video.path, likely, video.actions))

    measured = evaluate_spotting(model, data, progress=report, seen=seen)
    if timeline is not None:
        write_timeline(Path(timeline), drawn)
    return measured
