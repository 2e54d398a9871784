"""The command line without a model: help, flags, failures, exit codes, one JSON object on stdout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import torch

from preseason.cli import main
from preseason.cli.fit import choose_output
from preseason.cli.main import Verbs, run, wants_json
from preseason.cli.recipe_options import recipe_options
from preseason.cli.spot import search_of
from preseason.cli.verbs import VERBS, Outcome
from preseason.errors import (
    CacheError,
    DataError,
    ModelFolderError,
    PreseasonError,
    UsageError,
    WeightsError,
)
from preseason.recipe import Recipe, recipe_from, setting_fields


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make the program meet `error` while a verb runs."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(main.program, "main", fail)


@pytest.mark.parametrize("name", list(VERBS))
def test_every_verb_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    command = VERBS.get(name)
    assert shown.startswith(f"Usage: preseason {name}")
    leaves = command.commands.values() if isinstance(command, click.Group) else [command]
    for leaf in leaves:
        assert {"--json", "--quiet"} <= {flag for item in leaf.params for flag in item.opts}, name


def test_the_help_names_the_verbs_in_the_order_of_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    road = [shown.index(f"\n  {name} ") for name in ("fit", "evaluate", "predict", "add", "remove")]
    assert road == sorted(road)
    assert isinstance(main.program, Verbs)


def test_fit_has_a_flag_for_every_setting_of_a_recipe() -> None:
    flags = {item.name: item.opts[0] for item in recipe_options()}
    assert list(flags) == [item.name for item in setting_fields()]
    assert (flags["name"], flags["budget_s"], flags["cache_limit_gb"]) == (
        "--recipe",
        "--budget",
        "--cache-limit-gb",
    )


def test_flags_become_settings_of_the_right_type() -> None:
    command = click.Command("fit", params=recipe_options())
    line = [
        "--budget",
        "2m",
        "--unfreeze",
        "2",
        "--views",
        "3",
        "--learning-rate",
        "1e-3",
        "--no-refit",
        "--recipe",
        "frozen-dense",
    ]
    given = {
        key: value for key, value in command.make_context("fit", line).params.items() if value is not None
    }
    assert given == {
        "budget_s": "2m",
        "unfreeze": "2",
        "views": 3,
        "learning_rate": 1e-3,
        "refit": False,
        "name": "frozen-dense",
    }
    assert Recipe().with_settings(**given).budget_s == 120.0


def test_flags_overrule_the_recipe_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('budget = "3m"\nseed = 4\nimage-size = 320\nrecipe = "frozen-dense"\n', "utf-8")
    recipe = recipe_from(None, file, {"seed": 7, "head": None})
    assert (recipe.budget_s, recipe.seed, recipe.image_size, recipe.name) == (180, 7, 320, "frozen-dense")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("sede = 3", "no setting is called 'sede', did you mean 'seed'?"),
        ("views = 0\nfolds = 1", "views=0: expected at least 1; folds=1: expected at least 2"),
        ("seed =", "is not a TOML file"),
    ],
)
def test_a_recipe_file_with_faults_names_them(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content, "utf-8")
    with pytest.raises(UsageError) as caught:
        recipe_from(None, file, {})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("fot photos", 2, "No verb is called 'fot'. Did you mean 'fit'?"),
        ("fit", 2, "Missing argument 'DATA'. See: preseason fit --help"),
        ("fit . --budgte 3", 2, "No such option '--budgte'"),
        ("fit . --views three", 2, "'three' is not a valid integer"),
        ("fit . --device cudda --seed -1", 2, "device='cudda', did you mean 'cuda'?"),
        ("fit . --budget soon", 2, "'soon' is not a length of time"),
        ("fit . --config none.toml", 2, "There is no recipe file none.toml"),
        ("fit no-such-folder", 3, "There is no no-such-folder."),
        ("predict", 2, "Missing argument 'MODEL'"),
        ("predict model", 2, "Missing argument 'PATHS...'"),
        ("cache clear nothing-of-this-name", 2, "Nothing is called nothing-of-this-name"),
    ],
)
def test_wrong_use_is_one_line_and_an_exit_code(
    line: str, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line.split()) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1


def test_a_failure_under_json_is_one_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fit", "no-such-folder", "--json"]) == 3
    shown = capsys.readouterr()
    error = json.loads(shown.out)["error"]
    assert error["kind"] == "DataError"
    assert error["exit_code"] == 3
    assert shown.err == f"error: {error['message']} [{error['code']}]\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (DataError("x"), 3),
        (CacheError("x"), 3),
        (WeightsError("x"), 4),
        (ModelFolderError("x"), 5),
        (PreseasonError("x"), 1),
        (KeyboardInterrupt(), 130),
        (OSError(28, "No space left on device", "bank"), 3),
        (ZeroDivisionError("x"), 1),
    ],
)
def test_every_failure_has_its_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, error)
    assert run(["models", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == code


def test_a_stop_says_that_the_same_command_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    assert run(["models"]) == 130
    assert capsys.readouterr().err == "Interrupted. Finished work is saved; run the same command to resume.\n"


def test_a_traceback_is_shown_for_faults_of_ours_and_on_request_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PRESEASON_DEBUG", raising=False)
    failing(monkeypatch, DataError("no photos"))
    run(["models"])
    assert capsys.readouterr().err == "error: no photos [PS-D01]\n"
    monkeypatch.setenv("PRESEASON_DEBUG", "1")
    run(["models"])
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.delenv("PRESEASON_DEBUG")
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    run(["models"])
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "This is a bug in preseason" in shown


def test_a_full_graphics_processor_is_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PRESEASON_DEBUG", raising=False)
    failing(monkeypatch, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert run(["models"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: The GPU is out of memory.")
    assert shown.endswith("[PS-U05]\n")


def test_what_a_library_prints_does_not_reach_stdout_under_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def chatty(*_: object, **__: object) -> Outcome:
        print("loading weights ...")
        return Outcome({"accuracy": float("nan"), "place": Path("a")}, "")

    monkeypatch.setattr(main.program, "main", chatty)
    assert run(["models", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"accuracy": None, "place": "a"}
    assert "loading weights" in shown.err


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("predict m a.jpg --json", True),
        ("predict m a.jpg --format json", True),
        ("predict m a.jpg --format=json", True),
        ("predict m a.jpg --format csv", False),
        ("predict m -- --json", False),
    ],
)
def test_json_is_asked_for_by_flag_or_format(line: str, wanted: bool) -> None:
    assert wants_json(line.split()) is wanted


def test_a_reader_that_stops_reading_is_no_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "preseason", "cache", "show"],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_default_output_is_named_after_the_data_and_never_overwrites(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.parent)
    assert choose_output(photos, None) == Path("photos-model")
    Path("photos-model").mkdir()
    assert choose_output(photos, None) == Path("photos-model-2")


def test_only_a_model_folder_is_replaced(photos: Path) -> None:
    folder = photos.parent / "players"
    folder.mkdir()
    assert choose_output(photos, str(folder)) == folder
    (folder / "thesis.docx").write_text("years of work", "utf-8")
    with pytest.raises(UsageError, match=r"holds other files and no preseason\.json"):
        choose_output(photos, str(folder))
    (folder / "preseason.json").write_text("{}", "utf-8")
    assert choose_output(photos, str(folder)) == folder


def test_model_and_data_never_overlap(photos: Path) -> None:
    with pytest.raises(UsageError, match="lies inside the data"):
        choose_output(photos, str(photos / "model"))
    (photos.parent / "preseason.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError, match="would be replaced"):
        choose_output(photos, str(photos.parent))


def test_an_output_that_cannot_be_written_is_found_before_the_work(photos: Path) -> None:
    (photos.parent / "file").write_text("", "utf-8")
    with pytest.raises(UsageError, match="cannot be written"):
        choose_output(photos, str(photos.parent / "file" / "model"))
    with pytest.raises(UsageError, match="is a file"):
        choose_output(photos, str(photos.parent / "file"))


def test_an_empty_cache_is_shown_and_cleared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(tmp_path / "bank")
    assert run(["cache", "show", "--cache", place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"cache": place, "bytes": 0, "banks": []}
    assert run(["cache", "clear", "--cache", place]) == 0
    assert capsys.readouterr().out == f"Freed 0.0 MB in {place}.\n"


SEARCH = {"rate": None, "min_distance": None, "count": 20, "device": "auto", "cache": None}


def test_a_search_by_example_takes_zero_seconds_for_zero_and_refuses_a_rate_of_zero() -> None:
    assert (search_of(SEARCH).apart_s, search_of(SEARCH).rate) == (3.0, 2.0)
    assert search_of(SEARCH | {"min_distance": 0.0}).apart_s == 0
    with pytest.raises(UsageError, match=r"rate=0.*expected a rate above 0"):
        search_of(SEARCH | {"rate": 0.0})


def test_options_answer_to_the_names_they_once_had_and_show_one(capsys: pytest.CaptureFixture[str]) -> None:
    command = click.Command("fit", params=recipe_options())
    line = ["--strangers", "1/50", "--spread-weights", "no", "--max-unknown-accepted", "2%"]
    given = command.make_context("fit", line).params
    assert (given["max_unknown_accepted"], given["spread_weights"]) == ("2%", "no")
    shown = command.get_help(click.Context(command))
    assert not any(old in shown for old in ("--strangers", "--spread-weights"))


OLD_NAMES = {
    "serve": ("--most-mb", "--most-pixels", "--most-seconds", "--most-waiting", "--key-file"),
    "spot": ("--apart", "--like"),
    "watch": ("--settle", "--every"),
    "export": ("--allow-difference",),
    "next": ("--link",),
    "chat": ("--most-tokens",),
}
"""Names that options once had in documented commands."""


@pytest.mark.parametrize(("verb", "old"), [(verb, old) for verb in OLD_NAMES for old in OLD_NAMES[verb]])
def test_an_old_name_of_an_option_still_works_and_is_not_shown(verb: str, old: str) -> None:
    command = VERBS.get(verb)
    (option,) = (each for each in command.params if old in getattr(each, "hidden_names", ()))
    value = [] if getattr(option, "is_flag", False) else ["3"]
    words = ["m", "x"] if verb in ("next", "watch", "spot") else ["m"]
    given = command.make_context(verb, [*words, old, *value]).params[str(option.name)]
    assert given not in (None, False, ())
    assert old not in command.get_help(click.Context(command))


def test_suggest_is_next() -> None:
    assert main.program.get_command(click.Context(main.program), "suggest") is VERBS.get("next")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("spot m x.mp4 -n 3", "--count has no effect here: it applies to --similar-to TIME"),
        ("spot m x.mp4 --label jump", "--label has no effect here: it applies to --similar-to TIME"),
        (
            "spot --similar-to 0:01 x.mp4 --threshold 0.3",
            "--threshold has no effect here: --similar-to",
        ),
    ],
)
def test_an_option_of_another_way_of_spotting_is_refused(
    line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line.split()) == 2
    assert message in capsys.readouterr().err
