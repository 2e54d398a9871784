"""Boxes on a picture: those a person drew, and those a model found; edges in fractions of the picture."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelledBox:
    """One thing on a picture, as a person labelled it.

    Attributes:
        label: its class.
        x0, y0, x1, y1: edges in 0..1 of the picture as it is shown (turned by its EXIF tag), y downwards.
    """

    label: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class FoundBox:
    """One thing on a picture, as a model found it.

    Attributes:
        label: its class.
        score: calibrated, 0..1: the share of such boxes that are right.
        x0, y0, x1, y1: edges in 0..1, as of `LabelledBox`.
    """

    label: str
    score: float
    x0: float
    y0: float
    x1: float
    y1: float
