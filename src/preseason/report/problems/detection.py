"""Boxes in pictures: how many things are found, which are missed, and what is seen where nothing is."""

from typing import Any

from preseason.formatting import percent as plain_percent
from preseason.report import words
from preseason.report.problems import box_views as views
from preseason.report.problems.base import Section, Usage, pages
from preseason.report.words import Verdict
from preseason.results import FitRecord

FEW_PICTURES = 60
MEASURES = {
    "ap": "average precision (AP)",
    "ap50": "AP at 50 % overlap",
    "ap75": "AP at 75 % overlap",
    "ap_small": "AP of small objects",
    "ap_medium": "AP of medium objects",
    "ap_large": "AP of large objects",
    "found_small": "small objects found within their own diameter",
}


class BoxPage:
    """Sections and card of boxes."""

    measure = "Average precision"
    hub_metrics: tuple[str, ...] = ("mean_average_precision",)
    hub_task: str | None = "object-detection"
    sections: tuple[Section, ...] = (
        Section("boxes", "Class by class", "How many of the labelled objects were found.", views.classes),
        Section(
            "mixups",
            "Missed, invented, confused",
            "Rows are the labels, columns the predictions.",
            views.mixups,
        ),
        Section(
            "faulty",
            "Pictures with most errors",
            "Green: found. Red: missed. Yellow: another class, or nothing there.",
            views.pictures,
        ),
        Section(
            "suspects",
            "Labels that are probably wrong",
            "Red: the label. Yellow: the prediction of a model not trained on the picture.",
            views.suspects,
        ),
        Section("sizes", "Small and large", "How many objects were found, by size.", views.sizes),
    )

    def headline(self, record: FitRecord) -> dict[str, Any]:
        """What was learnt, how well it finds it, between which bounds."""
        score = record.score
        low, high = score.interval
        scratch = record.baselines.get("scratch")
        return {
            "title": self.about(record),
            "learnt": self._learnt(record),
            "measure": self.measure,
            "figure": words.percent(score.value),
            "right_of": self.summary(record),
            "dots": None,
            "low": 100 * low,
            "high": 100 * high,
            "middle": 100 * score.value,
            "marks": [] if scratch is None else [("random weights", 100 * scratch)],
            "measured": score.n > 0,
            "delivered": words.delivered(record),
        }

    def about(self, record: FitRecord) -> str:
        """The classes it finds."""
        few = words.listed([words.markdown(label) for label in record.labels])
        return f"Finds {few if len(record.labels) <= 12 else f'{len(record.labels)} classes'} in pictures"

    def summary(self, record: FitRecord) -> str:
        """Average precision, and what to expect."""
        score = record.score
        if score.n == 0:
            return "nothing was measured"
        low, high = (words.percent(bound) for bound in score.interval)
        seen = words.count(len(record.answers.samples) or score.n, words.noun_of(record.task))
        return (
            f"average precision on {seen}; expect between {low} and {high}. "
            f"{words.percent(1)} would mean: every object found with a tight box, and nothing else"
        )

    def labelled(self, record: FitRecord) -> tuple[str, str]:
        """The boxes."""
        boxes = words.count(sum(record.counts.values()), "box")
        return f"{boxes} in {words.count(words.examples_of(record), words.noun_of(record.task))}", "box"

    def usage(self, record: FitRecord, folder: str, example: str) -> Usage:
        """The boxes in a picture."""
        return Usage(
            f"preseason predict {folder} {example}",
            (
                f'for box in model.predict("{example}")[0].boxes:',
                "    print(box.label, box.score, box.x0, box.y0, box.x1, box.y1)",
            ),
            "The edges of a box are from 0 to 1, measured from the upper left corner of the picture. `score` "
            "is the probability that the box is right.",
        )

    def verdicts(self, record: FitRecord) -> list[Verdict]:
        """How many pictures the figure rests on."""
        n = record.split.get("test", 0)
        text = f"{words.count(n, words.noun_of(record.task))} tested."
        if n < FEW_PICTURES:
            return [Verdict("warn", "Few pictures", f"{text} Label more before relying on the figure.")]
        return [Verdict("good", "How certain is the figure", text)]

    def hub_figures(self, record: FitRecord) -> dict[str, float]:
        """The mean average precision."""
        return {"mean_average_precision": record.score.value}

    def card(self, record: FitRecord) -> str:
        """All figures, and the classes."""
        rows = [(_measure(name), plain_percent(figure.value, 1)) for name, figure in record.metrics.items()]
        rows += [
            (f"baseline: {words.markdown(name)}", plain_percent(rate, 1))
            for name, rate in record.baselines.items()
        ]
        lines = ["| measure | on pictures not trained on |", "|---|---|"]
        lines += [f"| {words.markdown(name)} | {value} |" for name, value in rows]
        lines += ["", "| class | labelled |", "|---|---|"]
        lines += [f"| {words.markdown(label)} | {n} |" for label, n in record.counts.items()]
        told = record.trust.get("plan", {}).get("told")
        return "\n".join(lines) + (f"\n\n{told}" if told else "")

    def limits(self, record: FitRecord) -> list[str]:
        """What it cannot do."""
        smallest = record.trust.get("plan", {}).get("smallest")
        told = [
            "It finds the classes it was trained on, in pictures like those of its training. Objects behind "
            "others are often missed."
        ]
        if smallest is not None:
            told.append(
                f"Objects much smaller than {smallest:.0f} pixels, at the size that the network sees, are "
                "missed."
            )
        return told

    def _learnt(self, record: FitRecord) -> str:
        return f"Trained on {self.labelled(record)[0]}, starting from {record.backbone}."


def _measure(name: str) -> str:
    """A measure's name for people, of a class or of all."""
    label, parted, own = name.rpartition(": ")
    return f"{label}{parted}{MEASURES.get(own, own)}"


pages.add("detection", BoxPage())
