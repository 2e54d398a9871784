"""Actions in time: what is shown are the windows, which are labelled like examples of their own."""

from preseason.report.problems.base import Usage, pages
from preseason.report.problems.classification import LabelPage
from preseason.results import FitRecord


class ActionPage(LabelPage):
    """As labels, except for the use."""

    def usage(self, record: FitRecord, folder: str, example: str) -> Usage:
        """The actions of a match."""
        return Usage(
            f"preseason spot {folder} match.mp4",
            (
                'found = preseason.spot(model, "match.mp4")',
                "for action in found.actions:",
                "    print(action.time_s, action.label, action.confidence)",
            ),
            "Times are in seconds from the start of the video.",
        )


pages.add("spotting", ActionPage())
