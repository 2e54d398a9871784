"""`preseason prelabel PICTURES... --classes NAMES -o FOLDER`: first boxes, for a person to correct."""

from typing import TYPE_CHECKING

import click

from preseason.cli import words
from preseason.cli.bars import progress
from preseason.cli.verbs import Outcome, model_options, verb
from preseason.formatting import shell_word

if TYPE_CHECKING:
    from preseason.report.prelabelled import Prelabelled


@verb("prelabel")
@click.argument("paths", nargs=-1, required=True)
@click.option("--classes", required=True, metavar="NAMES", help='What to find, e.g. "player,ball,goal post".')
@click.option("-o", "--output", required=True, metavar="FOLDER", help="Folder of the data set.")
@click.option(
    "--backbone",
    default="owlv2",
    show_default=True,
    metavar="NAME|FOLDER",
    help="owlv2, grounding-dino, one of these on the hub by its full name, or a folder.",
)
@click.option("--weights", metavar="FOLDER", help="Folder to take the network from instead.")
@click.option(
    "--threshold",
    type=float,
    metavar="SCORE",
    help="Least score of a box, 0 to 1; by default 0.1 (owlv2) or 0.25 (grounding-dino).",
)
@model_options
def prelabel(
    *,
    paths: tuple[str, ...],
    classes: str,
    output: str,
    backbone: str,
    weights: str | None,
    threshold: float | None,
    device: str,
    cache: str | None,
    quiet: bool,
) -> Outcome:
    """Draw first boxes on pictures, from the names of the classes alone.

    PATHS are files, folders or patterns of pictures. A pretrained network finds what the names describe. The
    boxes are written as a data set in YOLO's layout: correct them in a labelling tool, then `fit` the folder.
    Pictures that are done stay as they are, so the same command resumes.
    """
    import preseason

    found = preseason.prelabel(
        *paths,
        output=output,
        classes=classes.split(","),
        backbone=backbone,
        weights=weights,
        threshold=threshold,
        device=device,
        cache=cache,
        progress=progress(quiet),
    )
    fields = {
        "written": found.folder,
        "backbone": backbone,
        "pictures": found.pictures,
        "before": found.before,
        "copies": found.copies,
        "boxes": found.boxes,
        "empty": found.empty,
        "skipped": found.skipped,
    }
    return Outcome(fields, _text(found))


def _text(found: "Prelabelled") -> str:
    boxes = ", ".join(f"{count:,} {label}" for label, count in found.boxes.items())
    lines = [f"{found.pictures:,} pictures with these boxes: {boxes}."]
    if found.before:
        lines.append(f"{found.before:,} of them were done before and are unchanged.")
    if found.copies:
        lines.append(f"Left out: {found.copies:,} duplicates.")
    if found.empty:
        lines.append(
            f"Nothing was found on {found.empty:,}: as it stands, `fit` learns that they show nothing."
        )
    lines += words.of_skipped(found.skipped)
    lines.append(
        f"Written: {found.folder}/ in YOLO's layout, scores in scores.csv. The boxes are guesses: correct "
        f"them in a labelling tool, then run: preseason fit {shell_word(str(found.folder))}"
    )
    return "\n".join(lines)
