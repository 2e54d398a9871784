"""What a problem adds to the report and to the model card; registered under the problem's name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from preseason.registry import Registry
from preseason.report.pictures import Album
from preseason.report.words import Verdict
from preseason.results import FitRecord

View = dict[str, Any] | None


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
    view: Callable[[FitRecord, Album], View]


@dataclass(frozen=True)
class Usage:
    """How to use a model, for its card.

    Attributes:
        command: in a terminal.
        python: lines after `model = preseason.load(...)`.
        told: what the answers mean, in a sentence or two.
    """

    command: str
    python: tuple[str, ...]
    told: str


class Page(Protocol):
    """How the answers to one problem are shown.

    Attributes:
        sections: on the answers, in the order shown.
        measure: what the figure that decides is called, with a capital.
        hub_metrics: names of the measures that the Hugging Face hub knows.
        hub_task: pipeline of that hub; None for the one that classifies the modality.
    """

    sections: tuple[Section, ...]
    measure: str
    hub_metrics: tuple[str, ...]
    hub_task: str | None

    def headline(self, record: FitRecord) -> dict[str, Any]:
        """Values for `templates/headline.html` and `opening.html`: the answer first."""

    def about(self, record: FitRecord) -> str:
        """What the model does, for the card: `Tells apart a and b`; labels are Markdown already."""

    def summary(self, record: FitRecord) -> str:
        """How good it is, in half a sentence that begins with a small letter."""

    def labelled(self, record: FitRecord) -> tuple[str, str]:
        """What was labelled, with its number, and the noun of one: `141 boxes in 16 pictures`, `box`."""

    def usage(self, record: FitRecord, folder: str, example: str) -> Usage:
        """How to use the model in `folder` on a file, or a text, such as `example`."""

    def verdicts(self, record: FitRecord) -> list[Verdict]:
        """How far to trust the figures."""

    def hub_figures(self, record: FitRecord) -> dict[str, float]:
        """Figures for the card's front matter, by the Hugging Face hub's names."""

    def card(self, record: FitRecord) -> str:
        """The figures as tables, in Markdown."""

    def limits(self, record: FitRecord) -> list[str]:
        """What the model cannot do, a sentence each."""


pages = Registry[Page]("page", "preseason.report.problems")
