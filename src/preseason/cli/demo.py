"""`preseason demo`: the whole road on pictures that come with an install, or on sounds made for it."""

import os
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, verb
from preseason.errors import UsageError

if TYPE_CHECKING:
    from preseason.cli.demo_pictures import Pictures
    from preseason.cli.demo_sounds import Sounds
    from preseason.models.classifier import Model
    from preseason.results import Evaluation, FitRecord, Predictions
    from preseason.runtime.progress import Progress
    from preseason.spotting.spotting import Spotted

INTRODUCTION = """This is a demo. The pictures are not photos of people but frames of eight old video games,
rendered here and played at random: a model learns to recognise the games from a few small grey close-ups of
each."""


INTRODUCTION_SOUNDS = """This is a demo. The sounds are not recorded but made here by formulas: whistles,
horns, sirens and clapping in the noise of a crowd. A model learns them from eight of each; what it scores
says that everything works, not how well it will do on yours."""


@verb("demo")
@click.argument("kind", type=click.Choice(["pictures", "sounds"]), default="pictures", required=False)
@click.option("-o", "--output", metavar="FOLDER", help="Folder to write.  [default: a temporary folder]")
@click.option("--budget", default="2m", show_default=True, metavar="TIME", help="Time budget of the fit.")
@click.option("--open/--no-open", "show", default=None, help="Open the report in a browser.")
def demo(kind: str, output: str | None, budget: str, show: bool | None, quiet: bool) -> Outcome:
    """Fit, evaluate and predict on pictures of games or on sounds, without downloading anything.

    Held-out pictures come from game settings and episodes not seen in training, and three further games show
    how the model handles something it does not know. KIND sounds does the same with tones and noises that are
    made here, and finds them in a minute of them.
    """
    folder = _folder(output)
    report = progress(quiet)
    report.say(INTRODUCTION if kind == "pictures" else INTRODUCTION_SOUNDS)
    walk = _walk if kind == "pictures" else _walk_sounds
    outcome = walk(folder, budget, report)
    page = folder / "model" / "report.html"
    if show if show is not None else _has_browser():
        webbrowser.open(page.resolve().as_uri())
    return outcome


def _walk(folder: Path, budget: str, report: "Progress") -> Outcome:
    from preseason.cli.demo_pictures import render

    report.say(f"Rendering pictures into {folder} ...")
    pictures = render(folder)

    import preseason

    place = folder / "model"
    cache = str(folder / "cache")
    # Pictures give a model that names things, not one that talks.
    fitted = preseason.fit(pictures.photos, place, progress=report, budget_s=budget, cache=cache)
    model = cast("Model", fitted)
    evaluation = model.evaluate(pictures.new_photos, progress=report)
    strangers = model.predict(pictures.strangers, progress=report)
    refused = int((evaluation.answers.distance > model.known.threshold).sum())
    fields = {
        "model": place,
        "report": place / "report.html",
        "pictures": pictures,
        "fit": shapes.of_fit(str(place), model.record),
        "evaluate": shapes.of_evaluation(str(place), model.labels, evaluation),
        "predict": shapes.of_predictions(str(place), strangers),
        "known_called_unknown": refused / max(evaluation.score.n, 1),
    }
    return Outcome(fields, _text(place, pictures, model.record, evaluation, (refused, strangers)))


def _text(
    place: Path,
    pictures: "Pictures",
    record: "FitRecord",
    evaluation: "Evaluation",
    unknown: "tuple[int, Predictions]",
) -> str:
    refused, strangers = unknown
    met = sum(item.unknown for item in strangers.predictions)
    learnt = "\n".join(words.unseen_lines(record))
    return f"""
Trained on {sum(record.counts.values())} pictures of {len(record.labels)} games ({pictures.photos}).
{learnt}

On other settings and episodes of the same games ({pictures.new_photos}):
{words.of_evaluation(evaluation)}

Three games it never saw ({pictures.strangers}):
{met} of {len(strangers)} pictures called unknown, against {refused} of {evaluation.score.n} of known games.

Look at the report: {place / "report.html"}

Now your own photos, one folder per player, photos inside:
  preseason fit photos/"""


def _walk_sounds(folder: Path, budget: str, report: "Progress") -> Outcome:
    from preseason.cli.demo_sounds import make

    report.say(f"Making sounds in {folder} ...")
    sounds = make(folder)

    import preseason
    from preseason.report.timeline import Timeline, write_timeline

    place, page = folder / "model", folder / "match.html"
    fitted = preseason.fit(
        sounds.sounds, place, progress=report, budget_s=budget, cache=str(folder / "cache")
    )
    model = cast("Model", fitted)
    evaluation = model.evaluate(sounds.new_sounds, progress=report)
    strangers = model.predict(sounds.strangers, progress=report)
    spotted = preseason.spot(model, sounds.recording, progress=report)
    write_timeline(page, [Timeline(sounds.recording, spotted.actions)])
    refused = int((evaluation.answers.distance > model.known.threshold).sum())
    fields = {
        "model": place,
        "report": place / "report.html",
        "sounds": sounds,
        "fit": shapes.of_fit(str(place), model.record),
        "evaluate": shapes.of_evaluation(str(place), model.labels, evaluation),
        "predict": shapes.of_predictions(str(place), strangers),
        "known_called_unknown": refused / max(evaluation.score.n, 1),
        "spot": {"events": spotted.actions, "page": page},
    }
    return Outcome(
        fields, _text_sounds(place, sounds, model.record, evaluation, (refused, strangers), spotted)
    )


def _text_sounds(
    place: Path,
    sounds: "Sounds",
    record: "FitRecord",
    evaluation: "Evaluation",
    unknown: "tuple[int, Predictions]",
    spotted: "Spotted",
) -> str:
    from preseason.cli.demo_sounds import HORNS, MATCH_S, WHISTLES

    refused, strangers = unknown
    met = sum(item.unknown for item in strangers.predictions)
    learnt = "\n".join(words.unseen_lines(record))
    put = [("whistle", start) for start in WHISTLES] + [("horn", start) for start in HORNS]
    found = sum(
        any(e.label == kind and abs(e.moment_s - at - 0.5) < 1 for e in spotted.actions) for kind, at in put
    )
    return f"""
Trained on {sum(record.counts.values())} made sounds of {len(record.labels)} kinds ({sounds.sounds}).
{learnt}

On other pitches in a louder, longer-echoing hall ({sounds.new_sounds}):
{words.of_evaluation(evaluation)}

Bells and beeps, which it never heard ({sounds.strangers}):
{met} of {len(strangers)} called unknown, against {refused} of {evaluation.score.n} of known kinds.

{MATCH_S} seconds of a match with {len(WHISTLES)} whistles and {len(HORNS)} horns ({sounds.recording}):
{found} of {len(put)} found, {len(spotted.actions) - found} besides.
They are shown in time in {place.parent / "match.html"}

Look at the report: {place / "report.html"}

Now your own sounds, one folder per kind, recordings inside:
  preseason fit sounds/"""


def _folder(output: str | None) -> Path:
    """An empty folder to work in.

    Raises:
        UsageError: the named one holds something.
    """
    if output is None:
        return Path(tempfile.mkdtemp(prefix="preseason-demo-"))
    folder = Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty: name a new folder with -o, or leave -o out.")
    return folder


def _has_browser() -> bool:
    """Whether someone sits in front of a screen."""
    screen = sys.platform in ("win32", "darwin") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return screen and sys.stderr.isatty()
