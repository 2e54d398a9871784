"""Figures of labelled answers in plain words; the report and the model card say them alike."""

import numpy as np

from preseason.evaluation.metrics import Bin, risk_coverage
from preseason.report.words import count, noun_of, percent
from preseason.results import Figure, FitRecord

NEAR = 0.03


def right_of(score: Figure, noun: str) -> str:
    """`right on 47 of 50 photos, each judged by a model that had not seen it; expect ...`."""
    if score.n == 0:
        return f"not measured: no {noun} was held out"
    right = round(score.value * score.n)
    low, high = percent(score.interval[0]).removesuffix("\xa0%"), percent(score.interval[1])
    seen = f"{right:,} of {count(score.n, noun)} right, each predicted by a model not trained on it"
    return f"{seen}; expect between {low} and {high}"


def calibration(bins: tuple[Bin, ...], ece: float) -> str:
    """What the probabilities are worth: what was claimed on average against what came true."""
    n = sum(item.n for item in bins)
    if not n:
        return "Not measured: no example was held out."
    claimed = sum(item.n * item.confidence for item in bins) / n
    right = sum(item.n * item.accuracy for item in bins) / n
    gap = claimed - right
    nature = "overconfident" if gap > NEAR else "underconfident" if gap < -NEAR else "well calibrated"
    start = f"Mean confidence {percent(claimed)}, accuracy {percent(right)}: {nature}."
    points = percent(ece).removesuffix("\xa0%")
    return f"{start} On average a probability is off by {points} points."


def selective(record: FitRecord, answered: float = 0.8) -> str | None:
    """What leaving the least sure answers to a person would give, or None without answers."""
    curve = risk_coverage(record.answers.probabilities, record.answers.targets)
    if not len(curve.coverage):
        return None
    place = int(np.argmin(np.abs(curve.coverage - answered)))
    kept, risk = float(curve.coverage[place]), float(curve.risk[place])
    if kept >= 1:
        return None
    left = f"Leave answers below {percent(float(curve.threshold[place]))} to a person"
    return f"{left}, and the model answers {percent(kept)} of inputs, {percent(1 - risk)} of them correctly."


def unknown(record: FitRecord) -> str:
    """How strangers are met, in plain words."""
    noun = noun_of(record.task)
    refused = int((record.answers.distance > record.unknown_threshold).sum())
    price = f"It would have said so for {refused} of {count(record.score.n, noun)} of known classes."
    if record.unknown_auroc is None:
        start = f"A {noun} far from all training examples is labelled “unknown”. With fewer than"
        middle = "three classes, none could be left out to test this, so take it as a hint."
        return f"{start} {middle} {price}"
    start = f"A {noun} unlike every known class is labelled “unknown”. Tested by leaving whole"
    chance = percent(record.unknown_auroc)
    middle = (
        f"classes out: a {noun} of a new class looked less familiar than a known one {chance} of "
        "the time (50\xa0% is chance)."
    )
    return f"{start} {middle} {price}"
