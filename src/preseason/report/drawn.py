"""Pictures with what was found drawn on them, as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.data.boxes import FoundBox
from preseason.errors import UsageError
from preseason.media.image import decode
from preseason.report.lettering import font_for, names_on_pictures
from preseason.results import PictureBoxes

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

COLOURS = ((255, 214, 64), (79, 195, 247), (255, 138, 101), (129, 199, 132), (186, 104, 200), (240, 98, 146))
TEAMS = ((189, 189, 189), COLOURS[0], COLOURS[1])
"""Of those of no team, of the first and of the second."""
QUALITY = 90


def write_drawn(found: Sequence[PictureBoxes], labels: Sequence[str], folder: Path) -> list[Path]:
    """A JPEG of each picture in `folder` with its boxes, a colour for each class; gives the files in order.

    Raises:
        UsageError: the folder cannot be written.
        MediaError: a picture is gone meanwhile.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in found:
            path = _free(folder, Path(each.input).stem, written)
            _write(each, labels, path)
            written.append(path)
    except OSError as error:
        raise UsageError(f"--draw {folder} cannot be written: {error.strerror or error}.") from error
    return written


def _free(folder: Path, stem: str, taken: Sequence[Path]) -> Path:
    """A name that no other picture of this run has: pictures of two folders may be called the same."""
    names = [f"{stem}.jpg", *(f"{stem}-{number}.jpg" for number in range(2, len(taken) + 3))]
    return next(folder / name for name in names if folder / name not in taken)


def _write(found: PictureBoxes, labels: Sequence[str], path: Path) -> None:
    from PIL import Image

    picture = Image.fromarray(decode(Path(found.input)))
    draw_boxes(picture, found.boxes, labels)
    picture.save(path, "JPEG", quality=QUALITY)


def draw_boxes(picture: "Image", boxes: Sequence[FoundBox], labels: Sequence[str]) -> None:
    """Boxes on a picture, each with its name: a colour for each class, or each track, or each team."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture)
    size = max(12, max(picture.size) // 50)
    names = names_on_pictures(labels, size)
    # The surest last, so that they lie on top.
    for box in reversed(boxes):
        track, team = getattr(box, "track", None), getattr(box, "team", None)
        colour = COLOURS[(labels.index(box.label) if track is None else track) % len(COLOURS)]
        if team is not None:
            colour = TEAMS[min(team, len(TEAMS) - 1)]
        edges = (
            box.x0 * picture.width,
            box.y0 * picture.height,
            max(box.x1 * picture.width - 1, box.x0 * picture.width),
            max(box.y1 * picture.height - 1, box.y0 * picture.height),
        )
        pen.rectangle(edges, outline=colour, width=max(2, size // 7))
        name = names.get(box.label, box.label)
        text = f"{name} {100 * box.score:.0f} %" if track is None else f"{name} {track}"
        text += f" (team {team})" if team else ""
        _name(pen, text, edges, colour, size)


def _name(
    pen: "ImageDraw", text: str, edges: tuple[float, ...], colour: tuple[int, int, int], size: int
) -> None:
    """The text above the box, on a ground of the box's colour."""
    font = font_for(text, size)
    place = (edges[0], max(0.0, edges[1] - size - 4))
    pen.rectangle(pen.textbbox(place, text, font=font), fill=colour)
    pen.text(place, text, fill=(0, 0, 0), font=font)
