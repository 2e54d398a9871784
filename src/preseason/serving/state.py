"""What the routes of one server share."""

from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request

from preseason.serving.chores import Chores
from preseason.serving.corrections import Corrections
from preseason.serving.hosting import Models, Runtime
from preseason.serving.limits import Limits
from preseason.serving.metrics import Metrics
from preseason.serving.videos import Videos


@dataclass(frozen=True)
class Served:
    """One server.

    Attributes:
        videos: matches to be watched.
        chores: work on them.
        folder: temporary, its own; uploads lie here while they are needed.
        corrections: where corrected answers are kept; None keeps none.
        read_only: whether requests may change models.
        refit_data: labelled pictures of the finder, for it to be fitted again with the corrections.
    """

    models: Models
    videos: Videos
    chores: Chores
    limits: Limits
    metrics: Metrics
    folder: Path
    corrections: Corrections | None = None
    read_only: bool = False
    where: Runtime = field(default_factory=Runtime)
    refit_data: Path | None = None


def served(request: Request) -> Served:
    """The server that a request came to."""
    found: Served = request.app.state.served
    return found
