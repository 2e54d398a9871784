"""`preseason demo`: the whole road on pictures that come with an install, or on sounds made for it."""

import os
import sys
import tempfile
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from preseason.cli import shapes, words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, verb
from preseason.errors import UsageError

if TYPE_CHECKING:
    from preseason.cli.demo_pictures import Pictures
    from preseason.cli.demo_sounds import Sounds
    from preseason.models.classifier import Model
    from preseason.results import Evaluation, Predictions
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

    tried = _tried(folder, budget, report, pictures.photos, pictures.new_photos, pictures.strangers)
    return Outcome(tried.fields() | {"pictures": pictures}, _text(tried, pictures))


@dataclass(frozen=True)
class _Tried:
    """A model, and how it did on held-out examples and on strangers."""

    place: Path
    model: "Model"
    evaluation: "Evaluation"
    strangers: "Predictions"

    @property
    def refused(self) -> int:
        """Held-out examples of known labels that are called unknown."""
        return int((self.evaluation.answers.distance > self.model.known.threshold).sum())

    def fields(self) -> dict[str, Any]:
        """What `--json` prints of every demo."""
        place = str(self.place)
        return {
            "model": self.place,
            "report": self.place / "report.html",
            "fit": shapes.of_fit(place, self.model.record),
            "evaluate": shapes.of_evaluation(place, self.model.labels, self.evaluation),
            "predict": shapes.of_predictions(place, self.strangers),
            "known_called_unknown": self.refused / max(self.evaluation.score.n, 1),
        }

    def unknown(self, what: str, of: str) -> str:
        """How many strangers are called unknown, and how many held-out examples."""
        met = sum(item.unknown for item in self.strangers.predictions)
        count, judged = len(self.strangers), self.evaluation.score.n
        return f"{met} of {count} {what}called unknown, against {self.refused} of {judged} of known {of}."

    def learnt(self, what: str) -> str:
        """What it was fitted on, and how well that went."""
        record = self.model.record
        lines = "\n".join(words.unseen_lines(record))
        return f"Trained on {sum(record.counts.values())} {what}.\n{lines}"


def _tried(
    folder: Path, budget: str, report: "Progress", known: Path, held_out: Path, strangers: Path
) -> _Tried:
    """Fit, evaluate and predict."""
    import preseason

    place = folder / "model"
    # Labelled folders give a model that names things, not one that talks.
    fitted = preseason.fit(known, place, progress=report, budget_s=budget, cache=str(folder / "cache"))
    model = cast("Model", fitted)
    evaluation = model.evaluate(held_out, progress=report)
    return _Tried(place, model, evaluation, model.predict(strangers, progress=report))


def _text(tried: _Tried, pictures: "Pictures") -> str:
    games = len(tried.model.record.labels)
    return f"""
{tried.learnt(f"pictures of {games} games ({pictures.photos})")}

On other settings and episodes of the same games ({pictures.new_photos}):
{words.of_evaluation(tried.evaluation)}

Three games it never saw ({pictures.strangers}):
{tried.unknown("pictures ", "games")}

Look at the report: {tried.place / "report.html"}

Now your own photos, one folder per player, photos inside:
  preseason fit photos/"""


def _walk_sounds(folder: Path, budget: str, report: "Progress") -> Outcome:
    from preseason.cli.demo_sounds import make

    report.say(f"Making sounds in {folder} ...")
    sounds = make(folder)

    import preseason
    from preseason.report.timeline import Timeline, write_timeline

    page = folder / "match.html"
    tried = _tried(folder, budget, report, sounds.sounds, sounds.new_sounds, sounds.strangers)
    spotted = preseason.spot(tried.model, sounds.recording, progress=report)
    write_timeline(page, [Timeline(sounds.recording, spotted.actions)])
    fields = tried.fields() | {"sounds": sounds, "spot": {"events": spotted.actions, "page": page}}
    return Outcome(fields, _text_sounds(tried, sounds, spotted, page))


def _text_sounds(tried: _Tried, sounds: "Sounds", spotted: "Spotted", page: Path) -> str:
    from preseason.cli.demo_sounds import HORNS, MATCH_S, WHISTLES

    kinds = len(tried.model.record.labels)
    put = [("whistle", start) for start in WHISTLES] + [("horn", start) for start in HORNS]
    found = sum(
        any(e.label == kind and abs(e.moment_s - at - 0.5) < 1 for e in spotted.actions) for kind, at in put
    )
    return f"""
{tried.learnt(f"made sounds of {kinds} kinds ({sounds.sounds})")}

On other pitches in a louder, longer-echoing hall ({sounds.new_sounds}):
{words.of_evaluation(tried.evaluation)}

Bells and beeps, which it never heard ({sounds.strangers}):
{tried.unknown("", "kinds")}

{MATCH_S} seconds of a match with {len(WHISTLES)} whistles and {len(HORNS)} horns ({sounds.recording}):
{found} of {len(put)} found, {len(spotted.actions) - found} besides.
They are shown in time in {page}

Look at the report: {tried.place / "report.html"}

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
