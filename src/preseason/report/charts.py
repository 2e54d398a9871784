"""Charts as inline SVG, coloured by the page's style sheet so that they follow light and dark.

Everything that comes from the data goes through `Markup.format`, which escapes it.
"""

import math
from collections.abc import Iterable

from markupsafe import Markup

from preseason.arrays.types import Ints
from preseason.evaluation.metrics import Bin, RiskCoverage

MAX_DOTS = 400
MAX_LABEL = 22
SINGLE_CELLS = 30
PLOT = 300
LEFT, BOTTOM, TOP, RIGHT = 44, 40, 12, 14


def dots(right: int, wrong: int) -> tuple[Markup, int]:
    """One dot for each answer, the wrong ones last and hollow; and how many answers a dot stands for."""
    n = right + wrong
    each = max(1, -(-n // MAX_DOTS))
    bad = -(-wrong // each)
    good = max(-(-n // each) - bad, 0)
    columns = max(5, math.ceil((1.5 * (good + bad)) ** 0.5))
    rows = -(-(good + bad) // columns)
    marks = [_dot(place, columns, place >= good) for place in range(good + bad)]
    label = f"{right} correct and {wrong} wrong answers as dots"
    return _svg((columns * 10, max(rows, 1) * 10), "dots", label, marks, fixed=True), each


def confusion_matrix(table: Ints, labels: tuple[str, ...]) -> Markup:
    """Truth in rows, answers in columns; strength is the share of the row, numbers are counts."""
    classes = len(labels)
    cell = (
        76 if classes <= 4 else 60 if classes <= 7 else 42 if classes <= 12 else 26 if classes <= 24 else 18
    )
    size = 13 if classes <= 12 else 11
    names = [_clip(label) for label in labels]
    side = max(round(max(map(len, names), default=1) * size * 0.58) + 14, 112)
    top = round(side * 0.74) + 18
    width, height = side + classes * cell + round(side * 0.6), top + classes * cell + 4
    parts = [_axis_names(side, top, cell, size)]
    if cell < SINGLE_CELLS:
        ground = Markup('<rect class="empty" x="{}" y="{}" width="{}" height="{}"/>')
        parts.append(ground.format(side, top, classes * cell, classes * cell))
    for row, name in enumerate(names):
        middle = (row + 0.5) * cell
        parts.append(_row_label(side - 8, top + middle, size, name, labels[row]))
        parts.append(_column_label(side + middle, top - 8, size, name, labels[row]))
        parts += _cells(table[row], row, side, top, cell)
    return _svg(
        (width, height),
        "matrix fit" if classes <= 8 else "matrix",
        _describe(table, labels),
        parts,
        fixed=True,
    )


def calibration_curve(bins: tuple[Bin, ...]) -> Markup:
    """Said against right, with intervals; on the diagonal the probabilities are honest."""
    largest = max((item.n for item in bins), default=1)
    parts = [_frame("said", "were right"), _line((0, 0), (1, 1), "diagonal")]
    for item in bins:
        x, y = _at(item.confidence, item.accuracy)
        _, low = _at(0, item.low)
        _, high = _at(0, item.high)
        parts.append(
            Markup('<line class="whisker" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/>').format(
                x, low, high
            )
        )
        radius = 3.5 + 4.5 * (item.n / largest) ** 0.5
        tip = f"confidence {item.confidence:.0%}, accuracy {item.accuracy:.0%}, {item.n} answers"
        parts.append(
            Markup(
                '<circle class="point" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>'
            ).format(x, y, radius, tip)
        )
    label = "Calibration curve: " + "; ".join(
        f"confidence {b.confidence:.0%}, accuracy {b.accuracy:.0%} of {b.n}" for b in bins
    )
    return _svg(_plot_size(), "plot", label, parts)


def coverage_curve(curve: RiskCoverage) -> Markup:
    """Fraction right against fraction answered, surest first."""
    points = [_at(float(x), 1 - float(r)) for x, r in zip(curve.coverage, curve.risk, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [_frame("answered, most confident first", "of these correct")]
    parts.append(Markup('<polyline class="curve" points="{}"/>').format(path))
    if points:
        parts.append(Markup('<circle class="point" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(*points[-1]))
    return _svg(_plot_size(), "plot", "Accuracy against the share of inputs answered", parts)


def growth(now: float, half: float, forecasts: list[dict[str, float]]) -> Markup:
    """Accuracy now and with two and four times the labels, with the range to expect."""
    points = [(1.0, now, now - half, now + half)]
    points += [(f["times"], f["accuracy"], f["low"], f["high"]) for f in forecasts]
    floor = max(0.0, min(p[2] for p in points) - 0.05)

    def at(times: float, share: float) -> tuple[float, float]:
        across = 56 + 108 * math.log2(times)
        return across, 14 + 112 * (1 - (min(share, 1.0) - floor) / max(1 - floor, 1e-6))

    upper = [at(p[0], p[3]) for p in points]
    lower = [at(p[0], p[2]) for p in reversed(points)]
    band = " ".join(f"{x:.1f},{y:.1f}" for x, y in (*upper, *lower))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(p[0], p[1]) for p in points))
    parts = [
        Markup('<polygon class="range" points="{}"/>').format(band),
        Markup('<polyline class="curve" points="{}"/>').format(line),
    ]
    names = {1: "now", 2: "twice the labels", 4: "four times"}
    for times, share, _, _ in points:
        x, y = at(times, share)
        parts.append(Markup('<circle class="point" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(x, y))
        text = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>')
        parts.append(text.format("figure-text", x, y - 11, f"{100 * share:.0f} %"))
        parts.append(text.format("axis", x, 146, names.get(int(times), f"{times:g} times")))
    told = ", ".join(f"{names.get(int(p[0]), p[0])} {100 * p[1]:.0f} %" for p in points)
    return _svg((330, 154), "plot", f"Expected accuracy: {told}", parts)


def hiding(key: str) -> Markup | None:
    """A small picture of what is left of the photo; None where there is nothing to draw."""
    seen = {
        "middle": "M8 6h16v12h-16z",
        "surroundings": "M0 0h32v24h-32z M8 6v12h16v-12z",
        "upper": "M0 0h32v12h-32z",
        "lower": "M0 12h32v12h-32z",
        "crops": "M6 4h8v8h-8z M18 11h8v8h-8z",
        "no crops": "M0 0h32v24h-32z M6 4v8h8v-8z M18 11v8h8v-8z",
    }.get(key)
    if seen is None:
        return None
    drawing = Markup('<path class="left" d="{}" fill-rule="evenodd"/>').format(seen)
    frame = Markup('<rect class="hole" width="32" height="24"/>')
    return _svg((32, 24), "hiding", "what is left of the picture", [frame, drawing], fixed=True)


def _svg(
    size: tuple[float, float], style: str, label: str, parts: Iterable[Markup], fixed: bool = False
) -> Markup:
    width, height = size
    start = Markup('<svg class="{0}" viewBox="0 0 {1} {2}" role="img" aria-label="{3}"{4}>').format(
        style,
        f"{width:g}",
        f"{height:g}",
        label,
        Markup(' width="{}" height="{}"').format(f"{width:g}", f"{height:g}") if fixed else "",
    )
    return start + Markup("").join(parts) + Markup("</svg>")


def _dot(place: int, columns: int, bad: bool) -> Markup:
    return Markup('<circle cx="{}" cy="{}" r="{}" class="{}"/>').format(
        place % columns * 10 + 5, place // columns * 10 + 5, "3" if bad else "3.6", "miss" if bad else "hit"
    )


def _axis_names(side: int, top: int, cell: int, size: int) -> Markup:
    return Markup(
        '<text class="axis" x="{0}" y="{1}" text-anchor="end" font-size="{2}">truth ↓  answer →</text>'
    ).format(side - 8, max(top - 8, 12), max(size - 2, 10))


def _row_label(x: float, y: float, size: int, name: str, full: str) -> Markup:
    return Markup(
        '<text x="{}" y="{:.1f}" dy=".35em" text-anchor="end" font-size="{}">{}<title>{}</title></text>'
    ).format(x, y, size, name, full)


def _column_label(x: float, y: float, size: int, name: str, full: str) -> Markup:
    return Markup(
        '<text transform="translate({:.1f} {}) rotate(-42)" font-size="{}">{}<title>{}</title></text>'
    ).format(x, y, size, name, full)


def _cells(counts: Ints, row: int, side: int, top: int, cell: int) -> list[Markup]:
    total = max(int(counts.sum()), 1)
    found = []
    for column, number in enumerate(int(value) for value in counts):
        if number == 0 and cell < SINGLE_CELLS:
            continue
        x, y, share = side + column * cell, top + row * cell, number / total
        style = "empty" if number == 0 else "right" if row == column else "wrong"
        opacity = 1.0 if number == 0 else 0.16 + 0.84 * share
        gap = 1 if cell < SINGLE_CELLS else 2
        found.append(
            Markup(
                '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="{}" fill-opacity="{}"/>'
            ).format(
                style,
                x + gap / 2,
                y + gap / 2,
                cell - gap,
                cell - gap,
                2 if cell < SINGLE_CELLS else 5,
                f"{opacity:.2f}",
            )
        )
        if number:
            found.append(
                Markup(
                    '<text class="{}" x="{}" y="{}" dy=".35em" text-anchor="middle" font-size="{}">{}</text>'
                ).format(
                    "over" if opacity > 0.6 else "count",
                    x + cell / 2,
                    y + cell / 2,
                    min(cell * 0.42, 17) if number < 1000 else cell * 0.3,
                    number,
                )
            )
    return found


def _describe(table: Ints, labels: tuple[str, ...]) -> str:
    right, total = int(table.trace()), int(table.sum())
    return f"Confusion matrix of {len(labels)} classes: {right} of {total} answers on the diagonal"


def _plot_size() -> tuple[int, int]:
    return LEFT + PLOT + RIGHT, TOP + PLOT + BOTTOM


def _at(x: float, y: float) -> tuple[float, float]:
    return LEFT + x * PLOT, TOP + (1 - y) * PLOT


def _line(start: tuple[float, float], stop: tuple[float, float], style: str) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        style, *_at(*start), *_at(*stop)
    )


def _frame(across: str, up: str) -> Markup:
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_line((0, tick), (1, tick), "grid"))
        x, y = _at(tick, 0)
        parts.append(
            Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{:.0f}</text>').format(
                x, y + 16, tick * 100
            )
        )
        x, y = _at(0, tick)
        parts.append(
            Markup('<text class="tick" x="{}" y="{:.1f}" dy=".35em" text-anchor="end">{:.0f}</text>').format(
                x - 7, y, tick * 100
            )
        )
    x, y = _at(0.5, 0)
    parts.append(
        Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{} (%)</text>').format(
            x, y + 34, across
        )
    )
    parts.append(
        Markup(
            '<text class="axis" transform="translate(11 {}) rotate(-90)" text-anchor="middle">{} (%)</text>'
        ).format(_at(0, 0.5)[1], up)
    )
    return Markup("").join(parts)


def _clip(label: str) -> str:
    return label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1] + "…"
