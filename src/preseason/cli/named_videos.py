"""`preseason predict PLAYERS MATCH.mp4 --on FINDER`: who is where, when."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preseason.cli import words
from preseason.cli.teams import team_name, teams_fields, teams_lines
from preseason.cli.verbs import Outcome
from preseason.cli.video_boxes import SHOWN, Wishes, check, frames_of, line_of, rounded, target_of
from preseason.data.safe_names import cell
from preseason.errors import DataError, MediaError

if TYPE_CHECKING:
    from preseason.data.dataset import Skipped
    from preseason.models.classifier import Model
    from preseason.models.detector import Detector
    from preseason.runtime.progress import Progress
    from preseason.spotting.teams import Teams
    from preseason.spotting.video_boxes import FrameBoxes

Rows = list[dict[str, Any]]
UNKNOWN = "unknown"


def who_in_videos(
    name: str,
    model: "Model",
    finder: "Detector",
    found: "tuple[Sequence[Path], Sequence[Skipped]]",
    wishes: Wishes,
    report: "Progress",
) -> Outcome:
    """What `predict --on` prints of videos.

    Args:
        name: of the model of photos, as it was typed.
        model: of photos.
        finder: finds things.
        found: the videos, and what was named beside them.
        wishes: what is asked for.
        report: is told how far it is.

    Raises:
        UsageError: wishes that do not go together, or `trackers` is not installed.
    """
    from preseason.data.dataset import Skipped

    check(wishes, found[0], finder.labels)
    rows: Rows = []
    drawn: list[Path] = []
    teams: dict[str, Teams] = {}
    skipped, read = list(found[1]), 0
    for path in found[0]:
        try:
            frames, fps = _walked(model, finder, path, wishes, teams, report)
        except MediaError as error:
            skipped.append(Skipped(str(path), str(error)))
            continue
        read += len(frames)
        rows += [row for frame in frames for row in rows_of(frame, wishes.columns())]
        if wishes.draw is not None:
            drawn.append(_drawn(model, frames, fps, target_of(wishes.draw, path, drawn)))
    fields: dict[str, Any] = {"model": name, "predictions": rows, "skipped": skipped, "drift": None}
    fields |= {"tracks": tracks_of(rows)} if wishes.track else {}
    fields |= {"teams": teams_fields(teams)} if wishes.teams else {}
    fields |= {"drawn": drawn} if wishes.draw is not None else {}
    if wishes.form == "csv":
        for line in [*teams_lines(teams), *words.of_skipped(skipped)]:
            click.echo(line, err=True)
    more = [*teams_lines(teams), *(f"Written: {path}" for path in drawn)]
    return Outcome(fields, _text(rows, wishes, more, skipped), 0 if read else DataError.exit_code)


def _walked(
    model: "Model",
    finder: "Detector",
    path: Path,
    wishes: Wishes,
    teams: "dict[str, Teams]",
    report: "Progress",
) -> "tuple[list[FrameBoxes], float]":
    from preseason.spotting.video_boxes import FPS, watch
    from preseason.spotting.who import named_frames

    watched = watch(finder, path, report, FPS if wishes.fps is None else wishes.fps)
    frames = list(frames_of(watched, wishes, teams, report))
    return named_frames(model, path, frames, watched.fps, report), watched.fps


def rows_of(frame: "FrameBoxes", more: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """A row for each box of a frame that has an answer, its edges in pixels; `more` names further columns."""
    from preseason.spotting.who import NamedBox

    for box, row in zip(frame.boxes, frame.rows(), strict=True):
        if not isinstance(box, NamedBox) or box.answer is None:
            continue
        answer = box.answer
        when = {"input": row["input"], "frame": frame.frame, "time_s": frame.time_s, "track": box.track}
        said = {"label": answer.label, "probability": answer.probability, "unknown": answer.unknown}
        edges = {edge: round(row[edge], 2) for edge in ("x0", "y0", "x1", "y1")}
        yield (
            when
            | {"found": box.label, "score": box.score}
            | said
            | {"looks": answer.looks}
            | edges
            | {key: rounded(row[key]) for key in more}
        )


def tracks_of(rows: Rows) -> Rows:
    """Who each track is, and from when to when it was seen."""
    tracks: defaultdict[tuple[str, int], Rows] = defaultdict(list)
    for row in rows:
        if row["track"] is not None:
            tracks[row["input"], row["track"]].append(row)
    kept = ("input", "track", "found", "label", "probability", "unknown", "looks", "team")
    told = [
        {key: some[0][key] for key in kept if key in some[0]}
        | {"start_s": some[0]["time_s"], "end_s": some[-1]["time_s"], "boxes": len(some)}
        for some in tracks.values()
    ]
    return sorted(told, key=lambda each: (each["input"], each["start_s"], each["track"]))


def _drawn(model: "Model", frames: "Sequence[FrameBoxes]", fps: float, target: Path) -> Path:
    """A video whose boxes bear the names of those who are in them."""
    from preseason.report.drawn_video import write_drawn_video

    shown = [replace(frame, boxes=tuple(map(_relabelled, frame.boxes))) for frame in frames]
    write_drawn_video(Path(frames[0].input), shown, (*model.labels, UNKNOWN), fps, target)
    return target


def _relabelled(box: Any) -> Any:
    known = box.answer is not None and not box.answer.unknown
    score = box.answer.probability if known else box.score
    return replace(box, label=box.answer.label if known else UNKNOWN, score=score)


def _text(rows: Rows, wishes: Wishes, more: Sequence[str], skipped: "Sequence[Skipped]") -> str:
    if wishes.form == "csv":
        columns = (*HEADER, *wishes.columns())
        return "\n".join([",".join(columns), *(line_of(_cells(row, columns)) for row in rows)])
    shown = _of_tracks(tracks_of(rows)) if wishes.track else _of_labels(rows)
    lines = [shown or "Nothing was found.", *more]
    return "\n".join([*lines, *words.of_skipped(skipped)])


HEADER = (
    "input", "frame", "time_s", "track", "found", "score", "label", "probability", "unknown", "looks",
    "x0", "y0", "x1", "y1",
)  # fmt: skip


def _cells(row: dict[str, Any], columns: Sequence[str]) -> list[Any]:
    named = row | {key: cell(row[key]) for key in ("input", "found", "label")}
    named |= {key: round(row[key], 4) for key in ("score", "probability")}
    return [str(named[key]).lower() if key == "unknown" else named[key] for key in columns]


def _of_tracks(tracks: Rows) -> str:
    from preseason.data.clock import clock

    rows = [
        [str(each["track"]), each["found"], _named(each), words.percent(each["probability"]),
         clock(each["start_s"]), clock(each["end_s"]), str(each["boxes"]),
         *([team_name(each["team"])] if "team" in each else [])]
        for each in tracks
    ]  # fmt: skip
    rest = len(rows) - SHOWN
    more = [f"... and {rest} more; --json has all."] if rest > 0 else []
    header = ["track", "found", "label", "confidence", "from", "to", "frames"]
    header += ["team"] if any("team" in each for each in tracks) else []
    return "\n".join([words.table(header, rows[:SHOWN]), *more]) if rows else ""


def _of_labels(rows: Rows) -> str:
    """How often each label was seen, and from when to when."""
    from preseason.data.clock import clock

    seen: defaultdict[str, Rows] = defaultdict(list)
    for row in rows:
        seen[UNKNOWN if row["unknown"] else row["label"]].append(row)
    shown = [
        [label, str(len(some)), clock(some[0]["time_s"]), clock(some[-1]["time_s"])]
        for label, some in sorted(seen.items())
    ]
    return words.table(["label", "boxes", "from", "to"], shown) if shown else ""


def _named(row: dict[str, Any]) -> str:
    return f"unknown (nearest {row['label']})" if row["unknown"] else str(row["label"])
