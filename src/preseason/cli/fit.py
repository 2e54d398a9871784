"""`preseason fit DATA -o MODEL`."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preseason.cli import chat_words, shapes, words
from preseason.cli.bars import progress
from preseason.cli.recipe_options import recipe_options
from preseason.cli.verbs import Outcome, refuse_given, verb
from preseason.errors import DataError, UsageError
from preseason.formatting import shell_word
from preseason.recipe import recipe_from
from preseason.runtime.addresses import address_of, is_address
from preseason.runtime.launcher import process_info

if TYPE_CHECKING:
    from preseason.recipe import Recipe
    from preseason.results import FitRecord

MANIFEST = "preseason.json"


@verb("fit", recipe_options())
@click.argument("data")
@click.option("-o", "--output", metavar="MODEL", help="Model folder to write.  [default: DATA-model, here]")
@click.option(
    "--config",
    metavar="FILE.toml|MODEL",
    help="Settings from a TOML file, or from a model, whose fit is repeated with the same time decisions; "
    "flags take precedence.",
)
@click.option(
    "--log-to",
    metavar="WHERE",
    multiple=True,
    help="Keep the fit's curves, figures and pictures for an experiment tracker: tensorboard, "
    "tensorboard:FOLDER, mlflow or mlflow:URI; may be given several times.",
)
@click.option(
    "--ray",
    metavar="[ADDRESS]",
    is_flag=False,
    flag_value="auto",
    help="Share the fit with a Ray cluster: HOST:PORT of its head; without ADDRESS the one of this machine "
    "or of RAY_ADDRESS, started here where there is none.",
)
@click.option("--dry-run", is_flag=True, help="Only say how DATA is read: labels, splits, what is left out.")
@click.option(
    "-v", "--verbose", is_flag=True, help="Print every stage, every warning and everything that was left out."
)
def fit(
    data: str,
    output: str | None,
    config: str | None,
    log_to: tuple[str, ...],
    ray: str | None,
    dry_run: bool,
    verbose: bool,
    quiet: bool,
    **flags: Any,
) -> Outcome:
    """Fine-tune a pretrained network on labelled photos, clips, sounds, matches, texts or boxes.

    DATA is a folder with one folder of photos, clips or sounds per label (also inside train/, val/ and
    test/), a CSV or JSONL file with the columns path and label, a table of texts with labels, or one with the
    columns video, time and label. Pictures with boxes (YOLO, COCO, Pascal VOC, CSV) give an object detector.
    Dialogues (JSONL with messages, or with prompt and response) and texts without labels (JSONL with text,
    .txt, .md) give a chat model.
    """
    recipe = recipe_from(None, Path(config) if config else None, flags)
    if dry_run:
        refuse_given(("ray",), "--dry-run only reads.")
        return _say_reading(data, recipe, quiet)
    folder = choose_output(data, output)
    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other: give one of them.")
    report = progress(quiet or process_info().rank > 0, verbose)
    report.say(_announcement(folder, output))

    import preseason
    from preseason.experiments.base import tracker
    from preseason.trained_model import TALKS

    callbacks = [tracker(where) for where in log_to]
    model = preseason.fit(data, folder, recipe=recipe, progress=report, callbacks=callbacks, ray=ray)
    if process_info().rank > 0:
        raise SystemExit(0)  # The worker that leads prints.
    name, quoted = str(folder), shell_word(str(folder))
    if TALKS in model.capabilities:
        return chat_words.of_fit(name, model.record, quoted)
    record: Any = model.record
    following = f"preseason predict {quoted} {_example(record)}"
    return Outcome(shapes.of_fit(name, record), words.of_fit(name, record, following, verbose))


def _say_reading(data: str, recipe: "Recipe", quiet: bool) -> Outcome:
    """How the data would be read; exit code 3 where a fit would refuse them."""
    from preseason.fitting.fit import look

    account, refusal = look(data, recipe, progress(quiet))
    code = DataError.exit_code if refusal else 0
    return Outcome(shapes.of_reading(account, refusal), words.of_reading(account, refusal), code)


def choose_output(data: str | Path, output: str | None) -> Path | str:
    """The folder to write: the one named, else the first free of DATA-model, DATA-model-2, ...

    Raises:
        DataError: there is no DATA.
        UsageError: the folder cannot be written, holds something else, or overlaps with the data.
    """
    if output is not None and is_address(output):
        return address_of(output)  # what lies there is looked at before the fit begins
    if is_address(data):
        folder = Path(output) if output is not None else _free_name(Path(address_of(data)).stem)
        _refuse_other(folder)
        _try_writing(folder)
        return folder
    folder = Path(output) if output is not None else _free_name(Path(data).resolve().stem)
    if not Path(data).exists():
        raise DataError(
            f"There is no {data}. Name a folder with one folder of photos for each label.", code="PS-D02"
        )
    _refuse_other(folder)
    _refuse_overlap(Path(data).resolve(), folder.resolve())
    _try_writing(folder)
    return folder


def _refuse_other(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder for the model with -o.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise UsageError(
            f"{folder} holds other files and no {MANIFEST}: it will not be overwritten. "
            "Name a new folder with -o."
        )


def _free_name(stem: str) -> Path:
    stem = stem or "preseason"
    names = [f"{stem}-model", *(f"{stem}-model-{number}" for number in range(2, 1000))]
    return next(Path(name) for name in names if not Path(name).exists())


def _refuse_overlap(data: Path, folder: Path) -> None:
    if folder == data or data in folder.parents:
        raise UsageError(
            f"The model folder {folder} lies inside the data: name one outside of {data} with -o."
        )
    if folder in data.parents:
        raise UsageError(
            f"The data lies inside {folder}, which would be replaced: name another folder with -o."
        )


def _try_writing(folder: Path) -> None:
    """Find out now, not after the training, that the model cannot be written."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".preseason-"):
            pass
    except OSError as error:
        raise UsageError(
            f"The model cannot be written to {folder}: {error.strerror}. Name another folder with -o."
        ) from None


def _announcement(folder: Path | str, output: str | None) -> str:
    if isinstance(folder, Path) and (folder / MANIFEST).is_file():
        return f"{folder} holds a model: it is replaced when the new one is complete."
    return f"The model goes to {folder}" + ("" if output else " (choose another place with -o)") + "."


def _example(record: "FitRecord") -> str:
    samples = record.answers.samples
    if not samples:
        return "PHOTO..."
    return shell_word(str(samples[0].source)) if samples[0].source.name else '"What a goal!"'
