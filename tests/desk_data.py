"""The data that pages and notebooks name: frames of games under names of players, and tweets."""

import shutil
from pathlib import Path

from preseason.cli.demo_pictures import Pictures

PLAYERS = {
    "freeway": "messi",
    "boxing": "salah",
    "double_dunk": "son",
    "tennis": "mbappe",
    "ice_hockey": "ronaldo",
}


MAX_EXAMPLES = 4
"""Pictures of each player: enough for every command, few enough for every run of the suite."""


def copy_players(pictures: Pictures, desk: Path) -> None:
    """Photos and new photos of each player, and of a match: frames of games."""
    for game, player in PLAYERS.items():
        for place in (pictures.photos, pictures.new_photos):
            copy_numbered(place / game, desk / place.name / player)
    copy_numbered(pictures.new_photos / "boxing", desk / "match")


def copy_numbered(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    files = sorted(source.iterdir())
    for number, path in enumerate(files[:: -(-len(files) // MAX_EXAMPLES)], start=1):
        shutil.copy(path, target / f"{number}.jpg")


def tweets(salt: str) -> list[str]:
    """Rows of a table of texts; other ones for each `salt`."""
    good = (
        "What a goal",
        "Wonderful pass",
        "So happy with this team",
        "A joy to watch",
        "Best match in years",
    )
    bad = (
        "Three hours in a queue",
        "Awful referee",
        "So sad about this team",
        "A pain to watch",
        "Worst game ever",
    )
    when = ("today", "tonight") if salt == "tweets.csv" else ("once more",)
    rows = [(text, "positive") for text in good] + [(text, "negative") for text in bad]
    return [f"{text} {time},{label}" for text, label in rows for time in when]
