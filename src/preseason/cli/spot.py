"""`preseason spot MODEL... MATCH` and `preseason spot --similar-to TIME MATCH`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preseason.cli.bars import progress
from preseason.cli.verbs import AliasedOption, Outcome, model_options, refuse_given, verb
from preseason.cli.words import of_drift
from preseason.errors import UsageError

if TYPE_CHECKING:
    from preseason.data.actions import Action
    from preseason.results import Drift
    from preseason.runtime.progress import Progress
    from preseason.spotting.alike import Search
    from preseason.spotting.spotting import Spotted

PAGES = (".html", ".htm")
SHOWN = 40
"""Actions that are listed on the terminal; files hold all."""


@verb("spot")
@click.argument("words", nargs=-1, required=True, metavar="[MODEL]... MATCH")
@click.option(
    "-o", "--output", multiple=True, metavar="FILE", help="File to write; see FILE below. Repeatable."
)
@click.option("--rate", type=float, metavar="FPS", help="Frames per second to look at.")
@click.option(
    "--threshold", type=float, default=0.5, show_default=True, help="Minimum probability of an action."
)
@click.option(
    "--min-distance",
    cls=AliasedOption,
    hidden_names=["--apart"],
    type=float,
    metavar="SECONDS",
    help="Minimum time between two actions of one kind.",
)
@click.option("--clips", metavar="FOLDER", help="Cut a clip out for each action.")
@click.option(
    "--similar-to",
    cls=AliasedOption,
    hidden_names=["--like"],
    multiple=True,
    metavar="TIME",
    help="Search by example, e.g. 12:31. Repeatable.",
)
@click.option(
    "-n",
    "--count",
    type=int,
    default=20,
    show_default=True,
    help="Number of moments to find with --similar-to.",
)
@click.option(
    "--label", default="like", show_default=True, help="Label of the moments found with --similar-to."
)
@model_options
def spot(words: tuple[str, ...], similar_to: tuple[str, ...], quiet: bool, **options: Any) -> Outcome:
    """Find actions in a long video.

    MODEL is a folder that `fit` made from clips, from times of actions or from sounds; MATCH is any video,
    for a model of sounds also any recording. Several models, such as one of video and one of sounds, search
    the same match, and what they find is put together. With --similar-to no model is needed: it finds the
    moments most similar to those named, and -o writes them as labels that `fit` reads.

    The suffix of FILE sets its format: .json (SoccerNet's results), .csv, .jsonl, .ffmeta or .vtt or .txt
    (chapters of mpv, VLC and YouTube), .labels (Audacity), .m3u (a playlist), .html (a timeline to look at).
    """
    models, match = _named(words, bool(similar_to))
    if similar_to:
        refuse_given(["threshold"], "--similar-to takes no threshold; -n sets how many moments it finds.")
    else:
        refuse_given(["count", "label"], "it applies to --similar-to TIME.")
    if len(models) > 1:
        refuse_given(["rate"], "with several models each looks as often as its training windows need.")
    report = progress(quiet)
    drifts: list[Drift | None] = []
    if similar_to:
        found = _alike(match, similar_to, options, report)
    else:
        found, drifts = _found(models, match, options, report)
    files = _written(match, found, options["output"])
    clips = _cut(match, found, options["clips"], report)
    listed = [_fields(action) for action in found]
    # The first drift that says something: a model of sounds compares nothing.
    drift = next((each for each in drifts if each is not None), None)
    fields = {
        "model": models[0] if len(models) == 1 else None,
        "models": list(models),
        "video": match,
        "actions": listed,
        "files": files,
        "clips": clips,
        "drift": drift,
        "drifts": [{"model": name, "drift": each} for name, each in zip(models, drifts, strict=True)],
    }
    warnings = [line for each in drifts for line in of_drift(each)]
    return Outcome(fields, "\n".join([_text(found, files, clips), *warnings]))


def _named(words: tuple[str, ...], like: bool) -> tuple[tuple[str, ...], str]:
    """Models, and the match, which is named last."""
    *models, match = words
    if like != bool(models):
        if len(set(models)) < len(models):
            raise UsageError("A model is named twice: expected each once, then the match.")
        return tuple(models), match
    asked = "spot --similar-to TIME MATCH" if like else "spot MODEL... MATCH"
    raise UsageError(f"Received {len(words)} names, expected: preseason {asked}.")


def _found(
    models: tuple[str, ...], match: str, options: dict[str, Any], report: "Progress"
) -> "tuple[list[Action], list[Drift | None]]":
    """What each of the models finds, in order of time; of several it is told which one found it."""
    spotted = [_spotted(model, match, options, report) for model in models]
    if len(models) == 1:
        return list(spotted[0].actions), [spotted[0].drift]
    names = [Path(model).name for model in models]
    called = names if len(set(names)) == len(names) else models
    found = [
        replace(action, model=name)
        for name, each in zip(called, spotted, strict=True)
        for action in each.actions
    ]
    return sorted(found, key=lambda action: action.time_s), [each.drift for each in spotted]


def _spotted(model: str, match: str, options: dict[str, Any], report: "Progress") -> "Spotted":
    import preseason

    loaded = preseason.load(model, progress=report, device=options["device"], cache=options["cache"])
    return preseason.spot(
        loaded,
        match,
        rate=options["rate"],
        threshold=options["threshold"],
        apart_s=options["min_distance"],
        progress=report,
    )


def _alike(match: str, like: tuple[str, ...], options: dict[str, Any], report: "Progress") -> "list[Action]":
    from preseason.spotting.alike import alike
    from preseason.spotting.similar import as_actions

    times = [_time(text) for text in like]
    moments = alike(match, times, search_of(options), report)
    return list(as_actions(moments, options["label"]))


def search_of(options: dict[str, Any]) -> "Search":
    """How to search by example, from the options of the command.

    Raises:
        UsageError: one of them is out of range.
    """
    from preseason.spotting.alike import Search

    given = {"rate": options["rate"], "apart_s": options["min_distance"]}
    return Search(
        count=options["count"],
        device=options["device"],
        cache=options["cache"],
        **{name: value for name, value in given.items() if value is not None},
    )


def _time(text: str) -> float:
    from preseason.data.clock import seconds_from

    try:
        return seconds_from(text)
    except ValueError as error:
        raise UsageError(f"--similar-to {text}: {error}.") from None


def _written(match: str, found: "list[Action]", outputs: tuple[str, ...]) -> list[str]:
    from preseason.data import action_files
    from preseason.data.actions import LabelledVideo

    for output in map(Path, outputs):
        if output.suffix.lower() in PAGES:
            from preseason.report.timeline import Timeline, write_timeline

            write_timeline(output, [Timeline(Path(match), found)])
        else:
            action_files.write(output, [LabelledVideo(Path(match), tuple(found))])
    return list(outputs)


def _cut(match: str, found: "list[Action]", folder: str | None, report: "Progress") -> list[str]:
    if folder is None:
        return []
    from preseason.spotting.cutting import cut

    report.start("cutting clips", len(found))
    paths = []
    for path in cut(Path(match), found, Path(folder)):
        paths.append(str(path))
        report.advance()
    report.finish()
    return paths


def _fields(action: "Action") -> dict[str, Any]:
    from preseason.data.clock import clock

    end = {} if action.end_s is None else {"end_s": round(action.end_s, 3)}
    return {
        "time_s": round(action.time_s, 3),
        "clock": clock(action.time_s),
        "label": action.label,
        "confidence": round(action.confidence, 4),
    } | (end | ({"model": action.model} if action.model else {}))


def _text(found: "list[Action]", files: list[str], clips: list[str]) -> str:
    from preseason.data.clock import clock

    lines = [
        f"{clock(a.time_s):>9}  {a.label:<20} {100 * a.confidence:3.0f} %  {a.model}".rstrip()
        for a in found[:SHOWN]
    ]
    if len(found) > SHOWN:
        lines.append(f"... and {len(found) - SHOWN} more (-o FILE.csv writes all)")
    lines.append(f"{len(found)} found." if found else "Nothing found: try a lower --threshold.")
    lines += [f"Written: {path}" for path in files]
    if clips:
        lines.append(f"Cut {len(clips)} clips, e.g. {clips[0]}")
    return "\n".join(lines)
