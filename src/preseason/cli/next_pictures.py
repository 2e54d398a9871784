"""`preseason next FINDER PICTURES...`: on which pictures to draw boxes next."""

from pathlib import Path
from typing import TYPE_CHECKING

from preseason.cli import words
from preseason.cli.verbs import Outcome

if TYPE_CHECKING:
    from preseason.models.detector import Detector
    from preseason.runtime.progress import Progress

HEADER = ["", "input", "boxes", "errors", "reason"]


def next_pictures(
    name: str, model: "Detector", paths: tuple[str, ...], count: int, output: str | None, report: "Progress"
) -> Outcome:
    """What `next` prints of pictures; a data set in YOLO's layout where a folder is named.

    Raises:
        UsageError: the folder holds something already.
        DataError: no picture can be read.
    """
    from preseason.analysis.pictures_to_label import pictures_to_label
    from preseason.report.box_files import write_data_set

    found = pictures_to_label(model, *paths, count=count, progress=report)
    boxes = [each.boxes for each in found.items]
    files = [] if output is None else write_data_set("yolo", boxes, model.labels, Path(output))
    rows = [
        [str(rank), words.short(each.input), str(len(each.boxes.boxes)), f"{each.errors:.1f}", each.reason]
        for rank, each in enumerate(found.items, 1)
    ]
    without = f", without {found.copies} duplicates" if found.copies else ""
    lines = [
        words.table(HEADER, rows),
        *words.of_skipped(found.skipped),
        f"{len(rows)} of {found.looked_at} {model.job.noun}{without}.",
        *([f"Written: {Path(output)}/ in YOLO's layout: correct the boxes, then fit."] if output else []),
    ]
    told = [{"input": each.input, "errors": each.errors, "ghosts": each.ghosts, "missed": each.missed,
             "boxes": each.boxes.boxes, "reason": each.reason} for each in found.items]  # fmt: skip
    fields = {"model": name, "suggestions": told, "looked_at": found.looked_at, "copies": found.copies}
    return Outcome(fields | {"files": files, "skipped": found.skipped}, "\n".join(lines))
