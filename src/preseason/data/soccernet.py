"""SoccerNet's files: labels beside the videos of a match, and the results that its evaluation reads."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from preseason.data.actions import Action
from preseason.data.clock import match_clock, seconds_from
from preseason.data.files import files_in, folders_in, label_from
from preseason.data.gathering import Gathering, Mention
from preseason.errors import DataError

LABEL_FILES = ("Labels-v2.json", "Labels-ball.json")
DEEPEST = 4
"""Folders below the root in which label files are looked for: league, season and game, and one to spare."""

LABELS = (
    "Penalty", "Kick-off", "Goal", "Substitution", "Offside", "Shots on target", "Shots off target",
    "Clearance", "Ball out of play", "Throw-in", "Foul", "Indirect free-kick", "Direct free-kick", "Corner",
    "Yellow card", "Red card", "Yellow->red card",
)  # fmt: skip
"""The 17 classes of SoccerNet-v2, over all of which its average-mAP is a mean."""

_VIDEO = re.compile(r"(?:([1-5])_)?([0-9]+p|HQ)\.(mkv|mp4|mov|avi|ts|webm)", re.IGNORECASE)
_TIME = re.compile(r"([1-5])\s*-\s*([0-9:.,]+)")


def label_files(root: Path, deepest: int = DEEPEST) -> list[Path]:
    """All label files at or under `root`, in path order; hidden folders are passed over."""
    if root.is_file():
        return [root] if root.name in LABEL_FILES else []
    here = [path for path in files_in(root) if path.name in LABEL_FILES]
    if deepest == 0:
        return here
    return here + [path for folder in folders_in(root) for path in label_files(folder, deepest - 1)]


def gather(labels: Path, gathering: Gathering) -> None:
    """Take in every annotation of a label file, or name it by its number, counted from 1.

    A half whose video is not there is named once, with the number of its annotations.
    """
    try:
        annotations = _listed(labels, "annotations")
    except DataError as error:
        gathering.skip(labels, str(error))
        return
    videos, lost = videos_beside(labels), Counter[int]()
    for half, path in videos.items():
        gathering.open(path, half)
    for number, annotation in enumerate(annotations, start=1):
        place = f"annotation {number} of {labels.name}"
        try:
            action = _action(annotation)
        except ValueError as error:
            gathering.skip(labels, f"{place}: {error}")
            continue
        half = action.half or 1
        if half in videos:
            gathering.add(Mention(videos[half], action, place))
        else:
            lost[half] += 1
    for half, count in sorted(lost.items()):
        reason = f"{count} of half {half}, and there is no {half}_720p.mkv beside the labels"
        gathering.skip(labels, reason)


def videos_beside(labels: Path) -> dict[int, Path]:
    """The video of each half: the file of 720 lines where there is one, else that of most lines.

    A file without the number of a half, as ball actions have it, is the first and only one.
    """
    found: dict[int, list[tuple[int, Path]]] = {}
    for path in files_in(labels.parent):
        match = _VIDEO.fullmatch(path.name)
        if match and (match[1] is None) == (labels.name == "Labels-ball.json"):
            lines = int(match[2][:-1]) if match[2].lower() != "hq" else 1080
            rank = 10_000 if lines == 720 else lines
            found.setdefault(int(match[1] or 1), []).append((rank, path))
    return {half: max(ranked)[1] for half, ranked in found.items()}


def results(actions: Iterable[Action], url: str = "") -> dict[str, Any]:
    """What a `results_spotting.json` holds for one match; actions without a half count to the first.

    Args:
        actions: of all halves, times from the start of each half.
        url: the match as the labels name it, e.g. "england_epl/2014-2015/...".
    """
    ordered = sorted(actions, key=lambda action: (action.half or 1, action.moment_s, action.label))
    return {"UrlLocal": url, "predictions": [_prediction(action) for action in ordered]}


def read_results(path: Path) -> tuple[Action, ...]:
    """The actions of a `results_spotting.json` or of a label file, in the file's order.

    Raises:
        DataError: the file is no such JSON, or one of its entries cannot be read; the message names it.
    """
    entries = _listed(path, "predictions", "annotations")
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(_action(entry))
        except ValueError as error:
            raise DataError(f"Entry {number} of {path} cannot be read: {error}.") from None
    return tuple(found)


def _prediction(action: Action) -> dict[str, str]:
    half = action.half or 1
    return {
        "gameTime": f"{half} - {match_clock(action.moment_s)}",
        "label": action.label,
        "position": str(round(action.moment_s * 1000)),
        "half": str(half),
        "confidence": repr(round(float(action.confidence), 6)),
    } | ({"model": action.model} if action.model else {})


def _listed(path: Path, *keys: str) -> Sequence[object]:
    """The list that a JSON file has under the first of `keys` it knows.

    Raises:
        DataError: the file cannot be read or has no such list.
    """
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path} cannot be opened: {error.strerror}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise DataError(f"{path} is no JSON: download it again") from None
    entries = next((content[key] for key in keys if isinstance(content, dict) and key in content), None)
    if not isinstance(entries, list):
        raise DataError(f"{path} has no list of {' or '.join(keys)}, which SoccerNet's files have")
    return entries


def _action(entry: object) -> Action:
    """One annotation or prediction.

    Raises:
        ValueError: it cannot be read; the message says why.
    """
    if not isinstance(entry, dict):
        raise ValueError("no JSON object")
    label = label_from(str(entry.get("label") or ""))
    if not label:
        raise ValueError("no label")
    half, time_s = _when(entry)
    confidence = _number(entry.get("confidence", 1.0), "confidence")
    if not 0 <= confidence <= 1:
        raise ValueError(f"the confidence {confidence:g} is not within 0 and 1")
    visible = str(entry.get("visibility", "visible")).lower() != "not shown"
    return Action(time_s, label, confidence, half, visible=visible)


def _when(entry: dict[str, object]) -> tuple[int, float]:
    """Half and seconds; milliseconds are preferred to the clock, which is in whole seconds."""
    found = _TIME.fullmatch(str(entry.get("gameTime", "")).strip())
    half = int(_number(entry["half"], "half")) if "half" in entry else int(found[1]) if found else 0
    if not 1 <= half <= 5:
        raise ValueError(f"gameTime {entry.get('gameTime')!r} names no half, as in '1 - 05:23'")
    if "position" in entry:
        time_s = _number(entry["position"], "position") / 1000
    elif found:
        time_s = seconds_from(found[2])
    else:
        raise ValueError("no position and no gameTime")
    if time_s < 0:
        raise ValueError(f"the position {entry['position']} is negative")
    return half, time_s


def _number(value: object, name: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        raise ValueError(f"{name} {value!r} is no number") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} {value!r} is no number")
    return number
