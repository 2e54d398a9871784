"""The registry of what fits a network to a problem; its names are those of `preseason.problems`."""

from collections.abc import Callable

from preseason.fitting.context import FitContext
from preseason.models.classifier import Model
from preseason.registry import Registry

Fitter = Callable[[FitContext], Model]
"""Learns, tests and checks within the budget: a model with the record of all that was found."""

fitters = Registry[Fitter]("fitter", "preseason.fitting.problems")
