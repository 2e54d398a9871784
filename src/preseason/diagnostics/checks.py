"""All checks of trust that `fit` runs by itself, and what they found in plain values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from preseason.data.audit import Audit
from preseason.diagnostics import data_quality, messages
from preseason.diagnostics.deciding_words import deciders, hidden_words
from preseason.diagnostics.evidence import Evidence
from preseason.diagnostics.false_alarms import false_alarms
from preseason.diagnostics.label_errors import suspects
from preseason.diagnostics.shortcuts import hidden_parts
from preseason.diagnostics.split_check import honest_split
from preseason.diagnostics.unknown_inputs import price
from preseason.evaluation.learning_curve import curve_of_short
from preseason.inference.answers import BatchPredictions
from preseason.openset.detection import Choice
from preseason.results import Figure
from preseason.runtime.progress import Stopwatch

Found = dict[str, Any]


class Caution(NamedTuple):
    """A warning; those of the lowest rank are the worst and are told first."""

    rank: int
    text: str


RANKS = {
    kind: rank
    for rank, kind in enumerate(
        (
            "parts", "guess", "alike", "leak", "copies", "label_errors", "honest_split", "scenes",
            "shortcuts", "transfer", "classes", "strangers", "false_alarms", "odd", "groups", "way", "time",
        )
    )
}  # fmt: skip
"""What explains the figure that decides comes first: at most five warnings are shown."""


@dataclass(frozen=True)
class Judged:
    """What is judged.

    Attributes:
        evidence: of the examples that were learnt from.
        audit: of all files.
        answers: of the test examples, with `score`, the figure that decides.
        choice: how strangers were found, with the `budget` that the user gave, 0..1.
        threshold: distance above which an answer is unknown.
    """

    evidence: Evidence
    audit: Audit
    answers: BatchPredictions
    score: Figure
    choice: Choice
    budget: float | None


@dataclass
class Checked:
    """What the checks found.

    Attributes:
        values: by name of the check, for `FitRecord.trust`; each has a sentence under `said`.
        cautions: the warnings that follow.
    """

    values: dict[str, Found] = field(default_factory=dict)
    cautions: list[Caution] = field(default_factory=list)


def check(judged: Judged) -> Checked:
    """Run every check; one that cannot tell says why under `said`."""
    watch, done = Stopwatch(), Checked()
    steps: dict[str, Callable[[Judged], Found]] = {
        "copies": lambda j: data_quality.copies(j.audit, j.evidence.noun),
        "odd": lambda j: data_quality.odd(j.audit, j.evidence.noun),
        "groups": lambda j: data_quality.groups(j.audit, j.evidence.noun),
        "label_errors": label_errors,
        "honest_split": receipt,
        "shortcuts": shortcuts,
        "strangers": lambda j: price(j.choice, j.answers, j.budget, j.evidence.noun),
        "curve": curve,
    }
    if getattr(judged.evidence.modality, "listened", False):
        steps["false_alarms"] = lambda j: false_alarms(j.evidence)
    for name, step in steps.items():
        with watch.stage(name):
            found = step(judged)
        warning = found.get("warning", "")
        done.values[name] = {"tone": "good"} | found | ({"tone": "warn"} if warning else {})
        if warning:
            done.cautions.append(Caution(RANKS[name], warning))
    done.values["seconds"] = {name: round(seconds, 3) for name, seconds in watch.seconds.items()}
    return done


def label_errors(judged: Judged) -> Found:
    """Labels that are probably wrong."""
    evidence = judged.evidence
    found = suspects(evidence.oof_proba, evidence.targets[evidence.oof_index])
    listed = [
        evidence.named(int(evidence.oof_index[each.place]))
        | {
            "suggested": evidence.labels[each.suggested],
            "probability": each.doubt,
            "label_probability": each.trust,
        }
        for each in found
    ]
    values = {"checked": len(evidence.oof_index), "suspects": listed}
    return values | messages.label_errors(values, evidence.noun)


def receipt(judged: Judged) -> Found:
    """The split by chance beside the honest one."""
    evidence = judged.evidence
    if evidence.short is None:
        return {"said": "Not compared: no pretrained network read the examples."}
    chosen, rows = evidence.short.chosen, evidence.short.rows
    found = honest_split(rows, evidence.targets[chosen], evidence.groups[chosen], len(evidence.labels))
    if found is None:
        return {
            "said": (
                f"No related {evidence.noun} were found (same match, burst or near-copy), so a random "
                "split is a fair test."
            )
        }
    pairs = [
        {
            "tested": evidence.named(int(chosen[pair.tested])),
            "learnt": evidence.named(int(chosen[pair.learnt])),
            "wrong": evidence.labels[pair.wrong],
            "likeness": pair.likeness,
        }
        for pair in found.pairs
    ]
    values = {
        "honest": found.honest,
        "chance": found.chance,
        "low": found.low,
        "high": found.high,
        "grouped": found.grouped,
        "examples": len(chosen),
        "pairs": pairs,
    }
    return values | messages.honest_split(values, evidence.noun)


def shortcuts(judged: Judged) -> Found:
    """What is right with parts of every example hidden."""
    evidence = judged.evidence
    counted = evidence.candidate("tfidf") is not None
    found = hidden_words(evidence) if counted else hidden_parts(evidence)
    if found is None:
        return {"said": f"Not checked: the model does not look at parts of the {evidence.noun}."}
    tests = [
        {"key": t.key, "shown": t.shown, "accuracy": t.accuracy, "full": t.full, "share": found.share(t)}
        for t in found.trials
    ]
    values: Found = {"chance": found.chance, "tests": tests}
    if counted:
        texts = [sample.source.read() for sample in evidence.samples]
        labels = [evidence.labels[target] for target in evidence.targets]
        values["deciders"] = [
            {"word": d.word, "kind": d.kind, "label": d.label, "count": d.count, "total": d.total}
            for d in deciders(texts, labels)
        ]
    return values | messages.shortcuts(values, evidence.noun)


def curve(judged: Judged) -> Found:
    """What more labels would bring."""
    evidence = judged.evidence
    if evidence.short is None:
        return {"said": "Not estimated: no pretrained network read the examples."}
    chosen = evidence.short.chosen
    found = curve_of_short(
        evidence.short.rows, evidence.targets[chosen], evidence.groups[chosen], evidence.labels
    )
    if found.reason:
        return {"said": f"What more labels would bring: {found.reason}.", "reason": found.reason}
    return messages.curve(found, judged.score)
