"""The price of sending strangers away, in words."""

from typing import Any

import numpy as np

from preseason.evaluation.metrics import wilson
from preseason.formatting import percent
from preseason.inference.answers import BatchPredictions
from preseason.openset.detection import Choice

DRAWS, SEED = 500, 0
MANY_NAMED = 0.2
"""Share of strangers with a name from which on it is no good sign."""


def price(choice: Choice, answers: BatchPredictions, budget: float | None, noun: str) -> dict[str, Any]:
    """Share of strangers that get a name and of known examples that get an answer, with intervals at 95 %.

    Args:
        budget: share of strangers that the user allows a name; None where a balance was found.
    """
    n = len(answers.targets)
    taken = answers.distance <= choice.threshold
    answered = int(taken.sum())
    low, high = wilson(answered, n)
    right = answers.probabilities[taken].argmax(axis=1) == answers.targets[taken]
    values: dict[str, Any] = {
        "budget": budget,
        "auroc": choice.auroc,
        "named": choice.unknown_accepted,
        "answers": answered / n if n else None,
        "answers_low": low,
        "answers_high": high,
        "right_of_answered": float(right.mean()) if answered else None,
        "by_class": [
            {"label": answers.labels[label], "asked": asked, "named": named}
            for label, asked, named in choice.left_out
        ],
    }
    if not n:
        return values | {"said": "Not measured: no example was held out."}
    paid = (
        f"{_percent(answered / n)} of the {noun} of known classes still get a label, the rest are left to you"
    )
    if choice.unknown_accepted is None:
        why = "with fewer than three classes, none can be left out to test this"
        values["said"] = f"Unknown inputs: {why}; {paid}."
        if budget is not None:
            values["warning"] = (
                f"--max-unknown-accepted could not be met: {why}. The default threshold is used."
            )
        return values
    values["named_low"], values["named_high"] = bounds(choice)
    between = f"{_percent(values['named_low'])} to {_percent(values['named_high'])}"
    if budget is None:
        values["said"] = (
            "Of unknown inputs (whole classes left out to test this), "
            f"{_percent(choice.unknown_accepted)} are given a label (for a new class: {between}); "
            f"{paid}. Use e.g. --max-unknown-accepted 1/50 for another trade-off."
        )
        if choice.unknown_accepted > MANY_NAMED:
            values["tone"] = "note"
        return values
    values["said"] = (
        f"At most {_percent(budget)} of unknown inputs may be given a label: of the classes left "
        f"out, {_percent(choice.unknown_accepted)} were (for a new class: {between}). In return, "
        f"{paid} ({_percent(1 - answered / n)})."
    )
    if answered < n / 2:
        values["warning"] = (
            f"--max-unknown-accepted {_percent(budget)} is too strict: {paid} "
            f"({_percent(1 - answered / n)}). Unknown inputs look much like the known classes; "
            "allow more of them, or label more."
        )
    return values


def bounds(choice: Choice) -> tuple[float, float]:
    """Bounds at 95 % of the share of strangers named: classes drawn anew, then their examples.

    A new class is one more draw of a class, so the spread between classes counts in full.
    """
    asked = np.array([n for _, n, _ in choice.left_out], float)
    named = np.array([k for _, _, k in choice.left_out], float)
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(len(asked), size=DRAWS)
    # One more success and failure each, so that none of few is no promise of never.
    shares = rng.beta(named[drawn] + 0.5, asked[drawn] - named[drawn] + 0.5)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def _percent(share: float) -> str:
    return percent(share, 0 if share >= 0.1 or (100 * share).is_integer() else 1)
