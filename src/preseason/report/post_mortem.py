"""The page of a post-mortem: repairs first, then how many errors each cause has, then the errors."""

from dataclasses import dataclass
from pathlib import Path

from preseason.analysis.causes import CAUSES
from preseason.analysis.error_analysis import Mistake, PostMortem
from preseason.report.html import environment
from preseason.report.pictures import Album, Shown
from preseason.results import score_of
from preseason.runtime.files import write_text
from preseason.tasks.base import Task


@dataclass(frozen=True)
class Card:
    """One error as the page shows it."""

    name: str
    truth: str
    answer: str
    probability: float
    why: str
    picture: Shown | None


def write_page(found: PostMortem, path: Path, job: Task) -> None:
    """One self-contained page, written by rename."""
    album = Album(job.picture, getattr(job, "excerpt", None))
    groups = [
        (CAUSES[cause], count, [_card(each, album) for each in found.mistakes if each.cause == cause])
        for cause, count in found.causes.items()
    ]
    page = (
        environment()
        .get_template("post_mortem.html")
        .render(
            found=found,
            sounds=album.sounds,
            groups=groups,
            most=max(found.causes.values(), default=1),
            noun=job.noun,
            examples=score_of(found.metrics).n,
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page, errors="replace")


def _card(each: Mistake, album: Album) -> Card:
    name = each.sample.source.name or each.input
    return Card(name, each.truth, each.answer, each.probability, each.why, album.thumbnail(each.sample))
