"""Drawn broadcast frames with a tiny ball: `python benchmarks/quality/tiny_balls.py OUT`.

Frames of 1280 x 720 with a court, lines, spectators and players, in a look of its own for each match, and
on most of them one ball of 6 to 10 pixels, blurred by its motion. Logos, white dots and shoes distract.
OUT/learn and OUT/judge hold other matches. Drawn, not filmed: what is reached here says which way is better,
not how well balls are found on television.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

WIDE, HIGH = 1280, 720
FINE = 8
"""Balls are drawn so many times larger and then made smaller, for soft edges."""
COURTS = ((60, 95, 150), (70, 120, 80), (175, 95, 65), (90, 75, 140), (110, 140, 160), (60, 110, 120))
BALLS = ((205, 225, 80), (225, 235, 130), (190, 205, 90), (235, 240, 170))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=15, help="of each match")
    parser.add_argument("--learn", type=int, default=4, help="matches to learn from")
    parser.add_argument("--judge", type=int, default=3, help="matches to judge on")
    asked = parser.parse_args()
    for match in range(asked.learn + asked.judge):
        part = "learn" if match < asked.learn else "judge"
        folder = asked.out / part
        folder.mkdir(parents=True, exist_ok=True)
        (asked.out / part / "classes.txt").write_text("ball\n", "utf-8")
        look = Match(match)
        for number in range(asked.frames):
            picture, boxes = look.frame()
            path = folder / f"match{match:02d}-{number:03d}.jpg"
            picture.save(path, quality=look.quality)
            path.with_suffix(".txt").write_text("".join(f"0 {line}\n" for line in boxes), "utf-8")


class Match:
    """The look of one match, and frames of it."""

    def __init__(self, number: int) -> None:
        self.rng = np.random.default_rng((7, number))
        rng = self.rng
        self.court = np.array(COURTS[number % len(COURTS)]) + rng.integers(-15, 16, 3)
        self.around = np.array(COURTS[(number * 5 + 2) % len(COURTS)]) * 0.8 + rng.integers(-15, 16, 3)
        self.ball = BALLS[int(rng.integers(len(BALLS)))]
        self.light = rng.uniform(0.75, 1.15)
        self.blur = rng.uniform(0.3, 0.9)
        self.quality = int(rng.integers(70, 92))
        self.noise = rng.uniform(2, 6)
        self.crowd = int(rng.integers(120, 230))
        self.grain = rng.uniform(3, 12)

    def frame(self) -> tuple[Image.Image, list[str]]:
        """A picture, and the lines of its label file without the class."""
        rng = self.rng
        picture = Image.fromarray(self._ground())
        self._lines(picture)
        for _ in range(int(rng.integers(2, 5))):
            self._player(picture)
        for _ in range(int(rng.integers(6, 14))):
            self._distractor(picture)
        boxes = []
        if rng.random() < 0.9:
            boxes.append(self._ball(picture))
        picture = picture.filter(ImageFilter.GaussianBlur(self.blur))
        pixels = np.asarray(picture, np.float32) * self.light + rng.normal(0, self.noise, (HIGH, WIDE, 3))
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), boxes

    def _ground(self) -> NDArray[np.uint8]:
        rng = self.rng
        out = np.empty((HIGH, WIDE, 3), np.float32)
        out[:] = self.around
        out[self.crowd + 60 :, 140:1140] = self.court
        for side in (8, 40, 160):
            coarse = rng.normal(0, self.grain, (HIGH // side + 2, WIDE // side + 2)).astype(np.float32)
            grown = Image.fromarray(coarse).resize((WIDE, HIGH), Image.Resampling.BICUBIC)
            out += np.asarray(grown)[..., None]
        seats = rng.integers(20, 235, (self.crowd // 9 + 1, WIDE // 9 + 1, 3)).astype(np.uint8)
        crowd = Image.fromarray(seats).resize((WIDE, self.crowd), Image.Resampling.NEAREST)
        out[: self.crowd] = 0.7 * np.asarray(crowd, np.float32) + 20
        return out.clip(0, 255).astype(np.uint8)

    def _lines(self, picture: Image.Image) -> None:
        draw, rng = ImageDraw.Draw(picture), self.rng
        top, left = self.crowd + 80 + int(rng.integers(-10, 10)), 330 + int(rng.integers(-40, 40))
        corners = [(left, top), (WIDE - left, top), (WIDE - 150, HIGH - 60), (150, HIGH - 60)]
        draw.line([*corners, corners[0]], fill=(235, 235, 235), width=4)
        middle = (top + HIGH - 60) // 2
        draw.line([(240, middle), (WIDE - 240, middle)], fill=(240, 240, 240), width=5)
        draw.line([(WIDE // 2, top), (WIDE // 2, HIGH - 60)], fill=(230, 230, 230), width=3)

    def _player(self, picture: Image.Image) -> None:
        draw, rng = ImageDraw.Draw(picture), self.rng
        x, y = int(rng.integers(180, 1100)), int(rng.integers(self.crowd + 90, 560))
        high = 60 + (y - self.crowd) // 6
        skin, kit = (205, 160, 130), tuple(int(v) for v in rng.integers(30, 250, 3))
        draw.rectangle([x - high // 8, y, x + high // 8, y + high // 2], fill=kit)
        draw.ellipse([x - high // 12, y - high // 5, x + high // 12, y], fill=skin)
        for side in (-1, 1):
            foot = (x + side * high // 6, y + high)
            draw.line([(x, y + high // 2), foot], fill=skin, width=max(3, high // 14))
            draw.ellipse([foot[0] - 5, foot[1] - 3, foot[0] + 5, foot[1] + 3], fill=(240, 240, 240))

    def _distractor(self, picture: Image.Image) -> None:
        """Something as large or as bright as a ball: a letter, a square, a white dot, a spectator's head."""
        draw, rng = ImageDraw.Draw(picture), self.rng
        x, y = int(rng.integers(20, WIDE - 20)), int(rng.integers(20, HIGH - 20))
        kind, side = int(rng.integers(4)), int(rng.integers(5, 12))
        if kind == 0:
            draw.rectangle([x, y, x + side, y + side // 2], fill=self.ball)
        elif kind == 1:
            draw.ellipse([x, y, x + side, y + side], fill=(240, 240, 240))
        elif kind == 2:
            draw.line([(x, y), (x + 3 * side, y + side)], fill=self.ball, width=3)
        else:
            grown = side + 10
            draw.ellipse([x, y, x + grown, y + grown], outline=self.ball, width=2)

    def _ball(self, picture: Image.Image) -> str:
        rng = self.rng
        x, y = rng.uniform(60, WIDE - 60), rng.uniform(self.crowd * 0.7, HIGH - 40)
        side = rng.uniform(6, 10)
        angle, path = rng.uniform(0, np.pi), max(0.0, rng.normal(0, 3))
        reach = 24
        left, top = int(x) - reach, int(y) - reach
        mask = Image.new("L", (2 * reach * FINE, 2 * reach * FINE))
        draw = ImageDraw.Draw(mask)
        moved = np.array([np.cos(angle), np.sin(angle)]) * path / 2
        steps = np.linspace(-1, 1, 9)
        for step in steps:
            middle = (np.array([x - left, y - top]) + moved * step) * FINE
            radius = side / 2 * FINE
            draw.ellipse([*(middle - radius), *(middle + radius)], fill=int(255 * side / (side + 0.6 * path)))
        small = mask.resize((2 * reach, 2 * reach), Image.Resampling.BOX)
        picture.paste(Image.new("RGB", small.size, self.ball), (left, top), small)
        width, height = side + 2 * abs(moved[0]), side + 2 * abs(moved[1])
        return f"{x / WIDE:.6f} {y / HIGH:.6f} {width / WIDE:.6f} {height / HIGH:.6f}"


if __name__ == "__main__":
    main()
