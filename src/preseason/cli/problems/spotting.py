"""Actions in time: windows are printed as labelled examples, and whole videos are searched as well."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from preseason.cli.problems.base import terminals
from preseason.cli.problems.classification import LabelTerminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preseason.data.actions import Action, LabelledVideo
    from preseason.evaluation.spotting import SpottingMetrics
    from preseason.runtime.progress import Progress
    from preseason.trained_model import TrainedModel

SHOWN = {"loose": "loose (5 to 60 s)", "tight": "tight (1 to 5 s)", "at1": "within 1 s"}


class SpottingTerminal(LabelTerminal):
    """Labelled windows, and average-mAP over whole videos."""

    timelines = True

    def search(
        self,
        model: "TrainedModel",
        data: str,
        progress: "Progress",
        timeline: str | None,
        rename: "Sequence[str]" = (),
    ) -> tuple[dict[str, Any], list[str]]:
        """Search the videos as well; draw what was found where asked."""
        from preseason.report.timeline import LIKELY, Timeline, write_timeline
        from preseason.spotting.spotting import evaluate_spotting

        drawn: list[Timeline] = []

        def seen(video: "LabelledVideo", found: "tuple[Action, ...]") -> None:
            likely = [action for action in found if action.confidence >= LIKELY]
            drawn.append(Timeline(video.path, likely, video.actions))

        measured = evaluate_spotting(model, data, progress, seen, rename)
        lines = _lines(measured)
        if timeline is not None:
            write_timeline(Path(timeline), drawn)
            lines.append(f"Timeline: {timeline}")
        return {"spotting": measured}, lines


def _lines(measured: "SpottingMetrics") -> list[str]:
    """Average-mAP and plain precision, a line each."""
    shown = [f"average-mAP {name}: {100 * measured.average[key].value:.1f} %" for key, name in SHOWN.items()]
    return [*shown, f"plain mean average precision: {100 * measured.plain.value:.1f} %"]


terminals.add("spotting", SpottingTerminal())
