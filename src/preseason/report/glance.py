"""The first screen of a report, beside the figure: what the checks found, and what to do next."""

from dataclasses import dataclass

from preseason.report import trust, words
from preseason.results import FitRecord
from preseason.training.scratch import is_guess

FEW = 60
"""Examples tested below which the figure is uncertain whatever it is."""
MOST = 3
LABELS_MORE = 20
WORTH_IT = 0.01
"""Smallest gain in accuracy that more labels are recommended for."""
MANY_NAMED = 0.3
"""Share of unknown inputs that get a label, from which on a stricter setting is recommended."""
ANSWERS = {
    "copies": ("Duplicates do no harm", "Duplicates need a look"),
    "label_errors": ("The labels look right", "Some labels look wrong"),
    "honest_split": ("The test was fair", "Related examples would flatter a random test"),
    "shortcuts": ("It looks at the right thing", "It may look at the wrong thing"),
    "strangers": ("Unknown inputs are recognised", "Unknown inputs may get a label"),
    "odd": ("No file shows too little", "Some files show very little"),
}
"""Of each check that bears on trust, what it says where all is well, and where it is not."""


@dataclass(frozen=True)
class Glance:
    """Lines of the first screen.

    Attributes:
        checks: tone and answer of each check, the most serious first.
        steps: what to do next, the most useful first.
    """

    checks: tuple[tuple[str, str], ...]
    steps: tuple[str, ...]


def glance(record: FitRecord) -> Glance:
    """What the checks found and what follows from it."""
    found = []
    for name, (well, otherwise) in ANSWERS.items():
        check = record.trust.get(name, {})
        if "said" in check:
            tone = str(check.get("tone", "good"))
            found.append((tone, well if tone == "good" else otherwise))
    found += _others([each for each in dict.fromkeys(record.warnings) if each not in trust.warned(record)])
    found += [("good", str(each["said"])) for each in record.networks.values()]
    checks = sorted(found, key=lambda check: trust.ORDER[check[0]])
    return Glance(tuple(checks), tuple(_steps(record)[:MOST]))


def _others(warnings: list[str]) -> list[tuple[str, str]]:
    """Warnings that belong to no check: what casts doubt on everything by name, the rest by number."""
    guess = [("warn", "It may be no better than guessing")] * any(map(is_guess, warnings))
    rest = len(warnings) - len(guess)
    return [*guess, *([("warn", f"{_several(rest, 'further warning')}")] if rest else [])]


def _steps(record: FitRecord) -> list[str]:
    checked = record.trust
    noun = words.noun_of(record.task)
    steps = []
    suspects = len(checked.get("label_errors", {}).get("suspects", []))
    if suspects:
        steps.append(f"Check {_several(suspects, 'label')} that may be wrong, and fit again.")
    across = len(checked.get("copies", {}).get("across_labels", []))
    if across:
        steps.append(f"Correct the labels of {_several(across, 'duplicate')} with different labels.")
    steps += _more_labels(record, noun)
    if (checked.get("strangers", {}).get("named") or 0.0) > MANY_NAMED:
        steps.append("If unknown inputs occur in use, fit with --max-unknown-accepted 1/50.")
    if record.skipped:
        steps.append(
            f"See which {_several(len(record.skipped), 'file or row', 'files or rows')} were left out."
        )
    steps.append(f"Predict new {noun}s, and evaluate on data from another day or place.")
    return steps


def _more_labels(record: FitRecord, noun: str) -> list[str]:
    """Which class to label more of, where that is known to help; more of all where few are tested."""
    gains = record.trust.get("curve", {}).get("gains", [])
    sure = [gain for gain in gains if gain["sure"] and gain["gain"] >= WORTH_IT]
    if sure:
        best = max(sure, key=lambda gain: float(gain["gain"]))
        points = round(100 * best["gain"])
        return [f"Label {LABELS_MORE} more of {best['label']}: about +{_several(points, 'point')}."]
    if record.score.n < FEW:
        return [f"Label more {noun}s: the figure rests on {words.count(record.score.n, noun)}."]
    return []


def _several(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
