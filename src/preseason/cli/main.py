"""The `preseason` program: finds the verb, prints its outcome, turns every failure into an exit code."""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from preseason import __version__
from preseason.cli.greeting import greeting
from preseason.cli.shapes import plain
from preseason.cli.verbs import VERBS, Outcome
from preseason.errors import DeviceMemoryError, PreseasonError, UsageError, device_is_full
from preseason.errors.surroundings import refuse_lost_folder

READING_ORDER = (
    "prelabel", "scout", "fit", "evaluate", "predict", "explain", "next", "compare", "post-mortem",
    "add", "remove", "spot", "chat", "serve", "watch", "export", "push",
)  # fmt: skip
COMPLETES = "_PRESEASON_COMPLETE"
"""Variable by which a shell asks what may be typed next; then there are no arguments."""
STOPPED = "Interrupted. Finished work is saved; run the same command to resume."


ALIASES = {"suggest": "next"}
"""Further names of verbs: `suggest` is that of Python."""


class Verbs(click.Group):
    """The verbs of the registry, in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the verbs: those of the road first, then the others."""
        first = [name for name in READING_ORDER if name in VERBS]
        return first + [name for name in VERBS if name not in first]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """The verb called `cmd_name`; an unknown one suggests the nearest."""
        return VERBS.get(ALIASES.get(cmd_name, cmd_name))


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit codes: 0 success, 2 wrong usage, 3 unusable data, 4 missing weights, 5 unusable model "
        "folder, 130 interrupted (the same command resumes)."
    ),
)
@click.version_option(__version__, prog_name="preseason")
def program() -> None:
    """Fine-tune pretrained networks on a few labelled photos, clips, sounds, matches, texts or dialogues.

    Start with: preseason fit photos/   (one folder per player, photos inside)
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: without the program's name; those of the process when None.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = wants_json(given)
    _accept_any_character()
    if not given and COMPLETES not in os.environ:
        return _print_outcome(Outcome({}, greeting(Path())), as_json=False)
    try:
        refuse_lost_folder()
        # A library that prints must not break the one JSON object on stdout.
        with redirect_stdout(sys.stderr) if as_json else nullcontext():
            outcome = program.main(given, prog_name="preseason", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        return _print_failure(error, as_json)
    return _print_outcome(outcome, as_json) if isinstance(outcome, Outcome) else int(outcome or 0)


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether the arguments ask for one JSON object on stdout."""
    options = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    pairs = pairwise(options)
    return "--json" in options or "--format=json" in options or ("--format", "json") in pairs


def _print_outcome(outcome: Outcome, as_json: bool) -> int:
    text = json.dumps(plain(outcome.fields), indent=2, allow_nan=False) if as_json else outcome.text
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader has seen enough (`| head`); the interpreter must not fail on its last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return outcome.exit_code


def _print_failure(error: BaseException, as_json: bool) -> int:
    code, name, message = _diagnose(error)
    if code == 1 or os.environ.get("PRESEASON_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)
    stopped = code == 130
    text = message if stopped else f"error: {message} [{name}]"
    plain_text = False if os.environ.get("NO_COLOR") else None
    click.secho(text, err=True, fg="yellow" if stopped else "red", color=plain_text)
    if not as_json:
        return code
    kind = "Stopped" if stopped else type(error).__name__
    failure = {"kind": kind, "message": message, "exit_code": code, "code": name}
    return _print_outcome(Outcome({"error": failure}, "", code), as_json)


def _diagnose(error: BaseException) -> tuple[int, str | None, str]:
    """The exit code, the error code (None for a stop) and the line for the user."""
    if device_is_full(error):
        return _diagnose(DeviceMemoryError())
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return 130, None, STOPPED
    if isinstance(error, PreseasonError):
        return error.exit_code, error.code, str(error)
    if isinstance(error, click.ClickException):
        return UsageError.exit_code, UsageError.general, _usage_line(error)
    if isinstance(error, OSError):
        return 3, "PS-S01", f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return (
        1,
        "PS-X01",
        (
            f"{type(error).__name__}: {error}. This is a bug in preseason: please report it with the "
            "lines above."
        ),
    )


def _usage_line(error: click.ClickException) -> str:
    context: Any = getattr(error, "ctx", None)
    hint = f" See: {context.command_path} --help" if context else ""
    return error.format_message() + hint


def _accept_any_character() -> None:
    """Any character can be printed: files and pipes on stdout are UTF-8, a terminal shows escapes.

    What is redirected is read by programs: an escape of an old code page would be other data. Bytes of
    file names that are no text stay as they are there.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        if stream is sys.stdout and not stream.isatty():
            reconfigure(encoding="utf-8", errors="backslashreplace")
        else:
            reconfigure(errors="backslashreplace")
