"""What counts when sounds are listened for: false alarms an hour where nothing of interest is heard."""

from typing import Any

from preseason.data.background import is_background
from preseason.diagnostics.evidence import Evidence
from preseason.media import sound

THRESHOLD = 0.5
"""Least probability of an event where the user names none."""
WITHOUT = (
    "No class is called background (or noise, silence, other, none), so expect false alarms in long "
    "recordings. Add such a class, with sounds of moments in which nothing happens."
)


def false_alarms(evidence: Evidence) -> dict[str, Any]:
    """How often background is taken for an event by models that had not heard it, an hour of background."""
    names = [label for label in evidence.labels if is_background(label)]
    if not names:
        return {"said": "Not measured: there is no background.", "warning": WITHOUT}
    places = [
        (index, row)
        for index, row in zip(evidence.oof_index, evidence.oof_proba, strict=True)
        if evidence.labels[evidence.targets[index]] in names
    ]
    alarms = sum(
        evidence.labels[int(row.argmax())] not in names and float(row.max()) >= THRESHOLD for _, row in places
    )
    hours = sum(_seconds(evidence, int(index)) for index, _ in places) / 3600
    values = {"threshold": THRESHOLD, "alarms": alarms, "hours": hours, "examples": len(places)}
    rate = alarms / hours if hours else 0.0
    heard = f"{60 * hours:.1f} minutes of background at the threshold {THRESHOLD:g}"
    said = f"False alarms: {alarms} in {heard}, {rate:.0f} an hour."
    if alarms == 0 and hours:
        # Three events would be missed once in twenty times (rule of three).
        said = (
            f"False alarms: none in {heard}, so "
            f"hardly more than {3 / hours:.0f} an hour; longer background would tell more."
        )
    return values | {"per_hour": rate, "said": said}


def _seconds(evidence: Evidence, index: int) -> float:
    sample = evidence.samples[index]
    return sample.span[1] - sample.span[0] if sample.span else sound.length_s(sample.media)
