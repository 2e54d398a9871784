"""What the look at the files found, in plain values: copies, odd files, groups."""

from collections import Counter
from typing import Any

from preseason.data.audit import Audit
from preseason.data.dataset import source_from
from preseason.data.split import group_numbers
from preseason.diagnostics.evidence import named

MAX_NAMED = 200
"""Files that the record names of each kind; more are counted."""


def copies(audit: Audit, noun: str) -> dict[str, Any]:
    """Copies, and those under different labels: of these one label is wrong."""
    samples = audit.dataset.samples
    across = [[named(samples[i]) for i in cluster] for cluster in audit.mixed]
    near = len(audit.clusters) - len(audit.exact)
    values: dict[str, Any] = {
        "exact": len(audit.exact),
        "near": max(near, 0),
        "across_labels": across[:MAX_NAMED],
    }
    if not audit.clusters:
        return values | {"said": f"No duplicate {noun} were found."}
    values["said"] = (
        f"{_sets(len(audit.clusters))} of duplicates or near-duplicates; each set stays in one fold."
    )
    if across:
        first, other = _two_labels(across[0])
        which = "identical content" if audit.conflicts else "the same picture, resized or slightly changed"
        values["warning"] = (
            f"{_sets(len(across))} of duplicates carry two labels, e.g. "
            f"{source_from(first).called(200)} ({first['label']}) and "
            f"{source_from(other).called(200)} ({other['label']}), {which}: one of the labels is "
            "wrong. Correct it and run fit again."
            + (" The score leaves out those with equal content." if audit.conflicts else "")
        )
    return values


def odd(audit: Audit, noun: str) -> dict[str, Any]:
    """Files that show little: tiny, empty, or of a strange shape."""
    samples = audit.dataset.samples
    listed = [named(samples[i]) | {"reason": reason} for i, reason in audit.odd]
    if not listed:
        return {"files": [], "said": f"All {noun} have a usual size and shape."}
    kinds = Counter(item["reason"] for item in listed)
    summed = ", ".join(f"{count} {reason}" for reason, count in kinds.most_common())
    said = f"{len(listed)} {noun} show very little: {summed}."
    return {"files": listed[:MAX_NAMED], "said": said, "warning": said}


def groups(audit: Audit, noun: str) -> dict[str, Any]:
    """What belongs together, and how that was found."""
    total = len(set(group_numbers(audit.dataset.samples).tolist()))
    values: dict[str, Any] = {
        "count": total,
        "examples": len(audit.dataset.samples),
        "from": [
            {"kind": f.kind, "groups": f.groups, "used": f.used, "said": f.said} for f in audit.families
        ],
    }
    used = [family.said for family in audit.families if family.used]
    refused = [family.said for family in audit.families if not family.used]
    parted = total < len(audit.dataset.samples)
    start = f"{len(audit.dataset.samples)} {noun} in {total} groups; a group is never split between folds"
    values["said"] = (
        f"{start}: {'; '.join(used) or 'duplicates'}."
        if parted
        else f"No groups were found: every one of the {noun} stands alone."
    )
    if refused:
        values["warning"] = (
            f"{refused[0]} Name the groups with --group, or turn grouping off with --group none."
        )
    return values


def _two_labels(cluster: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    return cluster[0], next(item for item in cluster if item["label"] != cluster[0]["label"])


def _sets(count: int) -> str:
    return "1 set" if count == 1 else f"{count} sets"
