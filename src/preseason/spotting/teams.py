"""Which team each player of a video belongs to, told by the colour of the kit: one answer for each track.

The torso of a few boxes of each track is described by its colours in CIELAB, without those of the ground
around it, and the tracks are clustered. Tracks far from every team, such as a referee's, belong to none.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.data.boxes import FoundBox
from preseason.media.stream import Pixels
from preseason.runtime.progress import Progress
from preseason.spotting.cut_out import cut_out, largest_of_tracks
from preseason.spotting.video_boxes import FrameBoxes, TrackedBox

COUNT = 2
TORSO = (0.15, 0.55, 0.2, 0.8)
"""Top, bottom, left and right of the shirt, in shares of a box."""
MARGIN = 0.08
"""Share of a box's width at either side that shows the ground behind."""
ALIKE = 20.0
"""Distance up to which a colour is that of the ground."""
LIGHT, COLOUR = 0.5, 70.0
"""What lightness and colour count: one kit is seen in sun and in shade."""
FAR, LEAST_FAR = 3.0, 20.0
"""A track beyond this many times the median distance of its team, and this far, is of no team."""
APART, LEAST_SPREAD = 2.0, 6.0
"""Teams whose centres are less than this many times their spread, or that of one kit, apart may be one."""
ROUNDS = 10


@dataclass(frozen=True)
class Teams:
    """What was found out about the teams of a video.

    Attributes:
        of: of each track its team from 1, 0 where it belongs to none.
        colours: RGB of 0..255 of each team's kit.
        separation: distance between the two closest teams over the median distance of a track from its own;
            0 where there are fewer kits than teams.
    """

    of: Mapping[int, int]
    colours: tuple[tuple[int, int, int], ...]
    separation: float

    @property
    def told_apart(self) -> bool:
        """Whether the kits are different enough to rely on."""
        return self.separation >= APART


def with_teams(
    path: Path, frames: Sequence[FrameBoxes], fps: float, label: str, progress: Progress
) -> tuple[list[FrameBoxes], Teams]:
    """The same frames, the boxes of one class with their teams.

    Args:
        path: the video.
        frames: all frames that were looked at, in order, with tracks.
        fps: frames a second.
        label: the class whose tracks have teams, such as `player`.
        progress: is told of each box that is looked at.

    Raises:
        MediaError: the video cannot be read.
    """
    wanted = largest_of_tracks(frames, label)
    seen: defaultdict[int, list[Floats]] = defaultdict(list)
    progress.start(f"looking at kits in {path.name}", len(wanted))
    for place, pixels in cut_out(path, frames, fps, wanted):
        seen[wanted[place]].append(kit(pixels))
        progress.advance()
    progress.finish()
    teams = cluster({track: np.stack(kits) for track, kits in seen.items()})
    told = [
        replace(frame, boxes=tuple(_teamed(box, label, teams) for box in frame.boxes)) for frame in frames
    ]
    return told, teams


def _teamed(box: FoundBox, label: str, teams: Teams) -> FoundBox:
    if not isinstance(box, TrackedBox) or box.track is None or box.label != label:
        return box
    return replace(box, team=teams.of.get(box.track))


def kit(picture: Pixels) -> Floats:
    """The colour of a shirt, float32 [3] as of `shadeless`.

    Args:
        picture: uint8 [h, w, 3], a person cut out.
    """
    high, wide = picture.shape[:2]
    top, bottom, left, right = TORSO
    torso = picture[
        int(top * high) : max(int(bottom * high), 1), int(left * wide) : max(int(right * wide), 1)
    ]
    if not torso.size:
        torso = picture
    edge = max(1, round(MARGIN * wide))
    shirt = shadeless(torso).reshape(-1, 3)
    sides = np.concatenate([picture[:, :edge], picture[:, -edge:]], axis=1)
    ground = np.median(shadeless(sides).reshape(-1, 3), axis=0)
    other = np.linalg.norm(shirt - ground, axis=1) > ALIKE
    # A green shirt on grass has nothing else: then all of it counts.
    kept = shirt[other] if other.mean() >= 0.2 else shirt
    return np.asarray(np.median(kept, axis=0), np.float32)


def shadeless(picture: NDArray[np.uint8]) -> Floats:
    """CIELAB with a and b over lightness + 16, float32 [..., 3]: less light changes the first number alone.

    With a share s of the light, lightness + 16, a and b are all multiplied by the cube root of s.
    """
    lab = cielab(picture)
    scale = COLOUR / (lab[..., :1] + 16)
    return np.asarray(np.concatenate([LIGHT * lab[..., :1], scale * lab[..., 1:]], axis=-1), np.float32)


def shown(colour: Floats) -> tuple[int, int, int]:
    """RGB of 0..255 of a colour as of `shadeless`, float [3]."""
    lightness = float(colour[0]) / LIGHT
    return srgb(np.array([lightness, *(np.asarray(colour[1:]) * (lightness + 16) / COLOUR)], np.float32))


def cielab(picture: NDArray[np.uint8]) -> Floats:
    """CIELAB of sRGB, float32 [..., 3], white point D65 (CIE 15:2004, IEC 61966-2-1)."""
    light = picture.astype(np.float32) / 255
    linear = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.asarray(np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1), np.float32)


def srgb(colour: Floats) -> tuple[int, int, int]:
    """The inverse of `cielab` for one colour, RGB of 0..255."""
    lightness, a, b = (float(value) for value in colour)
    y = (lightness + 16) / 116
    root = np.array([y + a / 500, y, y - b / 200])
    xyz = np.where(root > 6 / 29, root**3, (116 * root - 16) * 27 / 24389)
    linear = np.clip(np.linalg.solve(_TO_XYZ.astype(np.float64), xyz), 0, 1)
    light = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (round(255 * float(value)) for value in light)
    return red, green, blue


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else 0.0


_TO_XYZ = np.array(
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ],
    np.float32,
)
"""Linear sRGB to XYZ over that of white (D65)."""


def cluster(kits: Mapping[int, Floats]) -> Teams:
    """Teams of tracks by their kits: k-means, then without the tracks that are far from every team.

    Args:
        kits: of each track, float32 [looks, 3], as of `kit`.

    Returns:
        The teams, the one with the most tracks first.
    """
    from sklearn.cluster import KMeans

    tracks = sorted(kits)
    points = np.array([np.median(kits[track], axis=0) for track in tracks], np.float64).reshape(-1, 3)
    if len(np.unique(points, axis=0)) < COUNT:
        return Teams(dict.fromkeys(tracks, 0), (), 0.0)
    sure = np.sqrt([len(kits[track]) for track in tracks])
    found = KMeans(COUNT, n_init=10, random_state=0).fit(points, sample_weight=sure)
    centres = found.cluster_centers_
    for _ in range(ROUNDS):
        far = np.linalg.norm(points[:, None] - centres, axis=2)
        team, own = far.argmin(axis=1), far.min(axis=1)
        usual = np.array([_median(own[team == each]) for each in range(COUNT)])
        near = own <= np.maximum(FAR * usual[team], LEAST_FAR)
        parts = [points[near & (team == each)] for each in range(COUNT)]
        moved = np.stack(
            [np.median(part, axis=0) if len(part) else old for part, old in zip(parts, centres, strict=True)]
        )
        if np.allclose(moved, centres):
            break
        centres = moved
    order = np.argsort([-(near & (team == each)).sum() for each in range(COUNT)], kind="stable")
    places = {int(each): place for place, each in enumerate(order, start=1)}
    answers = {
        track: places[int(each)] if counts else 0
        for track, each, counts in zip(tracks, team, near, strict=True)
    }
    gaps = np.linalg.norm(centres[:, None] - centres, axis=2)[~np.eye(COUNT, dtype=bool)]
    spread = _median(own[near])
    colours = tuple(shown(centres[each]) for each in order)
    return Teams(answers, colours, float(gaps.min()) / max(spread, LEAST_SPREAD))
