"""Label Studio's export of whole tasks: their data and what people chose, as the rows of a table."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

_GIVEN = ("annotations", "completions")
_CHOSEN = ("choices", "rating", "taxonomy")
"""Kinds of results that say one thing of the whole task; boxes and spans say it of a part."""


def is_export(rows: Sequence[Any]) -> bool:
    """Whether rows are tasks: each has its data, and a list of annotations with results.

    Example:
        >>> is_export([{"id": 1, "data": {"text": "Goal!"}, "annotations": [{"result": []}]}])
        True
        >>> is_export([{"data": "x", "annotations": []}]), is_export([])
        (False, False)
    """
    return bool(rows) and all(
        isinstance(row, Mapping) and isinstance(row.get("data"), Mapping) and _annotations(row) is not None
        for row in rows
    )


def rows_of(tasks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each task: its data and what was chosen, in a column label, of several questions in theirs.

    Choices of several people that differ stand in one cell as a list; cancelled annotations do not count.
    """
    data = [{str(name): value for name, value in task["data"].items()} for task in tasks]
    chosen = [_chosen(task) for task in tasks]
    questions = {name for said in chosen for name in said}
    free = "label" if not any("label" in row for row in data) else ""
    return [
        row
        | {_column(name, questions, free): said[0] if len(said) == 1 else said for name, said in each.items()}
        for row, each in zip(data, chosen, strict=True)
    ]


def _column(question: str, questions: Collection[str], free: str) -> str:
    return free if free and len(questions) == 1 else question


def _chosen(task: Mapping[str, Any]) -> dict[str, list[str]]:
    """The different answers to each question of a task."""
    chosen: dict[str, list[str]] = {}
    for annotation in _annotations(task) or ():
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            continue
        for result in annotation.get("result") or ():
            for answer in _answers(result):
                said = chosen.setdefault(str(result.get("from_name") or "choice"), [])
                said += [answer] if answer not in said else []
    return chosen


def _annotations(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    found: list[Any] | None = next((row[name] for name in _GIVEN if isinstance(row.get(name), list)), None)
    if found is None or not all(isinstance(each, Mapping) and "result" in each for each in found):
        return None
    return found


def _answers(result: Any) -> list[str]:
    value = result.get("value") if isinstance(result, Mapping) else None
    if not isinstance(value, Mapping) or result.get("type") not in _CHOSEN:
        return []
    given = value.get(str(result["type"]))
    listed = given if isinstance(given, list) else [given]
    return [str(each[-1] if isinstance(each, list) and each else each) for each in listed if each is not None]
