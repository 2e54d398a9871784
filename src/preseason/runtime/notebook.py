"""Pieces of HTML by which results show themselves in a notebook; whatever comes from the data is escaped."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

BAR = 120  # pixels of a bar of 100 %
_CELL = "text-align:left;vertical-align:middle;padding:2px 10px 2px 0"


class Html(str):
    """HTML that is ready to be shown."""

    __slots__ = ()


def paragraph(text: str) -> Html:
    """A line of text."""
    return Html(f'<p style="margin:4px 0">{escape(text)}</p>')


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """A table; cells that are `Html` stay as they are."""
    names = "".join(f'<th style="{_CELL}">{escape(name)}</th>' for name in header)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return Html(f'<table style="border-collapse:collapse"><tr>{names}</tr>{lines}</table>')


def bar(share: float) -> Html:
    """A bar as long as a share of 0..1."""
    width = round(BAR * min(max(share, 0.0), 1.0))
    return Html(
        f'<div style="width:{BAR}px;background:#8883"><div style="width:{width}px;height:10px;'
        'background:#2a78d6"></div></div>'
    )


def picture(jpeg: bytes) -> Html:
    """A JPEG inside the page."""
    return Html(f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode("ascii")}">')


def block(*parts: str) -> str:
    """The parts one under the other."""
    return f"<div>{''.join(parts)}</div>"


def _cell(text: str) -> str:
    return f'<td style="{_CELL}">{text if isinstance(text, Html) else escape(text)}</td>'
