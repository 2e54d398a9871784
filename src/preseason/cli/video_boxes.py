"""`preseason predict FINDER MATCH.mp4`: things found in videos, frame by frame."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preseason.cli import words
from preseason.cli.teams import teams_fields, teams_lines
from preseason.cli.verbs import Outcome
from preseason.data.safe_names import cell
from preseason.errors import DataError, MediaError, UsageError

if TYPE_CHECKING:
    from preseason.data.boxes import FoundBox
    from preseason.data.dataset import Skipped
    from preseason.models.detector import Detector
    from preseason.runtime.progress import Progress
    from preseason.spotting.pitch import PitchView
    from preseason.spotting.teams import Teams
    from preseason.spotting.video_boxes import FrameBoxes, WatchedVideo

ROUGH_M = 0.1
"""From which on it is told how badly the points of a pitch fit each other."""
SHOWN = 40
"""Tracks that a table has."""
HEADER = ("input", "frame", "time_s", "track", "label", "score", "x0", "y0", "x1", "y1")


@dataclass(frozen=True)
class Wishes:
    """What was asked for.

    Attributes:
        form: `table`, `json`, `csv` or `mot`.
        draw: folder of videos with boxes drawn.
        crops: folder of what was found, cut out.
        teams: class whose tracks are told apart by their kits.
        view: how the camera sees the pitch.
    """

    fps: float | None
    track: bool
    form: str
    draw: Path | None
    crops: Path | None = None
    teams: str | None = None
    view: "PitchView | None" = None

    def columns(self) -> tuple[str, ...]:
        """Of a table of boxes, beyond those that it always has."""
        return (*(["team"] if self.teams else []), *(["pitch_x", "pitch_y"] if self.view else []))


@dataclass
class _Seen:
    """What is told of a track, or of all boxes of a class that belong to none."""

    first_s: float
    last_s: float
    boxes: int = 0
    team: int | None = None
    times_s: list[float] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)

    def add(self, box: "FoundBox", time_s: float) -> None:
        """One more box."""
        self.last_s, self.boxes = time_s, self.boxes + 1
        self.team = getattr(box, "team", None)
        place = getattr(box, "place_m", None)
        if place is not None:
            self.times_s.append(time_s)
            self.places.append(place)


@dataclass
class _Told:
    """What is printed of the frames, gathered while they pass."""

    wishes: Wishes
    keep: bool
    frames: "list[FrameBoxes]" = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    seen: dict[tuple[str, str, int], _Seen] = field(default_factory=dict)
    count: int = 0
    crops: list[Path] = field(default_factory=list)

    def passing(self, frames: "Iterator[FrameBoxes]") -> "Iterator[FrameBoxes]":
        """The same frames; none is held unless JSON needs it."""
        for frame in frames:
            self.count += 1
            if self.keep:
                self.frames.append(frame)
            self.lines += lines_of(frame, self.wishes.form, self.wishes.columns())
            for box in frame.boxes:
                key = (frame.input, box.label, getattr(box, "track", None) or 0)
                self.seen.setdefault(key, _Seen(frame.time_s, frame.time_s)).add(box, frame.time_s)
            yield frame

    def tracks(self) -> list[dict[str, Any]]:
        """Every track: number, class, first and last time, boxes; team and distance where asked for."""
        return [
            {"input": source, "track": number, "label": label}
            | {"start_s": seen.first_s, "end_s": seen.last_s, "boxes": seen.boxes}
            | self._more(seen)
            for (source, label, number), seen in sorted(self.seen.items(), key=lambda item: item[1].first_s)
            if number
        ]

    def _more(self, seen: _Seen) -> dict[str, Any]:
        from preseason.spotting.pitch import path_m

        more: dict[str, Any] = {"team": seen.team} if self.wishes.teams else {}
        if self.wishes.view:
            more |= {"distance_m": round(path_m(seen.places, seen.times_s), 1)}
        return more


def videos_among(paths: Sequence[str]) -> "tuple[list[Path], tuple[Skipped, ...]]":
    """The videos that files, folders and patterns lead to, and what is none of them; nothing without a video.

    Raises:
        UsageError: there are pictures among them.
    """
    from preseason.data.files import Accept
    from preseason.data.layouts.unlabelled import collect

    pictures: list[Path] = []
    found = collect(paths, Accept(lambda path: _no_video(path, pictures), "videos"))
    videos = [sample.path for sample in found.samples]
    if videos and pictures:
        raise UsageError(
            f"received both videos and pictures ({videos[0]}, {pictures[0]}): name them in two runs."
        )
    return (videos, found.skipped) if videos else ([], ())


def _no_video(path: Path, pictures: list[Path]) -> str | None:
    """Why a file is no video; one that is a picture is put among `pictures`."""
    from preseason.media import image, video
    from preseason.spotting.video_boxes import is_video

    if is_video(path):
        return None
    if image.check(path) is None:
        pictures.append(path)
    return video.check(path) or "a picture, not a video"


def of_videos(
    name: str,
    model: "Detector",
    found: "tuple[Sequence[Path], Sequence[Skipped]]",
    wishes: Wishes,
    report: "Progress",
) -> Outcome:
    """What `predict` prints of videos.

    Args:
        name: of the model, as it was typed.
        model: finds things.
        found: the videos, and what was named beside them.
        wishes: what is asked for.
        report: is told how far it is.

    Raises:
        UsageError: wishes that do not go together, or `trackers` is not installed.
    """
    from preseason.data.dataset import Skipped

    videos = found[0]
    check(wishes, videos, model.labels)
    told = _Told(wishes, _wants_json(wishes))
    teams: dict[str, Teams] = {}
    drawn: list[Path] = []
    skipped = list(found[1])
    for video in videos:
        try:
            drawn += _walked(model, video, wishes, told, teams, report, drawn)
        except MediaError as error:
            skipped.append(Skipped(str(video), str(error)))
    fields: dict[str, Any] = {"model": name, "predictions": told.frames, "skipped": skipped, "drift": None}
    fields |= {"tracks": told.tracks()} if wishes.track else {}
    fields |= {"teams": teams_fields(teams)} if wishes.teams else {}
    fields |= {"drawn": drawn} if wishes.draw is not None else {}
    fields |= {"crops": told.crops} if wishes.crops is not None else {}
    if wishes.form in ("csv", "mot"):
        for line in [*teams_lines(teams), *words.of_skipped(skipped)]:
            click.echo(line, err=True)
    text = _text(told, wishes, [*teams_lines(teams), *(f"Written: {path}" for path in drawn)], skipped)
    return Outcome(fields, text, 0 if told.count else DataError.exit_code)


def _wants_json(wishes: Wishes) -> bool:
    source = click.get_current_context().get_parameter_source("json")
    return wishes.form == "json" or source is click.core.ParameterSource.COMMANDLINE


def check(wishes: Wishes, videos: Sequence[Path], labels: Sequence[str]) -> None:
    """Refuse what does not go together.

    Args:
        wishes: what is asked for.
        videos: to look at.
        labels: classes of things that are found.

    Raises:
        UsageError: wishes that do not go together, or `trackers` is not installed.
    """
    from preseason.errors.packages import require

    if wishes.form == "mot" and not wishes.track:
        raise UsageError("--format mot is the format of tracks: add --track.")
    if wishes.form == "mot" and len(videos) > 1:
        raise UsageError(f"--format mot has no column for the file: received {len(videos)} videos, name one.")
    if wishes.teams is not None and not wishes.track:
        raise UsageError("--teams gives each track its team: add --track.")
    if wishes.teams is not None and wishes.teams not in labels:
        raise UsageError(f"--teams {wishes.teams}: the model finds {', '.join(labels)}; name one of these.")
    if wishes.form == "mot" and wishes.columns():
        raise UsageError("--format mot has no columns for teams and places: choose csv or json.")
    if wishes.track:
        require("--track", "trackers")


def _walked(
    model: "Detector",
    path: Path,
    wishes: Wishes,
    told: _Told,
    teams: "dict[str, Teams]",
    report: "Progress",
    taken: Sequence[Path],
) -> list[Path]:
    from preseason.spotting.video_boxes import FPS, watch

    watched = watch(model, path, report, FPS if wishes.fps is None else wishes.fps)
    passing = told.passing(frames_of(watched, wishes, teams, report))
    report.start(f"following {path.name}" if wishes.track else f"reading {path.name}", len(watched))
    frames = _counted(passing, report)
    target = None if wishes.draw is None else target_of(wishes.draw, path, taken)
    if wishes.crops is not None:
        from preseason.report.video_crops import write_video_crops

        kept = list(frames)
        told.crops += write_video_crops(path, kept, watched.fps, wishes.crops)
        frames = iter(kept)
    if target is None:
        for _ in frames:
            pass
    else:
        from preseason.report.drawn_video import write_drawn_video

        write_drawn_video(path, frames, model.labels, watched.fps, target)
    report.finish()
    return [] if target is None else [target, *_mapped(told, path, target)]


def _mapped(told: _Told, path: Path, video: Path) -> list[Path]:
    """The pitch from above with a video's tracks, beside the drawn video, where places were asked for."""
    from preseason.report.pitch_map import Walk, write_pitch_map

    view = told.wishes.view
    if view is None or not told.wishes.track:
        return []
    walks = {
        number: Walk(seen.team, seen.places)
        for (source, _, number), seen in told.seen.items()
        if number and source == str(path)
    }
    target = video.with_name(f"{video.stem}-pitch.png")
    write_pitch_map(walks, view, target)
    return [target]


def frames_of(
    watched: "WatchedVideo", wishes: Wishes, teams: "dict[str, Teams]", report: "Progress"
) -> "Iterator[FrameBoxes]":
    """Frames in order, with tracks, teams and places on the pitch where these are asked for.

    Args:
        watched: a video.
        wishes: what is asked for.
        teams: takes what is found out about the teams, by the name of the video.
        report: is told how far it is.
    """
    from preseason.spotting.pitch import with_place
    from preseason.spotting.teams import with_teams
    from preseason.spotting.tracking import tracked

    frames = tracked(watched) if wishes.track else watched.frames()
    if wishes.teams is not None:
        kept = list(frames)
        kept, found = with_teams(watched.path, kept, watched.fps, wishes.teams, report)
        teams[str(watched.path)] = found
        frames = iter(kept)
    view = wishes.view
    return frames if view is None else (with_place(frame, view) for frame in frames)


def _counted(frames: "Iterator[FrameBoxes]", report: "Progress") -> "Iterator[FrameBoxes]":
    for frame in frames:
        yield frame
        report.advance()


def target_of(folder: Path, path: Path, taken: Sequence[Path]) -> Path:
    """A name in the folder that is neither taken nor the video itself."""
    names = [f"{path.stem}.mp4", *(f"{path.stem}-{number}.mp4" for number in range(2, len(taken) + 4))]
    free = (folder / name for name in names if folder / name not in taken)
    return next(each for each in free if each.resolve() != path.resolve())


def lines_of(frame: "FrameBoxes", form: str, more: Sequence[str] = ()) -> list[str]:
    """The lines of a frame in `csv` or `mot`; none in other formats. `more` names further columns of `csv`.

    MOTChallenge (Dendorfer et al. 2021): frame, id, left, top, width, height, score, -1, -1, -1, with frames
    from 1 on and pixels from 1 on; boxes without a track have no line.
    """
    if form not in ("csv", "mot"):
        return []
    rows: list[list[Any]] = []
    for row in frame.rows():
        x0, y0, x1, y1 = (row[edge] for edge in ("x0", "y0", "x1", "y1"))
        score = round(row["score"], 4)
        if form == "csv":
            start = [cell(row["input"]), frame.frame, frame.time_s, row["track"], cell(row["label"]), score]
            edges = (round(value, 2) for value in (x0, y0, x1, y1))
            rows.append([*start, *edges, *(rounded(row[name]) for name in more)])
        elif row["track"] is not None:
            sides = (x0 + 1, y0 + 1, x1 - x0, y1 - y0)
            rows.append([frame.frame, row["track"], *(round(v, 2) for v in sides), score, -1, -1, -1])
    return [line_of(row) for row in rows]


def rounded(value: float | None) -> float | None:
    """To centimetres; teams are whole numbers and stay so."""
    return None if value is None else round(value, 2)


def line_of(row: Sequence[Any]) -> str:
    """A row as a line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue()


def _text(told: _Told, wishes: Wishes, more: Sequence[str], skipped: "Sequence[Skipped]") -> str:
    if wishes.form in ("csv", "mot"):
        header = ",".join([*HEADER, *wishes.columns()])
        return "\n".join([header, *told.lines] if wishes.form == "csv" else told.lines)
    counts: dict[str, int] = {}
    for (_, label, _), seen in told.seen.items():
        counts[label] = counts.get(label, 0) + seen.boxes
    shares = [f"{count / told.count:.2f} {label}" for label, count in sorted(counts.items())]
    lines = [f"{told.count} frames; found in each on average: {', '.join(shares) or 'nothing'}."]
    if wishes.track:
        lines += _track_lines(told.tracks(), wishes)
    if wishes.view and wishes.view.error_m >= ROUGH_M:
        lines.append(f"The points of --pitch fit each other to {wishes.view.error_m:.1f} m.")
    lines += more
    lines += [f"Written: {len(told.crops):,} pictures in {wishes.crops}/"] if wishes.crops is not None else []
    return "\n".join([*lines, *words.of_skipped(skipped)])


def _track_lines(tracks: Sequence[dict[str, Any]], wishes: Wishes) -> list[str]:
    from preseason.cli.teams import team_name
    from preseason.data.clock import clock

    header = ["track", "found", "from", "to", "frames"]
    header += (["team"] if wishes.teams else []) + (["metres"] if wishes.view else [])
    rows = [
        [str(each["track"]), each["label"], clock(each["start_s"]), clock(each["end_s"]), str(each["boxes"])]
        + ([team_name(each["team"])] if wishes.teams else [])
        + ([f"{each['distance_m']:.0f}"] if wishes.view else [])
        for each in tracks
    ]
    rest = len(rows) - SHOWN
    more = [f"... and {rest} more; --json has all."] if rest > 0 else []
    return [words.table(header, rows[:SHOWN]), *more] if rows else []
