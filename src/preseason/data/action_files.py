"""Files of actions: for SoccerNet's evaluation, for tables, and for players to jump by."""

import csv
import html
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from preseason.data import soccernet
from preseason.data.actions import Action, LabelledVideo
from preseason.data.clock import clock, full_clock
from preseason.data.files import FORMULAS
from preseason.data.safe_names import cell
from preseason.errors import UsageError
from preseason.runtime.files import write_text

SHOWN_S = 2.0
"""How long a caption of an action without an end is shown."""
BEFORE_S, AFTER_S = 5.0, 5.0
"""What a playlist plays before and after an action."""
CHAPTER_S = 10.0
"""The shortest chapter that YouTube takes; actions nearer to each other share one."""


def write(path: Path, videos: Sequence[LabelledVideo], url: str = "") -> None:
    """Write actions in the format that the suffix of `path` names; the file appears when it is complete.

    | suffix | what | read by |
    |---|---|---|
    | .json | SoccerNet's `results_spotting.json`, one match | its evaluation; `soccernet.read_results` |
    | .csv, .jsonl | a row for each action | spreadsheets; `labelled_videos.read`, so also a fit |
    | .ffmeta | chapters, one video | mpv (`--chapters-file`), ffmpeg (`-map_chapters`) |
    | .vtt | captions, one video | VLC and mpv as subtitles, browsers as chapters |
    | .txt | chapters, one video | the description of a YouTube video |
    | .labels | start, end and label, one video | Audacity |
    | .m3u | a playlist of the actions | VLC |

    Args:
        path: where to write; a file that is there is replaced.
        videos: with what was found in each.
        url: the match as SoccerNet's labels name it; for `.json` alone.

    Raises:
        UsageError: the suffix is none of these, or the format holds one video or match and there are more.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        known = ", ".join(_WRITERS)
        raise UsageError(
            f"No format of actions has the suffix {suffix or '(none)'}: expected one of {known}."
        )
    if suffix == ".json":
        _refuse_matches(path, videos)
        text = json.dumps(soccernet.results(_all_halves(videos), url), indent=1, ensure_ascii=False)
    else:
        text = _WRITERS[suffix](path, videos)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def _csv(path: Path, videos: Sequence[LabelledVideo]) -> str:
    rows = _rows(path, videos)
    columns = dict.fromkeys(name for row in rows for name in row) or ("video", "time", "label")
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: cell(str(value)) if key == "label" else value for key, value in row.items()})
    return out.getvalue()


def _jsonl(path: Path, videos: Sequence[LabelledVideo]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(path, videos))


def _rows(path: Path, videos: Sequence[LabelledVideo]) -> list[dict[str, str | float | int | bool]]:
    """A row for each action, with the columns that say something in any of them."""
    actions = [(video, action) for video in videos for action in _with_half(video)]
    rows = []
    for video, action in actions:
        row: dict[str, str | float | int | bool] = {
            "video": _beside(video.path, path),
            "time": round(float(action.time_s), 3),
        }
        if action.end_s is not None:
            row["end"] = round(float(action.end_s), 3)
        row |= {"label": action.label, "confidence": round(action.confidence, 6)}
        if action.model:
            row["model"] = action.model
        row["clock"] = clock(action.time_s, 1)
        if action.half is not None:
            row["half"] = action.half
        if not action.visible:
            row["visible"] = False
        rows.append(row)
    return rows


def _ffmetadata(path: Path, videos: Sequence[LabelledVideo]) -> str:
    video = _only(path, videos)
    return ";FFMETADATA1\n" + "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={round(begin * 1000)}\nEND={round(end * 1000)}\n"
        f"title={_escaped(action.label)}\nconfidence={round(action.confidence, 6)}\n"
        for action, begin, end in _chapters(video)
    )


def _escaped(text: str) -> str:
    """Text for a value of FFMETADATA; a space keeps a last backslash from swallowing the line's end."""
    escaped = re.sub(r"([=;#\\])", r"\\\1", " ".join(text.split()))
    return f"{escaped} " if escaped.endswith("\\") else escaped


def _chapters(video: LabelledVideo) -> list[tuple[Action, float, float]]:
    """Actions with where their chapter begins and ends: at the next, or with the video."""
    last = max((action.moment_s for action in video.actions), default=0.0) + AFTER_S
    ordered = sorted(video.actions, key=lambda action: (action.time_s, action.label))
    ends = [action.time_s for action in ordered[1:]] + [max(video.duration_s or last, last)]
    # one end more than actions where there are none
    return [
        (action, action.time_s, max(end, action.time_s + 0.001))
        for action, end in zip(ordered, ends, strict=False)
    ]


def _webvtt(path: Path, videos: Sequence[LabelledVideo]) -> str:
    video = _only(path, videos)
    cues = [
        f"{round(action.confidence, 6)}\n{full_clock(action.time_s)} --> {full_clock(_until(action))}\n"
        f"{html.escape(' '.join(action.label.split()), quote=False)}\n"
        for action in sorted(video.actions, key=lambda action: action.time_s)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _until(action: Action) -> float:
    return action.time_s + SHOWN_S if action.end_s is None else max(action.end_s, action.time_s + 0.001)


def _youtube(path: Path, videos: Sequence[LabelledVideo]) -> str:
    """Chapters as YouTube wants them: the first at 0:00, each ten seconds or more."""
    chapters: list[tuple[float, list[str]]] = [(0.0, [])]
    for action in sorted(_only(path, videos).actions, key=lambda action: action.time_s):
        if action.time_s >= chapters[-1][0] + CHAPTER_S:
            chapters.append((action.time_s, []))
        chapters[-1][1].append(" ".join(action.label.split()))
    named = [(at, ", ".join(dict.fromkeys(labels)) or "Start") for at, labels in chapters]
    return "".join(f"{clock(int(at))} {title}\n" for at, title in named)


def _audacity(path: Path, videos: Sequence[LabelledVideo]) -> str:
    """A line for each action: start, end and label, parted by tabs."""
    ordered = sorted(_only(path, videos).actions, key=lambda action: (action.time_s, action.label))
    return "".join(
        f"{a.time_s:.6f}\t{a.time_s if a.end_s is None else a.end_s:.6f}\t{' '.join(a.label.split())}\n"
        for a in ordered
    )


def _playlist(path: Path, videos: Sequence[LabelledVideo]) -> str:
    """An entry for each action, with options that VLC reads."""
    lines = ["#EXTM3U"]
    for video in videos:
        for action in sorted(video.actions, key=lambda action: action.time_s):
            begin = max(0.0, action.time_s - BEFORE_S)
            end = (action.time_s if action.end_s is None else action.end_s) + AFTER_S
            title = " ".join(action.label.split())
            lines += [
                f"#EXTINF:{end - begin:.0f},{clock(action.time_s)} {title}",
                f"#EXTVLCOPT:start-time={begin:.1f}",
                f"#EXTVLCOPT:stop-time={end:.1f}",
                _beside(video.path, path),
            ]
    return "\n".join(lines) + "\n"


_WRITERS: dict[str, Callable[[Path, Sequence[LabelledVideo]], str]] = {
    ".json": lambda path, videos: "",
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".ffmeta": _ffmetadata,
    ".vtt": _webvtt,
    ".txt": _youtube,
    ".labels": _audacity,
    ".m3u": _playlist,
}
FORMATS = tuple(_WRITERS)
"""Suffixes that `write` knows."""


def _with_half(video: LabelledVideo) -> list[Action]:
    return [
        replace(action, half=video.half) if action.half is None and video.half else action
        for action in video.actions
    ]


def _all_halves(videos: Iterable[LabelledVideo]) -> list[Action]:
    return [action for video in videos for action in _with_half(video)]


def _refuse_matches(path: Path, videos: Sequence[LabelledVideo]) -> None:
    halves = [video.half for video in videos]
    if len(videos) > 1 and (None in halves or len(set(halves)) < len(halves)):
        raise UsageError(
            f"{path.name} holds one match, with at most a video for each half: received {len(videos)} "
            "videos. Write one file for each match, or a .csv, which holds any number."
        )


def _only(path: Path, videos: Sequence[LabelledVideo]) -> LabelledVideo:
    if len(videos) != 1:
        raise UsageError(
            f"{path.name} holds the actions of one video: received {len(videos)}. Write one file for each, "
            "or a .csv, which holds any number."
        )
    return videos[0]


def _beside(video: Path, table: Path) -> str:
    """The video as seen from the table's folder, with slashes; its full path where there is no way there."""
    try:
        beside = Path(os.path.relpath(video, table.parent)).as_posix()
        # neither a formula for spreadsheets nor a comment for players
        return f"./{beside}" if beside.startswith((*FORMULAS, "#")) else beside
    except ValueError:  # another drive
        return video.resolve().as_posix()
