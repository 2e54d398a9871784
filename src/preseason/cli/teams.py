"""What is said of the teams of a video."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from preseason.spotting.teams import Teams


def team_name(team: int | None) -> str:
    """In a table."""
    return "" if team is None else "none" if team == 0 else f"team {team}"


def teams_fields(found: "Mapping[str, Teams]") -> list[dict[str, Any]]:
    """For JSON: of each team its video, number, kit as hex and count of tracks."""
    return [
        {"input": source, "team": number, "kit": _hex(colour), "tracks": _count(teams, number)}
        | {"told_apart": teams.told_apart}
        for source, teams in found.items()
        for number, colour in enumerate(teams.colours, start=1)
    ]


def teams_lines(found: "Mapping[str, Teams]") -> list[str]:
    """A line for each video, and one of warning where its teams are hard to tell apart."""
    lines = []
    for source, teams in found.items():
        if not teams.colours:
            lines.append(f"{source}: too few tracks, or all of one colour: no teams.")
            continue
        told = [
            f"team {number} ({_hex(colour)}) {_count(teams, number)}"
            for number, colour in enumerate(teams.colours, start=1)
        ]
        rest = _count(teams, 0)
        lines.append(f"{source}: tracks of {', '.join(told)}" + (f", of neither {rest}." if rest else "."))
        if not teams.told_apart:
            lines.append(f"Warning: The kits in {source} are too alike: do not rely on these teams.")
    return lines


def _count(teams: "Teams", number: int) -> int:
    return sum(team == number for team in teams.of.values())


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
