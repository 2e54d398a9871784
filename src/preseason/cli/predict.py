"""`preseason predict MODEL PATHS...`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.boxed_pictures import DATA_SETS, who_is_where, write_found
from preseason.cli.verbs import Outcome, input_options, model_options, refuse_given, verb
from preseason.errors import DataError, UsageError

if TYPE_CHECKING:
    from preseason.cli.video_boxes import Wishes
    from preseason.results import Predictions
    from preseason.runtime.progress import Progress
    from preseason.trained_model import TrainedModel


VIDEO = ("fps", "track", "teams", "pitch")
"""Options of things in videos."""


@verb("predict")
@click.argument("model")
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "mot", *DATA_SETS]),
    default="table",
    show_default=True,
    help="Output format; json is the same as --json; mot is for tracks in videos; coco, voc and yolo write "
    "a data set of pictures and boxes.",
)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    help="New folder of the data set that --format coco, voc, yolo writes.",
)
@click.option(
    "--crops", metavar="FOLDER", help="Object detectors: cut every object out, into one folder per class."
)
@click.option("--on", "finder", metavar="FINDER", help="Predict every object that the detector FINDER finds.")
@click.option(
    "--draw",
    metavar="FOLDER",
    help="Object detectors: write the pictures and videos there, with their boxes drawn.",
)
@click.option(
    "--fps", type=float, metavar="N", help="Object detectors: frames per second of a video. Default: 5."
)
@click.option("--track", is_flag=True, help="Object detectors: track the objects in a video.")
@click.option(
    "--teams",
    metavar="CLASS",
    help="With --track: assign this class, such as player, to two teams by the colour of their kits.",
)
@click.option(
    "--pitch",
    metavar="TABLE",
    help="Fixed camera: positions on the pitch in metres, from a table of points (see the docs).",
)
@click.option("--adapt", is_flag=True, help="Re-centre the features on these examples first.")
@input_options
@model_options
def predict(
    *,
    model: str,
    paths: tuple[str, ...],
    form: str,
    output: str | None,
    crops: str | None,
    finder: str | None,
    draw: str | None,
    fps: float | None,
    track: bool,
    teams: str | None,
    pitch: str | None,
    adapt: bool,
    text: str | None,
    path: str | None,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Predict labels for photos, clips, sounds or texts, or find objects in pictures and videos.

    PATHS are files, folders, patterns such as "match/*.jpg", or tables that name files or hold texts. Answers
    come in the order of the inputs. An input unlike every known class is labelled `unknown`.
    """
    import preseason
    from preseason.cli.video_boxes import Wishes, of_videos, videos_among
    from preseason.models.detector import Detector
    from preseason.runtime.cache_dir import cache_folder
    from preseason.spotting.pitch import read_pitch
    from preseason.stores.mirror import inputs_here

    report = progress(quiet)
    loaded = preseason.load(model, progress=report, device=device, cache=cache)
    paths = tuple(str(each) for each in inputs_here(paths, cache_folder(cache)))
    _refuse_unfit(model, loaded, form, text or path, None if finder else draw)
    view = None if pitch is None else read_pitch(Path(pitch))
    if finder is not None:
        found = preseason.load(finder, progress=report, device=device, cache=cache)
        wishes = Wishes(fps, track, form, None if draw is None else Path(draw), None, teams, view)
        return _on_finder(model, loaded, (finder, found), paths, wishes, report)
    if isinstance(loaded, Detector) and (videos := videos_among(paths))[0]:
        refuse_given(["output"], "it is for pictures, not for videos.")
        if form in DATA_SETS:
            raise UsageError(f"--format {form} is for pictures, not for videos.")
        if adapt:
            raise UsageError("--adapt re-centres features of models of labels; leave it out for detection.")
        drawn, cut = (None if each is None else Path(each) for each in (draw, crops))
        wishes = Wishes(fps, track, form, drawn, cut, teams, view)
        return of_videos(model, loaded, videos, wishes, report)
    refuse_given([*VIDEO], "it is for a model that finds things, and videos.")
    if form == "mot":
        raise UsageError("--format mot is the format of tracks: name a video and --track.")
    more: dict[str, Any] = {"adapt": True} if adapt else {}
    more |= {name: value for name, value in (("text", text), ("path", path)) if value}
    predictions = loaded.predict(*map(_typed, paths), progress=report, **more)
    fields = shapes.of_predictions(model, predictions)
    if isinstance(loaded, Detector):
        fields |= write_found(form, predictions, loaded.labels, output, crops, draw)
    if form == "csv":
        for line in words.of_skipped(predictions.skipped):
            click.echo(line, err=True)
    none_read = bool(predictions.skipped) and not len(predictions)
    return Outcome(fields, _text(predictions, form), DataError.exit_code if none_read else 0)


def _refuse_unfit(name: str, model: "TrainedModel", form: str, column: str | None, draw: str | None) -> None:
    """Refuse options that the kind of model does not know."""
    from preseason.trained_model import CLASSIFIES, FINDS

    if column and CLASSIFIES not in model.capabilities:
        raise UsageError(f"--text and --path are for models of labels; {name} is one of {model.task}.")
    if FINDS in model.capabilities:
        return
    if draw is not None:
        raise UsageError(
            f"--draw is for models that find things; {name} is one of {model.task}: leave it out."
        )
    refuse_given(["crops", "output"], "it is for models that find things.")
    if form in DATA_SETS:
        raise UsageError(f"--format {form} is for models that find things; {name} is one of {model.task}.")


def _on_finder(
    name: str,
    model: "TrainedModel",
    finder: "tuple[str, TrainedModel]",
    paths: tuple[str, ...],
    wishes: "Wishes",
    report: "Progress",
) -> Outcome:
    """The answers to what another model finds."""
    from preseason.cli.named_videos import who_in_videos
    from preseason.cli.video_boxes import videos_among
    from preseason.models.classifier import Model
    from preseason.models.detector import Detector

    refuse_given(["adapt", "text", "path", "crops", "output"], "--on was given.")
    if wishes.form in DATA_SETS or wishes.form == "mot":
        raise UsageError(f"--format {wishes.form} holds boxes alone: with --on choose table, json or csv.")
    found = finder[1]
    if not isinstance(found, Detector):
        raise UsageError(f"--on takes a model that finds things; {finder[0]} is one of {found.task}.")
    if not isinstance(model, Model) or model.job.modality is not found.job.modality:
        raise UsageError(f"--on is for models of photos; {name} is one of {model.task}.")
    videos = videos_among(paths)
    if videos[0]:
        return who_in_videos(name, model, found, videos, wishes, report)
    refuse_given(["draw", *VIDEO], "with --on it is for videos.")
    return who_is_where(name, model, found, paths, wishes.form, report)


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
