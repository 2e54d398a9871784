"""One label for each example: how often it is right, class by class, and what a probability is worth."""

from typing import Any

from preseason.evaluation.metrics import ClassScore, per_class, reliability
from preseason.report import charts, words
from preseason.report.problems import label_views as views
from preseason.report.problems import label_words
from preseason.report.problems.base import Section, Usage, pages
from preseason.report.words import Verdict
from preseason.results import FitRecord

MAX_CLASSES = 60
SMALL_TEST = 60
FEW_EXAMPLES = 10
FAR_OFF = 0.1


class LabelPage:
    """Sections and card of labelled answers."""

    measure = "Accuracy"
    hub_metrics: tuple[str, ...] = ("accuracy", "f1")
    hub_task: str | None = None
    sections: tuple[Section, ...] = (
        Section("classes", "Class by class", "The band is the 95\xa0% confidence interval.", views.classes),
        Section("mixups", "Confusions", "Rows are the true class, columns the predicted one.", views.mixups),
        Section(
            "mistakes",
            "Most confident mistakes",
            "Some may be wrong labels: check these first.",
            views.mistakes,
        ),
        Section(
            "focus", "Where it looked", "Bright areas counted; the framed one counted most.", views.attention
        ),
        Section(
            "vocabulary",
            "Words that count",
            "From word counts alone; a word that should not matter here is a warning.",
            views.vocabulary,
        ),
        Section(
            "calibration",
            "Are the probabilities right?",
            "Of answers given at 80\xa0%, 80 in 100 should be right.",
            views.calibration,
        ),
        Section(
            "unknown", "Unknown inputs", "What happens with inputs unlike any known class.", views.unknown
        ),
    )

    def headline(self, record: FitRecord) -> dict[str, Any]:
        """What was learnt, how often it is right, between which bounds."""
        score, noun = record.score, words.noun_of(record.task)
        right = round(score.value * score.n)
        grid, each = charts.dots(right, score.n - right)
        low, high = score.interval
        few = len(record.labels) <= 6
        named = words.listed(record.labels) if few else f"{len(record.labels)} classes"
        return {
            "title": f"Recognises {named}",
            "learnt": _learnt(record, noun),
            "measure": self.measure,
            "figure": words.percent(score.value),
            "right_of": self.summary(record),
            "dots": grid if score.n else None,
            "each": f"one {noun}" if each == 1 else words.count(each, noun),
            "low": low * 100,
            "high": high * 100,
            "middle": score.value * 100,
            "marks": [(name, rate * 100) for name, rate in _marks(record)],
            "measured": score.n > 0,
            "delivered": words.delivered(record),
        }

    def about(self, record: FitRecord) -> str:
        """The classes it tells apart."""
        few = words.listed([words.markdown(label) for label in record.labels])
        return f"Recognises {(few if len(record.labels) <= 12 else f'{len(record.labels)} classes')}"

    def summary(self, record: FitRecord) -> str:
        """How often it is right, and what to expect."""
        return label_words.right_of(record.score, words.noun_of(record.task))

    def labelled(self, record: FitRecord) -> tuple[str, str]:
        """The examples."""
        noun = words.noun_of(record.task)
        return words.count(sum(record.counts.values()), noun), noun

    def usage(self, record: FitRecord, folder: str, example: str) -> Usage:
        """The label of a file or text."""
        return Usage(
            f"preseason predict {folder} {example}",
            (
                f'answer = model.predict("{example}")[0]',
                "print(answer.label, answer.probability, answer.unknown)",
            ),
            f"`unknown` is true if the {words.noun_of(record.task)} is unlike every known class; `label` is "
            "then the nearest class.",
        )

    def verdicts(self, record: FitRecord) -> list[Verdict]:
        """How many examples the accuracy rests on, what probabilities are worth, the weakest class."""
        noun = words.noun_of(record.task)
        measured = [_honesty(record), _weakest(record, noun)] if record.score.n else []
        return [_sample_size(record, noun), *measured]

    def hub_figures(self, record: FitRecord) -> dict[str, float]:
        """Accuracy, balanced accuracy and F1."""
        names = {"accuracy": "accuracy", "balanced_accuracy": "balanced_accuracy", "f1": "macro_f1"}
        return {name: record.metrics[own].value for name, own in names.items()}

    def card(self, record: FitRecord) -> str:
        """The figures, the classes, and what a probability is worth."""
        metrics, score = record.metrics, record.score
        rows = [
            ("accuracy", f"{words.percent(score.value)} ({_range(*score.interval)})"),
            ("balanced accuracy", words.percent(metrics["balanced_accuracy"].value)),
            ("macro F1", f"{metrics['macro_f1'].value:.3f}"),
            ("expected calibration error", f"{metrics['ece'].value:.3f}"),
        ]
        rows += [
            (f"baseline: {words.markdown(name)}", words.percent(rate))
            for name, rate in record.baselines.items()
        ]
        table = "\n".join(
            ["| measure | on held-out data |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)]
        )
        scores = per_class(record.answers.probabilities, record.answers.targets)
        named = list(zip(record.labels, scores, strict=True))[:MAX_CLASSES]
        classes = "\n".join(["| class | recall | 95 % interval |", "|---|---|---|", *map(_class_row, named)])
        bins = reliability(record.answers.probabilities, record.answers.targets)
        return f"{table}\n\n{classes}\n\n{label_words.calibration(bins, metrics['ece'].value)}"

    def limits(self, record: FitRecord) -> list[str]:
        """What happens with something that it has never met."""
        return [label_words.unknown(record)]


def _learnt(record: FitRecord, noun: str) -> str:
    total = words.count(sum(record.counts.values()), noun)
    head = "heads" if "+" in record.head else "head"
    return f"Trained on {total}, starting from {record.backbone}; {head}: {record.head}."


def _marks(record: FitRecord) -> list[tuple[str, float]]:
    known = [("scratch", "random weights"), ("majority", "most frequent class")]
    return [(name, record.baselines[key]) for key, name in known if key in record.baselines]


def _sample_size(record: FitRecord, noun: str) -> Verdict:
    score = record.score
    width = round(100 * (score.interval[1] - score.interval[0]))
    text = f"{words.count(score.n, noun)} tested; the 95 % interval of the accuracy is {width} points wide."
    if score.n < SMALL_TEST:
        return Verdict("warn", "Few examples", f"{text} Label more before relying on it.")
    return Verdict("good" if width <= 15 else "note", "How certain is the figure", text)


def _honesty(record: FitRecord) -> Verdict:
    bins = reliability(record.answers.probabilities, record.answers.targets)
    ece = record.metrics["ece"].value
    far = ece > FAR_OFF
    gap = abs(sum(item.n * (item.confidence - item.accuracy) for item in bins)) / record.score.n
    near = "Probabilities are close" if gap > label_words.NEAR else "Probabilities are well calibrated"
    title = "Probabilities are rough" if far else near
    return Verdict("note" if far else "good", title, label_words.calibration(bins, ece))


def _weakest(record: FitRecord, noun: str) -> Verdict:
    scores = per_class(record.answers.probabilities, record.answers.targets)
    seen = [(label, score) for label, score in zip(record.labels, scores, strict=True) if score.n]
    if not seen:
        return Verdict(
            "warn", "No known class in the test", "The model knows none of the labels in the test."
        )
    label, score = min(seen, key=lambda row: row[1].recall)
    right = f"{round(score.recall * score.n)} of {words.count(score.n, noun)}"
    few = f" That is too few to judge; {FEW_EXAMPLES} or more are enough."
    text = f"{label}: {right} recognised.{(few if score.n < FEW_EXAMPLES else '')}"
    weak = score.recall < record.score.interval[0]
    return Verdict("note" if weak else "good", "The weakest class", text)


def _class_row(row: tuple[str, ClassScore]) -> str:
    label, score = row
    right = f"{round(score.recall * score.n)} of {score.n}" if score.n else "none tested"
    return f"| {words.markdown(label)} | {right} | {_range(score.low, score.high)} |"


def _range(low: float, high: float) -> str:
    return f"between {words.percent(low)} and {words.percent(high)}"


pages.add("classification", LabelPage())
