"""A video's actions along its time, as one page that opens anywhere; a mark leads to the moment itself."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from preseason.data.actions import Action
from preseason.data.clock import clock

WIDTH, LEFT, RIGHT = 1000, 150, 20
ROW, TRUTH, TOP, AXIS = 40, 14, 8, 26
HEADING = 24
NARROWEST = 5.0
"""Of a mark; what lasts longer than that on the axis is as wide as it lasts."""
MIN_AXIS_S = 1.0
LIKELY = 0.5
"""Least probability of what is drawn where nobody says."""
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
MAX_TICKS = 10
MAX_LABEL = 20

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #6b7480; --line: #d5dae0; --ground: #fff;
        --found: #0b6bcb; --truth: #2f7d32; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf1; --faint: #9aa5b1; --line: #39424d; --ground: #14181d;
          --found: #6cb2ff; --truth: #79c57c; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
       max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 13px; }
svg .model { font-weight: 600; }
svg .tick { fill: var(--faint); } svg line { stroke: var(--line); }
svg .found { fill: var(--found); } svg .truth { fill: var(--truth); }
a:focus-visible rect { outline: 2px solid var(--ink); }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; }
.key { color: var(--faint); }
"""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{style}</style></head><body>{body}</body></html>
"""


@dataclass(frozen=True)
class Timeline:
    """One video: what was found in it and, where somebody labelled it, what is there."""

    video: Path
    found: Sequence[Action]
    truth: Sequence[Action] | None = None

    @property
    def models(self) -> list[str]:
        """Which models found it, in the order of what they found; an empty name where only one looked."""
        return list(dict.fromkeys(action.model for action in [*self.found, *(self.truth or ())])) or [""]

    def labels_of(self, model: str) -> list[str]:
        """Rows of the picture that are of one model."""
        every = [*self.found, *(self.truth or ())]
        return sorted({action.label for action in every if action.model == model})

    @property
    def until_s(self) -> float:
        """Where the axis ends."""
        times = [action.end_s or action.time_s for action in [*self.found, *(self.truth or ())]]
        return max([MIN_AXIS_S, *times]) * 1.02


def write_timeline(path: Path, timelines: Sequence[Timeline]) -> None:
    """Write a page with a picture and a table for each video.

    Marks link to the video beside the page, at the moment: a browser that plays the file jumps there.
    """
    parts = [_section(each, path.parent) for each in timelines]
    title = timelines[0].video.name if len(timelines) == 1 else f"{len(timelines)} videos"
    page = Markup(PAGE).format(title=title, style=Markup(STYLE), body=Markup("").join(parts))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8", errors="replace")


def picture(timeline: Timeline, link: str) -> Markup:
    """The timeline as SVG: a row for each kind of action, surer answers drawn stronger.

    Rows of several models stand under their names, over the same axis.

    Args:
        link: address of the video, to which `#t=SECONDS` is added.
    """
    drawn, y = [], TOP
    for model in timeline.models:
        if model:
            heading = Markup('<text class="model" x="0" y="{}" dy=".35em">{}</text>')
            drawn.append(heading.format(y + HEADING / 2, model))
            y += HEADING
        for label in timeline.labels_of(model):
            drawn += _row(timeline, model, label, y, link)
            y += ROW
    height = max(y, TOP + ROW) + AXIS
    parts = [*_axis(timeline.until_s, height), *drawn]
    told = f"{len(timeline.found)} actions found in {timeline.video.name}"
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, told, Markup("").join(parts)
    )


def _row(timeline: Timeline, model: str, label: str, y: int, link: str) -> list[Markup]:
    """One kind of action: its name, what was found and, below it, what is there."""
    short = label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1] + "…"
    own = [action for action in timeline.found if (action.model, action.label) == (model, label)]
    true = [action for action in timeline.truth or () if (action.model, action.label) == (model, label)]
    size = ROW - TRUTH - 6 if timeline.truth is not None else ROW - 8
    return [
        Markup('<text x="0" y="{}" dy=".35em">{}</text>').format(y + ROW / 2, short),
        *(_mark(a, timeline.until_s, y + 2, size, "found", link) for a in own),
        *(_mark(a, timeline.until_s, y + 2 + size, TRUTH, "truth", link) for a in true),
    ]


def _section(timeline: Timeline, beside: Path) -> Markup:
    link = _link(timeline.video, beside)
    key = "Blue: found, the stronger the surer." + (
        " Green, below: labelled by a person." if timeline.truth is not None else ""
    )
    several = any(timeline.models)
    rows = [
        Markup('<tr><td><a href="{}#t={:.2f}">{}</a></td><td>{}</td><td>{:.0f} %</td>{}</tr>').format(
            link,
            a.moment_s,
            clock(a.moment_s),
            a.label,
            100 * a.confidence,
            Markup("<td>{}</td>").format(a.model) if several else "",
        )
        for a in timeline.found
    ]
    return Markup(
        '<h1>{}</h1>{}<p class="key">{}</p><table><thead><tr><th>time</th><th>action</th>'
        "<th>probability</th>{}</tr></thead><tbody>{}</tbody></table>"
    ).format(
        timeline.video.name,
        picture(timeline, link),
        key,
        Markup("<th>model</th>") if several else "",
        Markup("").join(rows),
    )


def _link(video: Path, beside: Path) -> str:
    try:
        return quote(Path(os.path.relpath(video.resolve(), beside.resolve())).as_posix())
    except ValueError:  # on another drive of Windows
        return video.resolve().as_uri()


def _x(seconds: float, until_s: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * seconds / until_s


def _mark(action: Action, until_s: float, y: float, height: float, style: str, link: str) -> Markup:
    told = f"{clock(action.moment_s)} {action.label}"
    if style == "found":
        told += f", {100 * action.confidence:.0f} %"
    lasting = 0.0 if action.end_s is None else action.end_s - action.time_s
    width = max(NARROWEST, _x(lasting, until_s) - LEFT)
    return Markup(
        '<a href="{}#t={:.2f}"><rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}" rx="2" '
        'fill-opacity="{:.2f}"><title>{}</title></rect></a>'
    ).format(
        link,
        action.moment_s,
        style,
        _x(action.moment_s, until_s) - width / 2,
        y,
        width,
        height,
        0.25 + 0.75 * action.confidence,
        told,
    )


def _axis(until_s: float, height: int) -> list[Markup]:
    step = next((s for s in STEPS_S if until_s / s <= MAX_TICKS), STEPS_S[-1])
    parts = []
    for number in range(int(until_s / step) + 1):
        x = _x(number * step, until_s)
        parts.append(
            Markup('<line x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}"/>').format(x, TOP, height - AXIS)
        )
        parts.append(
            Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                x, height - 8, clock(number * step)
            )
        )
    return parts
