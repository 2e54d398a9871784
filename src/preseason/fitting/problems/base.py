"""The registry of what fits a network to a problem; its names are those of `preseason.problems`."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from preseason.fitting.context import FitContext
from preseason.registry import Registry
from preseason.results import FitRecord
from preseason.trained_model import TrainedModel


class FittedModel(TrainedModel, Protocol):
    """What a fit gives: a model with the record of all that was found."""

    @property
    def record(self) -> FitRecord:
        """What the fit found."""

    def save(self, folder: str | Path, pages: Callable[[Path], None] | None = None) -> None:
        """Write the model folder; `pages` writes card and report into the folder it is given."""

    def with_record(self, record: FitRecord) -> "FittedModel":
        """The same model with another record."""


Fitter = Callable[[FitContext], FittedModel]
"""Learns, tests and checks within the budget: a model with the record of all that was found."""

fitters = Registry[Fitter]("fitter", "preseason.fitting.problems")
