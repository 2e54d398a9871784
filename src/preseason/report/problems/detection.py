"""Boxes on pictures: how many things are found, which are missed, and what is seen where nothing is."""

from typing import Any

from preseason.formatting import percent as plain_percent
from preseason.report import words
from preseason.report.problems import box_views as views
from preseason.report.problems.base import Section, pages
from preseason.report.words import Verdict
from preseason.results import FitRecord

FEW_PICTURES = 60


class BoxPage:
    """Sections and card of boxes."""

    measure = "Average precision"
    hub_metrics: tuple[str, ...] = ("mean_average_precision",)
    sections: tuple[Section, ...] = (
        Section("boxes", "Class by class", "Of what is there, how much is found.", views.classes),
        Section(
            "mixups",
            "What is missed, made up and taken for what",
            "Rows are the truth, columns the answer.",
            views.mixups,
        ),
        Section(
            "faulty",
            "Pictures with most faults",
            "Green is found, red is missed, yellow is wrong or was never there.",
            views.pictures,
        ),
        Section(
            "suspects",
            "Labels that are probably wrong",
            "Red is labelled, yellow is what was found by a model that had not seen the picture.",
            views.suspects,
        ),
        Section("sizes", "Small and large", "How many are found, by size.", views.sizes),
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
        return f"Finds {few if len(record.labels) <= 12 else f'{len(record.labels)} classes'} on pictures"

    def summary(self, record: FitRecord) -> str:
        """Average precision, and what to expect."""
        score = record.score
        if score.n == 0:
            return "nothing was measured"
        low, high = (words.percent(bound) for bound in score.interval)
        seen = words.count(len(record.answers.samples) or score.n, words.noun_of(record.task))
        return f"average precision {words.percent(score.value)} on {seen}, between {low} and {high} to expect"

    def verdicts(self, record: FitRecord) -> list[Verdict]:
        """How many pictures the figure rests on."""
        n = record.split.get("test", 0)
        text = f"{words.count(n, words.noun_of(record.task))} judged."
        if n < FEW_PICTURES:
            return [Verdict("warn", "Few pictures", f"{text} Label more before relying on the figure.")]
        return [Verdict("good", "How sure is the figure", text)]

    def hub_figures(self, record: FitRecord) -> dict[str, float]:
        """The mean average precision."""
        return {"mean_average_precision": record.score.value}

    def card(self, record: FitRecord) -> str:
        """All figures, and the classes."""
        rows = [(name, plain_percent(figure.value, 1)) for name, figure in record.metrics.items()]
        rows += [
            (f"baseline: {words.markdown(name)}", plain_percent(rate, 1))
            for name, rate in record.baselines.items()
        ]
        lines = ["| measure | on unseen pictures |", "|---|---|"]
        lines += [f"| {words.markdown(name)} | {value} |" for name, value in rows]
        lines += ["", "| class | labelled |", "|---|---|"]
        lines += [f"| {words.markdown(label)} | {n} |" for label, n in record.counts.items()]
        told = record.trust.get("plan", {}).get("told")
        return "\n".join(lines) + (f"\n\n{told}" if told else "")

    def limits(self, record: FitRecord) -> list[str]:
        """What it cannot do."""
        smallest = record.trust.get("plan", {}).get("smallest")
        told = [
            "It finds the classes that it was taught, on pictures like those of its training; what stands "
            "behind something else is often missed."
        ]
        if smallest is not None:
            told.append(f"Things much smaller than {smallest:.0f} pixels at the network are missed.")
        return told

    def _learnt(self, record: FitRecord) -> str:
        boxes = words.count(sum(record.counts.values()), "box").replace("boxs", "boxes")
        pictures = words.count(words.examples_of(record), words.noun_of(record.task))
        return f"Learnt from {boxes} on {pictures}, on top of {record.backbone}."


pages.add("detection", BoxPage())
