"""One self-contained page on what a fit found; it loads nothing, runs nothing and reads without a network."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preseason.data.dataset import Sample
from preseason.report import views, words
from preseason.report.glance import glance
from preseason.report.pictures import Album
from preseason.report.problems.base import Section, pages
from preseason.results import FitRecord
from preseason.runtime.files import write_text

if TYPE_CHECKING:
    from jinja2 import Environment

Picture = Callable[[Sample], bytes | None]


FIRST = (Section("trust", "Can I trust this?", "The evidence for the figure, and against it.", views.trust),)
LAST = (
    Section(
        "transfer",
        "Did transfer help?",
        "The same test for simpler models.",
        views.transfer,
    ),
    Section("data", "The data", "What was read, and what was left out.", views.data),
    Section(
        "tried", "What was tried", "Candidates are kept where cross-validation says they help.", views.tried
    ),
    Section("time", "Where the time went", "Wall time by stage.", views.time),
    Section("settings", "Settings and versions", "Everything needed to repeat this fit.", views.settings),
)


def sections_of(record: FitRecord) -> tuple[Section, ...]:
    """The sections of a report in order: those on the answers are the problem's."""
    return (*FIRST, *pages.get(record.problem).sections, *LAST)


def write_report(
    record: FitRecord,
    path: Path,
    picture: Picture | None = None,
    sections: tuple[Section, ...] | None = None,
    excerpt: Picture | None = None,
) -> None:
    """Write the report to `path`, by rename, so that a half-written page is never found there.

    Args:
        record: what the fit found.
        path: the file, e.g. `players/report.html`.
        picture: encoded picture of a sample (any format that Pillow reads) or None if there is none; also
            asked for members of `record.duplicates`, as `Sample(source)`. None: no pictures.
        sections: in the order shown, by default `sections_of` the record; one without a view is left out.
        excerpt: WAV file of a sample to play under its picture, or None.
    """
    album = Album(picture, excerpt)
    viewed = [(section, section.view(record, album)) for section in sections or sections_of(record)]
    shown = [(_headed(section, view), view) for section, view in viewed if view is not None]
    page = (
        environment()
        .get_template("report.html")
        .render(
            headline=pages.get(record.problem).headline(record),
            glance=glance(record),
            sections=shown,
            noun=words.noun_of(record.task),
            sounds=album.sounds,
            version=record.versions.get("preseason", ""),
        )
    )
    write_text(path, page, errors="replace")


def _headed(section: Section, view: Mapping[str, Any]) -> Section:
    """The section under the view's own heading, where it brings one."""
    own = {name: view[name] for name in ("title", "lead") if name in view}
    return replace(section, **own)


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
