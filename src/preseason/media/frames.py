"""Folders of numbered pictures: which are the frames of one clip, and in what order.

A folder may hold several streams of one clip (left and right camera, colour and optical flow); they are
never mixed. What lies beside frames, such as a description in JSON, is no frame.
"""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from preseason.errors import MediaError
from preseason.media import image

MIN_FRAMES = 4
"""Fewer numbered pictures are no clip."""
LIKE = 0.6
"""Correlation of neighbours from which on numbered pictures are one scene: photos of a class have less."""
GREY_SIDE = 16
FLAT = 4.0
"""Deviation of grey values, of 255, below which a picture shows nothing that could be compared."""
SIDECARS = frozenset({".json", ".txt", ".xml", ".csv", ".yaml", ".yml", ".wav", ".mp3", ".srt", ".md", ".db"})
_NUMBERED = re.compile(r"(.*?)(\d+)$", re.DOTALL)
_FRAME = re.compile(r"(?i)(.*[\W_\d])?(frame|frm|frames|fr)[\W_]*")
_MAIN = re.compile(r"(?i).*(rgb|colou?r|img|image|frame|main|left)")

Streams = dict[str, list[tuple[int, Path]]]


def streams_of(folder: Path) -> Streams:
    """Numbered pictures by what stands before their numbers, each stream in order; empty for no clip.

    It is none where other files than pictures and sidecars lie there, or pictures that belong to no stream.
    """
    found: Streams = defaultdict(list)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".") or path.suffix.lower() in SIDECARS:
            continue
        match = _NUMBERED.fullmatch(path.stem)
        if match is None or path.suffix.lower() not in image.SUFFIXES or not path.is_file():
            return {}
        found[match[1]].append((int(match[2]), path))
    if any(len(stream) < MIN_FRAMES for stream in found.values()):
        return {}
    return {name: sorted(stream) for name, stream in found.items()}


def numbered(folder: Path) -> list[tuple[int, Path]]:
    """The frames of a folder by their numbers, of the main stream where there are several."""
    streams = streams_of(folder)
    if not streams:
        return []
    name = max(sorted(streams, reverse=True), key=lambda each: (bool(_MAIN.match(each)), len(streams[each])))
    return streams[name]


def is_frames_folder(folder: Path) -> bool:
    """Whether a folder may be one clip: numbered pictures of one size, with steps of one width.

    Example:
        frame_0001.jpg, frame_0002.jpg, ... or 0.png, 10.png, 20.png, ...
    """
    frames = numbered(folder)
    if len(frames) < MIN_FRAMES or not _counted([number for number, _ in frames]):
        return False
    try:
        return len({image.size(path) for _, path in (frames[0], frames[len(frames) // 2], frames[-1])}) == 1
    except MediaError:
        return False


def shows_one_scene(folder: Path) -> bool:
    """Whether the frames of `is_frames_folder` are a clip rather than numbered photos.

    Names that say so are believed; else neighbours must look alike.
    """
    frames = numbered(folder)
    if frames and all(_FRAME.fullmatch(name) for name in streams_of(folder)):
        return True
    places = sorted({0, len(frames) // 3, 2 * len(frames) // 3, len(frames) - 2})
    pairs = [(frames[place][1], frames[place + 1][1]) for place in places if 0 <= place < len(frames) - 1]
    try:
        return bool(pairs) and float(np.median([_likeness(one, other) for one, other in pairs])) >= LIKE
    except MediaError:
        return False


def _counted(numbers: list[int]) -> bool:
    """Whether numbers rise by steps of one width, with at most three of four missing."""
    steps = np.diff(numbers)
    step = int(np.median(steps))
    return step > 0 and numbers[-1] - numbers[0] < 4 * step * len(numbers)


def _likeness(one: Path, other: Path) -> float:
    """Correlation of two pictures in grey, -1 to 1; of pictures that show nothing, how near they are."""
    greys = [_grey(path) for path in (one, other)]
    if min(float(grey.std()) for grey in greys) < FLAT:
        return 1.0 - float(np.abs(greys[0] - greys[1]).mean()) / FLAT
    return float(np.corrcoef(greys[0].ravel(), greys[1].ravel())[0, 1])


def _grey(path: Path) -> "np.ndarray":
    from PIL import Image

    shown = Image.fromarray(image.decode(path, 8 * GREY_SIDE)).convert("L")
    return np.asarray(shown.resize((GREY_SIDE, GREY_SIDE), Image.Resampling.BOX), np.float32)
