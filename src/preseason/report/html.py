"""One self-contained page on what a fit found; it loads nothing, runs nothing and reads without a network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.data.dataset import Sample
from preseason.report import views, words
from preseason.report.pictures import Album
from preseason.results import FitRecord
from preseason.runtime.files import write_text

if TYPE_CHECKING:
    from jinja2 import Environment

Picture = Callable[[Sample], bytes | None]


@dataclass(frozen=True)
class Section:
    """One part of the report.

    Attributes:
        name: its anchor, and the template `templates/NAME.html` that shows it.
        title: its heading.
        lead: one sentence under the heading on how to read it.
        view: values for the template, or None to leave the section out.
    """

    name: str
    title: str
    lead: str
    view: Callable[[FitRecord, Album], views.View]


SECTIONS = (
    Section("trust", "Can I trust this?", "What speaks for the figure, and what against it.", views.trust),
    Section("classes", "Class by class", "The band is the range to expect, at 95\xa0%.", views.classes),
    Section("mixups", "What is taken for what", "Rows are the truth, columns the answer.", views.mixups),
    Section("mistakes", "Surest mistakes", "Some may be wrong labels: look at these first.", views.mistakes),
    Section(
        "focus", "Where it looked", "Bright is what counted; framed, what counted most.", views.attention
    ),
    Section(
        "vocabulary",
        "Words that count",
        "By counted words alone; a word that should not matter here is a warning.",
        views.vocabulary,
    ),
    Section(
        "calibration",
        "What a probability is worth",
        "80\xa0% should be right 80 times in 100.",
        views.calibration,
    ),
    Section("unknown", "Strangers", "What happens with something it has never met.", views.unknown),
    Section(
        "transfer",
        "Was transfer worth it?",
        "The same test, with less knowledge from before.",
        views.transfer,
    ),
    Section("data", "What was in the data", "Everything that was read, and what was not.", views.data),
    Section("tried", "What was tried", "Kept where cross-validation says that it helps.", views.tried),
    Section("time", "Where the time went", "Wall time by stage.", views.time),
    Section("settings", "Settings and versions", "Everything needed to do it again.", views.settings),
)


def write_report(
    record: FitRecord,
    path: Path,
    picture: Picture | None = None,
    sections: tuple[Section, ...] = SECTIONS,
) -> None:
    """Write the report to `path`, by rename, so that a half-written page is never found there.

    Args:
        record: what the fit found.
        path: the file, e.g. `players/report.html`.
        picture: encoded picture of a sample (any format that Pillow reads) or None if there is none; also
            asked for members of `record.duplicates`, as `Sample(source)`. None: no pictures.
        sections: in the order shown; a section without a view for this record is left out.
    """
    album = Album(picture)
    shown = [(section, section.view(record, album)) for section in sections]
    page = (
        environment()
        .get_template("report.html")
        .render(
            headline=views.headline(record, album),
            sections=[(section, view) for section, view in shown if view is not None],
            noun=words.noun_of(record.task),
            version=record.versions.get("preseason", ""),
        )
    )
    write_text(path, page, errors="replace")


def environment() -> "Environment":
    """Where the templates are found, with escaping on."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("preseason.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = words.percent
    environment.filters["count"] = words.count
    return environment
