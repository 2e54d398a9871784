"""Drawn faces that dlib's detector finds, so that no photo of a person is needed."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

PEOPLE = {
    "ann": ((226, 190, 165), (190, 150, 60), (60, 110, 170)),
    "bob": ((120, 80, 60), (25, 20, 20), (45, 30, 20)),
    "cleo": ((200, 150, 120), (120, 50, 30), (40, 90, 50)),
}
"""Colours of skin, hair and eyes."""


def drawn_face(person: str, seed: int, faces: int = 1) -> Image.Image:
    """A picture of 480 x 400 pixels on grey noise, with `faces` faces: 0, 1, or 2 of two people."""
    rng = np.random.default_rng(seed)
    picture = Image.fromarray(rng.integers(90, 150, (400, 480, 3), np.uint8))
    others = [name for name in PEOPLE if name != person]
    if faces:
        _draw(picture, person, 20 + int(rng.integers(0, 30)), 60 + int(rng.integers(0, 60)), 200)
    if faces > 1:
        _draw(picture, others[seed % 2], 290, 100, 150)
    return picture.filter(ImageFilter.GaussianBlur(1.5))


def _draw(picture: Image.Image, person: str, left: int, top: int, side: int) -> None:
    skin, hair, eyes = PEOPLE[person]
    pen, scale = ImageDraw.Draw(picture), side / 240

    def shade(by: float) -> tuple[int, ...]:
        return tuple(int(value * by) for value in skin)

    def oval(x0: float, y0: float, x1: float, y1: float, colour: tuple[int, ...]) -> None:
        pen.ellipse([left + x0 * scale, top + y0 * scale, left + x1 * scale, top + y1 * scale], colour)

    def points(*each: tuple[float, float]) -> list[tuple[float, float]]:
        return [(left + x * scale, top + y * scale) for x, y in each]

    oval(40, 5, 200, 200, hair)
    oval(52, 30, 188, 225, skin)
    for x in (85, 155):
        oval(x - 22, 88, x + 22, 112, shade(0.78))
        oval(x - 17, 92, x + 17, 110, (235, 235, 235))
        oval(x - 8, 92, x + 8, 110, eyes)
        pen.line(points((x - 24, 82), (x, 74), (x + 24, 82)), fill=hair, width=int(8 * scale))
    pen.polygon(points((120, 100), (104, 150), (136, 150)), fill=shade(0.85))
    oval(104, 143, 136, 157, shade(0.7))
    oval(88, 172, 152, 194, (150, 70, 70))
    pen.line(points((88, 183), (152, 183)), fill=(90, 40, 40), width=max(int(4 * scale), 1))


def write_people(root: Path, each: int, without: int) -> Path:
    """Pictures of every person, of whom the first `without` show no face, in one folder per person."""
    for place, person in enumerate(PEOPLE):
        (root / person).mkdir(parents=True)
        for number in range(each):
            faces = 0 if number < without else 1 + number % 2
            drawn_face(person, 100 * place + number, faces).save(root / person / f"{number}.png")
    return root
