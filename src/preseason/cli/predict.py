"""`preseason predict MODEL PATHS...`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, input_options, model_options, refuse_given, verb
from preseason.errors import DataError, UsageError

if TYPE_CHECKING:
    from preseason.results import Predictions


@verb("predict")
@click.argument("model")
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "mot"]),
    default="table",
    show_default=True,
    help="Output format; json is the same as --json; mot is that of tracks in videos.",
)
@click.option(
    "--draw",
    metavar="FOLDER",
    help="Of things found: write the pictures and videos there with their boxes drawn.",
)
@click.option(
    "--fps", type=float, metavar="N", help="Of things in a video: frames a second to look at; 5 by default."
)
@click.option("--track", is_flag=True, help="Of things in a video: number them, and follow them by number.")
@click.option("--adapt", is_flag=True, help="Re-centre the features on these examples first.")
@input_options
@model_options
def predict(
    *,
    model: str,
    paths: tuple[str, ...],
    form: str,
    draw: str | None,
    fps: float | None,
    track: bool,
    adapt: bool,
    text: str | None,
    path: str | None,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Predict labels for photos, clips or texts, or find things on pictures and in videos.

    PATHS are files, folders, patterns such as "match/*.jpg", or tables that name files or hold texts. Answers
    come in the order of the inputs. An input unlike every known class is labelled `unknown`.
    """
    import preseason
    from preseason.cli.video_boxes import Wishes, of_videos, videos_among
    from preseason.models.detector import Detector
    from preseason.trained_model import CLASSIFIES, FINDS

    report = progress(quiet)
    loaded = preseason.load(model, progress=report, device=device, cache=cache)
    more: dict[str, Any] = {"adapt": True} if adapt else {}
    if CLASSIFIES in loaded.capabilities:
        more |= {"text": text, "path": path}
    elif text or path:
        raise UsageError(f"--text and --path are for models of labels; {model} is one of {loaded.task}.")
    if draw is not None and FINDS not in loaded.capabilities:
        raise UsageError(
            f"--draw is for models that find things; {model} is one of {loaded.task}: leave it out."
        )
    if isinstance(loaded, Detector) and (videos := videos_among(paths)):
        if adapt:
            raise UsageError("--adapt re-centres features of models of labels; leave it out for detection.")
        wishes = Wishes(fps, track, form, None if draw is None else Path(draw))
        return of_videos(model, loaded, videos, wishes, report)
    refuse_given(["fps", "track"], "it is for a model that finds things, and videos.")
    if form == "mot":
        raise UsageError("--format mot is the format of tracks: name a video and --track.")
    predictions = loaded.predict(*map(_typed, paths), progress=report, **more)
    none_read = bool(predictions.skipped) and not len(predictions)
    fields = shapes.of_predictions(model, predictions)
    if draw is not None:
        from preseason.report.drawn import write_drawn

        fields["drawn"] = write_drawn(predictions.predictions, loaded.labels, Path(draw))
    if form == "csv":
        for line in words.of_skipped(predictions.skipped):
            click.echo(line, err=True)
    return Outcome(fields, _text(predictions, form), DataError.exit_code if none_read else 0)


def _typed(given: str) -> str | Path:
    """What was typed: the name of a folder is that folder, also where a text could be meant."""
    try:
        folder = bool(given.strip()) and Path(given).is_dir()
    except (OSError, ValueError):  # a text, longer than a path may be
        folder = False
    return Path(given) if folder else given


def _text(predictions: "Predictions", form: str) -> str:
    from preseason.cli.problems.base import terminals

    if form == "csv":
        return terminals.get(predictions.problem).csv(predictions)
    return words.of_predictions(predictions)
