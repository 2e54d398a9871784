"""What the checks found, in sentences that need no statistics to read."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from preseason.data.dataset import source_from
from preseason.evaluation.learning_curve import MORE, Curve
from preseason.evaluation.metrics import wilson
from preseason.formatting import percent
from preseason.results import Figure

GAP = 0.02
"""By how much a split by chance must flatter before it is a warning."""
SHORTCUT = 0.6
"""Share of what is known beyond chance that parts beside the point may hold before it is a warning."""
MIN_GAIN = 0.005

Found = dict[str, Any]
BESIDE_THE_POINT = {
    "colours": (
        "colours and textures, such as kit, pitch and light: from these alone",
        "Expect more errors with other kits or in other light",
    ),
    "surroundings": (
        "the background: with the middle of every picture hidden",
        "Expect more errors in front of other backgrounds",
    ),
    "names": ("names, hashtags and numbers: from these alone", "Expect more errors in texts about others"),
}
ONE = {
    "frame": ("reads the scene, not the movement", "no movement"),
    "moment": ("hears what sounds there, not what comes before and after", "nothing before and after"),
}
"""Shown alone of a clip or sound: what the model goes by where that suffices, and what it does without."""


def crossed_labels(given: Sequence[str], said: Sequence[str], noun: str) -> tuple[str, ...]:
    """Why a test part is answered worse than by chance: its labels mean something else than in training.

    Args:
        given, said: the label of each example of the part, and the model's answer.
    """
    known = [(one, other) for one, other in zip(given, said, strict=True) if one in set(said)]
    classes = len({one for one, _ in known})
    right = sum(one == other for one, other in known)
    if classes < 2 or wilson(right, len(known))[1] >= 1 / classes:
        return ()
    (label, answer), count = Counter(pair for pair in known if pair[0] != pair[1]).most_common(1)[0]
    every = sum(one == label for one, _ in known)
    return (
        f"Only {right} of {len(known)} test {noun} are answered right, fewer than by chance: {label!r} is "
        f"called {answer!r} {count} of {every} times. The labels of the test part may mean something else "
        "than those of training.",
    )


def label_errors(values: Found, noun: str) -> Found:
    """How many labels are doubtful, with the likeliest error."""
    found = values["suspects"]
    if not found:
        return {"said": f"No label among {values['checked']} {noun} looks wrong."}
    first = found[0]
    labels = "1 label is" if len(found) == 1 else f"{len(found)} labels are"
    said = (
        f"{labels} probably wrong (of {values['checked']} {noun} checked): e.g. "
        f"{source_from(first).called(200)} is labelled {first['label']} but looks like "
        f"{first['suggested']} ({percent(first['probability'])})."
    )
    return {"said": said, "warning": f"{said} Check them in the report."}


def honest_split(values: Found, noun: str) -> Found:
    """What a split by chance would have claimed."""
    gap = values["chance"] - values["honest"]
    start = (
        f"{values['grouped']} of the {noun} are related to others, and were kept in the same fold. A linear "
        f"head scores {percent(values['honest'])} this way, and {percent(values['chance'])} if they are "
        "split at random."
    )
    if gap < GAP or values["low"] <= 0:
        return {"said": f"{start} The difference is small."}
    said = f"{start} So a random split would overstate the accuracy by {100 * gap:.0f} points."
    return {"said": said, "warning": said}


def shortcuts(values: Found, noun: str) -> Found:
    """What the answers may rest on, the largest share first."""
    by_key = {test["key"]: test for test in values["tests"]}
    # A fit that is taken up tells the same: of equal shares the first of the list, not of a set.
    beside = [key for key in BESIDE_THE_POINT if key in by_key]
    beside.sort(key=lambda key: -by_key[key]["share"])
    lines = [_resting(by_key[key], values["chance"], noun) for key in beside]
    lines += [_one_of(by_key[f"one {what}"], what) for what in ONE if f"one {what}" in by_key]
    lines += _deciding(values.get("deciders", []))
    found: Found = {"said": " ".join(lines) or "No shortcut could be tested on its own."}
    if beside and by_key[beside[0]]["share"] >= SHORTCUT:
        found["warning"] = f"{lines[0]} {BESIDE_THE_POINT[beside[0]][1]}."
    return found


def _resting(test: Found, chance: float, noun: str) -> str:
    alone = f"a simple classifier still scores {percent(test['accuracy'])}"
    beside = (
        f"{percent(test['full'])} from whole {noun}, {percent(chance)} by always naming the most "
        "frequent label"
    )
    what = BESIDE_THE_POINT[test["key"]][0]
    return f"Up to {percent(test['share'])} of this model's accuracy may come from {what} {alone} ({beside})."


def curve(found: Curve, score: Figure) -> Found:
    """The curve of the linear head carried over to the model: its errors shrink in the same proportion."""
    now, *later = found.forecasts
    ratio = (1 - score.value) / max(1 - now.accuracy, 1e-3)
    ratio = min(ratio, 1.5) if score.n else 1.0
    level = score.value if score.n else now.accuracy

    def carried(accuracy: float) -> float:
        return min(max(1 - (1 - accuracy) * ratio, level), 1.0)

    low, high = score.interval
    half = (high - low) / 2 if score.n else (now.high - now.low) / 2
    gains = [{"label": g.label, "gain": g.gain * ratio, "sure": g.sure} for g in found.gains]
    forecasts = [
        {"times": f.times, "accuracy": carried(f.accuracy), "low": carried(f.low), "high": carried(f.high)}
        for f in later
    ]
    return {
        "now": level,
        "half_width": half,
        "sizes": list(found.sizes),
        "linear": list(found.accuracies),
        "linear_forecasts": [
            {"times": f.times, "accuracy": f.accuracy, "low": f.low, "high": f.high} for f in found.forecasts
        ],
        "forecasts": forecasts,
        "gains": gains,
        "said": _outlook(level, half, gains, forecasts),
    }


def _outlook(level: float, half: float, gains: list[Found], forecasts: list[Found]) -> str:
    parts = [f"{percent(level)} ± {max(100 * half, 1):.0f} now"]
    sure = [gain for gain in gains if gain["sure"] and gain["gain"] >= MIN_GAIN]
    rest = [gain["label"] for gain in gains if gain not in sure]
    parts += [f"{MORE} more of {gain['label']}: about +{_points(gain['gain'])} points" for gain in sure[:3]]
    if rest:
        left = len(rest) - 3
        more = f" and {left} other{'s' * (left > 1)}" if left > 0 else ""
        parts.append(f"more of {', '.join(rest[:3])}{more}: no measurable gain")
    twice = forecasts[0]
    parts.append(
        f"twice as many labels overall: about {percent(twice['accuracy'])} "
        f"({percent(twice['low'])} to {percent(twice['high'])})"
    )
    return "; ".join(parts) + "."


def _one_of(test: Found, what: str) -> str:
    read, needed = ONE[what]
    both = f"{percent(test['accuracy'])} against {percent(test['full'])} with all {what}s, with a linear head"
    if test["accuracy"] >= test["full"] - 0.02:
        return f"A single {what} does as well ({both}): the model {read}."
    return f"A single {what}: {both}; {percent(test['share'])} of the accuracy needs {needed}."


def _deciding(found: list[Found]) -> list[str]:
    if not found:
        return []
    words = [f"“{d['word']}” ({d['label']} in {d['count']} of {d['total']})" for d in found[:3]]
    return [f"Words that decide on their own: {', '.join(words)}. Should they?"]


def _points(gain: float) -> str:
    return f"{100 * gain:.0f}" if gain >= 0.015 else f"{100 * gain:.1f}"
