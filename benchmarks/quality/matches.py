"""Matches to measure spotting on: `python benchmarks/quality/matches.py CLIPS OUT`.

These are joined clips and not matches. Short clips of single actions are played one after the other, each at
a known time, with clips of the class "nothing" between them. A cut lies before and after every clip, of an
action or of nothing, so a cut gives no action away; but there is no build-up to an action, no replay, no
change of camera, and every picture is fitted into one square. So figures on them compare ways of spotting
with each other and say little about a broadcast.

CLIPS is a folder with one folder of clips for each action and one for what is no action (`--quiet`). No clip
is in two matches, so neither training and test nor two folds of matches share one; within a match clips are
played again. Clips cut from one scene may still be in two matches, since nothing in their names tells.
OUT gets train/ and test/ with match-1.mp4, ... and a labels.csv (video, time, label, clip) each. A time is
the middle of its clip.
"""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
from numpy.typing import NDArray

FPS = 24
QUIET = "nothing"
SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm"})
Pixels = NDArray[np.uint8]
Share = dict[str, list[Path]]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Plan:
    """How matches are joined.

    Attributes:
        train, test: matches of each kind.
        length_s: of a match, about.
        quiet_s: least and most seconds of nothing between two actions.
        side: of the square frame, in pixels, even.
        codec: of the video, with PyAV's name.
        seed: of the division and the order.
    """

    train: int = 4
    test: int = 2
    length_s: float = 120.0
    quiet_s: tuple[float, float] = (1.0, 4.0)
    side: int = 224
    codec: str = "libx264"
    seed: int = 0


def build(clips: Path, out: Path, plan: Plan | None = None, quiet: str = QUIET) -> tuple[Path, Path]:
    """Join matches of the clips under `clips` into `out`; gives the tables of labels, training and test.

    Where `clips` has no folder `quiet`, what lies between the actions is noise.

    Raises:
        ValueError: there is no class of actions, or one has fewer clips than there are matches.
    """
    plan = plan or Plan()
    if not any(entry.is_dir() and entry.name != quiet for entry in clips.iterdir()):
        raise ValueError(f"{clips} holds no folder of actions beside {quiet!r}")
    random = np.random.default_rng(plan.seed)
    shares = iter(dealt(clips, plan.train + plan.test, random))
    train = write_side(out / "train", [next(shares) for _ in range(plan.train)], quiet, plan, random)
    return train, write_side(out / "test", list(shares), quiet, plan, random)


def write_side(
    folder: Path, shares: Sequence[Share], quiet: str, plan: Plan, random: np.random.Generator
) -> Path:
    """Encode a match of each share of the clips; gives the table of their labels."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[object, ...]] = [("video", "time", "label", "clip")]
    for number, share in enumerate(shares, start=1):
        video = folder / f"match-{number}.mp4"
        rows += [(video.name, *row) for row in join(video, share, quiet, plan, random)]
    table = folder / "labels.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return table


def dealt(clips: Path, matches: int, random: np.random.Generator) -> list[Share]:
    """The clips of each class, dealt out so that each match has its own."""
    shares: list[Share] = [{} for _ in range(matches)]
    for folder in sorted(entry for entry in clips.iterdir() if entry.is_dir()):
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if len(found) < matches:
            raise ValueError(
                f"{folder} holds {len(found)} clips: expected one or more for each of {matches} matches"
            )
        order = [found[place] for place in random.permutation(len(found))]
        for number, share in enumerate(shares):
            share[folder.name] = order[number::matches]
    return shares


def join(
    video: Path, classes: Share, quiet: str, plan: Plan, random: np.random.Generator
) -> list[tuple[float, str, str]]:
    """Encode one match; gives the time, label and clip of each action in it."""
    actions = {label: paths for label, paths in classes.items() if label != quiet}
    rows: list[tuple[float, str, str]] = []
    with av.open(str(video), "w") as container:
        options = {"preset": "veryfast"} if plan.codec.startswith("libx26") else {}
        stream = container.add_stream(plan.codec, rate=FPS, options=options)
        stream.height = stream.width = plan.side
        stream.pix_fmt = "yuv420p"
        shown = 0
        for label, path in order_of(actions, classes.get(quiet, []), plan, random):
            pictures = noise(plan.side, random) if path is None else frames(path, plan.side)
            if label is not None and path is not None:
                middle = (shown + (len(pictures) - 1) / 2) / FPS
                rows.append((round(middle, 3), label, f"{path.parent.name}/{path.name}"))
            for picture in pictures:
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = shown, Fraction(1, FPS)
                container.mux(stream.encode(frame))
                shown += 1
        container.mux(stream.encode(None))
    return rows


def order_of(
    actions: Share, quiet: Sequence[Path], plan: Plan, random: np.random.Generator
) -> Iterator[tuple[str | None, Path | None]]:
    """What is played, in order: label and clip of an action; None and a clip, or None, in between.

    Every class comes once before any comes again, and so does every clip of a class.
    """
    labels = shuffled(list(actions), random)
    decks = {label: shuffled(paths, random) for label, paths in actions.items()}
    between = shuffled(quiet or [None], random)
    left_s = plan.length_s
    while left_s > 0:
        pause_s = float(random.uniform(*plan.quiet_s))
        left_s -= pause_s
        while pause_s > 0:
            path = next(between)
            yield None, path
            pause_s -= seconds(path)
        label = next(labels)
        path = next(decks[label])
        left_s -= seconds(path)
        yield label, path


def shuffled(items: Sequence[Item], random: np.random.Generator) -> Iterator[Item]:
    """The items in chance order, all of them before any comes again, without end."""
    while True:
        yield from (items[place] for place in random.permutation(len(items)))


@cache
def seconds(path: Path | None) -> float:
    """How long a clip is played; noise takes a third of a second."""
    if path is None:
        return 1 / 3
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0)) / FPS


def frames(path: Path, side: int) -> list[Pixels]:
    """All frames of a clip, uint8 [side, side, 3]: its shape is kept, the rest is black."""
    with av.open(str(path)) as container:
        return [fitted(frame, side) for frame in container.decode(video=0)]


def fitted(frame: av.VideoFrame, side: int) -> Pixels:
    """A frame scaled to fit into a square, in its middle."""
    scale = side / max(frame.height, frame.width)
    height, width = max(round(frame.height * scale), 2), max(round(frame.width * scale), 2)
    small = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
    top, left = (side - height) // 2, (side - width) // 2
    whole = np.zeros((side, side, 3), np.uint8)
    whole[top : top + height, left : left + width] = small
    return whole


def noise(side: int, random: np.random.Generator) -> list[Pixels]:
    """A third of a second of grey noise, where there are no quiet clips."""
    return [random.integers(90, 160, (side, side, 3), np.uint8) for _ in range(FPS // 3)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--quiet", default=QUIET, help="the folder of clips that show no action")
    parser.add_argument("--train", type=int, default=4, help="training matches")
    parser.add_argument("--test", type=int, default=2, help="test matches")
    parser.add_argument("--length", type=float, default=120.0, help="seconds of a match")
    parser.add_argument("--side", type=int, default=224, help="pixels of the square frame")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    plan = Plan(asked.train, asked.test, asked.length, side=asked.side, seed=asked.seed)
    print("python " + " ".join(sys.argv))
    for table in build(asked.clips, asked.out, plan, asked.quiet):
        print(f"{table}: {len(table.read_text('utf-8').splitlines()) - 1} actions")


if __name__ == "__main__":
    main()
