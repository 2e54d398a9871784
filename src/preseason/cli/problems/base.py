"""What the terminal shows of the answers to one problem; registered under the problem's name."""

from typing import TYPE_CHECKING, Any, Protocol

from preseason.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preseason.results import Evaluation, Predictions
    from preseason.runtime.progress import Progress
    from preseason.trained_model import TrainedModel


class Terminal(Protocol):
    """How answers are printed; JSON fields are added in later versions, never renamed.

    Attributes:
        timelines: whether `evaluate` can draw what was found in time.
    """

    timelines: bool

    def evaluation_fields(self, evaluation: "Evaluation") -> dict[str, Any]:
        """What `evaluate --json` prints beside the metrics."""

    def evaluation_lines(self, evaluation: "Evaluation", fields: dict[str, Any]) -> list[str]:
        """What `evaluate` prints below the figure that decides; `fields` are those of `evaluation_fields`."""

    def search(
        self,
        model: "TrainedModel",
        data: str,
        progress: "Progress",
        timeline: str | None,
        rename: "Sequence[str]" = (),
    ) -> tuple[dict[str, Any], list[str]]:
        """What else `evaluate` measures on `data`: fields and lines; a page at `timeline`, if named.

        Nothing more, for problems that have nothing to search.
        """
        return {}, []

    def table(self, predictions: "Predictions") -> str:
        """A row for each input; empty where there is none."""

    def csv(self, predictions: "Predictions") -> str:
        """Comma-separated, with a header."""


terminals = Registry[Terminal]("terminal", "preseason.cli.problems")
