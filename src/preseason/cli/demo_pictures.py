"""Labelled pictures for `preseason demo`: close-ups of sports games played at random, rendered by ale-py.

Training and held-out pictures never share a game setting or an episode. Every picture is a small square
window around what moves, enlarged, as if a camera followed the play; colour, which alone would give most
games away, is taken out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preseason.errors.packages import require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]

Setting = tuple[int, int]
"""Mode and difficulty of a game, by ale-py's numbers."""

WINDOW = 48
"""Side in pixels of what a picture shows; whole screens are 160 x 210 and too easy to tell apart."""
ENLARGED = 288
STEPS_BETWEEN = 23
WARM_UP_STEPS = 120
MIN_CONTENT = 0.05
"""Part of a picture that is not of its commonest colour; plainer ones look the same in every game."""


@dataclass(frozen=True)
class Game:
    """A game, the settings its training pictures come from, and those held out."""

    name: str
    train: tuple[Setting, ...]
    held_out: tuple[Setting, ...]


GAMES = (
    Game("boxing", ((0, 0), (0, 1)), ((0, 3),)),
    Game("double_dunk", ((0, 0), (3, 0)), ((12, 0),)),
    Game("fishing_derby", ((0, 0), (0, 1)), ((0, 3),)),
    Game("freeway", ((0, 0), (1, 0)), ((6, 1),)),
    Game("ice_hockey", ((0, 0), (0, 1)), ((2, 3),)),
    Game("pong", ((0, 0), (0, 1)), ((1, 3),)),
    Game("tennis", ((0, 0), (0, 1)), ((2, 3),)),
    Game("video_pinball", ((0, 0), (0, 1)), ((2, 1),)),
)
STRANGERS = (
    Game("skiing", (), ((0, 0),)),
    Game("enduro", (), ((0, 0),)),
    Game("miniature_golf", (), ((0, 0),)),
)


@dataclass(frozen=True)
class Pictures:
    """Where the demo's pictures lie: one folder per game in each."""

    photos: Path
    new_photos: Path
    strangers: Path


def render(folder: Path, per_setting: int = 4, per_new_setting: int = 12, per_stranger: int = 8) -> Pictures:
    """Write the demo's pictures below `folder`.

    Args:
        folder: where to write; made when absent.
        per_setting: training pictures of each setting of each of the eight games.
        per_new_setting: held-out pictures of each setting that training does not see.
        per_stranger: pictures of each game that training does not see at all.

    Raises:
        MissingPackageError: ale-py is not installed.
    """
    places = Pictures(folder / "photos", folder / "new-photos", folder / "strangers")
    for game in GAMES:
        for number, setting in enumerate(game.train):
            _write(places.photos, game.name, setting, per_setting, seed=10 + number)
        for number, setting in enumerate(game.held_out):
            _write(places.new_photos, game.name, setting, per_new_setting, seed=20 + number)
    for game in STRANGERS:
        for setting in game.held_out:
            _write(places.strangers, game.name, setting, per_stranger, seed=30)
    return places


def close_up(frame: "Frame", before: "Frame") -> "Frame | None":
    """The window of `frame` around what changed since `before`.

    Args:
        frame: uint8 [h, w, 3], 0..255.
        before: the same view shortly earlier.

    Returns:
        uint8 [48, 48, 3], or None when nothing moved or nearly all of it has one colour.
    """
    import numpy as np

    rows, columns = np.nonzero((frame != before).any(axis=2))
    if not len(rows):
        return None
    height, width = frame.shape[:2]
    top = int(np.clip(np.median(rows) - WINDOW / 2, 0, height - WINDOW))
    left = int(np.clip(np.median(columns) - WINDOW / 2, 0, width - WINDOW))
    window = frame[top : top + WINDOW, left : left + WINDOW]
    colours = window.astype(np.int64) @ np.array([65536, 256, 1])
    counts = np.unique(colours, return_counts=True)[1]
    return window if counts.max() <= (1 - MIN_CONTENT) * WINDOW**2 else None


def _write(place: Path, game: str, setting: Setting, count: int, seed: int) -> None:
    from PIL import Image

    folder = place / game
    folder.mkdir(parents=True, exist_ok=True)
    mode, difficulty = setting
    for step, picture in _close_ups(game, setting, count, seed):
        name = f"mode{mode}-difficulty{difficulty}-episode{seed}-step{step:05d}.png"
        grey = Image.fromarray(picture).convert("L")
        grey.resize((ENLARGED, ENLARGED), Image.Resampling.NEAREST).save(folder / name)


def _close_ups(game: str, setting: Setting, count: int, seed: int) -> "Iterator[tuple[int, Frame]]":
    """`count` pictures of one game played at random, each with its step."""
    import numpy as np

    console = _console(game, setting, seed)
    draws = np.random.default_rng(seed)
    actions = console.getMinimalActionSet()
    step = found = 0
    while found < count:
        before = console.getScreenRGB() if step % STEPS_BETWEEN == STEPS_BETWEEN - 1 else None
        console.act(actions[draws.integers(len(actions))])
        if console.game_over():
            console.reset_game()
        picture = None if before is None else close_up(console.getScreenRGB(), before)
        if picture is not None and step > WARM_UP_STEPS:
            found += 1
            yield step, picture
        step += 1


def _console(game: str, setting: Setting, seed: int) -> Any:
    require("The demo", "ale_py", instead="Your own photos need no such thing: preseason fit photos/")
    import ale_py
    from ale_py import roms

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    console = ale_py.ALEInterface()
    console.setInt("random_seed", seed)
    console.loadROM(str(roms.get_rom_path(game)))
    mode, difficulty = setting
    console.setMode(mode)
    console.setDifficulty(difficulty)
    console.reset_game()
    return console
