"""Every command and snippet of the README and the guides runs, and the generated page is up to date.

A fence marked `console` holds commands after `$ ` and what they print, where `...` stands for anything;
`bash` and `python` fences run as a whole. The blocks of one page run in one folder, in order. A comment
`<!-- not run: reason -->` above a fence excuses it; `<!-- real run: data -->` says that the output was copied
from a run on that data, so numbers, times, paths, names and rows of one shape are compared by shape.
"""

import contextlib
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tiny_language
import tiny_matches
import tiny_pitches
from caches import cache_at
from desk_data import PLAYERS, copy_numbered, copy_players, tweets
from preseason.cli import python_reference
from preseason.cli.demo_pictures import Pictures
from preseason.cli.main import run
from preseason.cli.reference import markdown

ROOT = Path(__file__).parents[2]
GUIDES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))
FENCE = re.compile(
    r"(?:<!-- (not|real) run: [^>]+ -->\n)?^```(console|bash|python)\n(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    kind: str
    text: str
    real: bool
    """Whether the output shown is that of a run on other data."""


def blocks_of(page: str) -> list[Block]:
    found = FENCE.findall((ROOT / page).read_text("utf-8"))
    return [Block(kind, text, how == "real") for how, kind, text in found if how != "not"]


PAGES = [page for page in ("README.md", *GUIDES) if blocks_of(page)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, converted_networks: Path) -> Path:
    """One feature bank for all pages."""
    return cache_at(tmp_path_factory.mktemp("docs") / "cache", converted_networks)


@pytest.fixture
def desk(pictures: Pictures, cache: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder with what the pages name: photos/, new-photos/, match/ and kane/ hold frames of games.

    plays/, matches/, match.mp4, boxes/ and new-pitches/ are drawn; the tables of tweets are written.
    """
    (tmp_path / "cache").symlink_to(cache)
    copy_players(pictures, tmp_path)
    copy_numbered(pictures.strangers / "skiing", tmp_path / "kane")
    for number in range(1, 5):
        for label in tiny_matches.LABELS:
            tiny_matches.write(tmp_path / f"plays/{label}/{number}.mp4", [(0.5, label)], 1.0, number)
    tiny_matches.write_matches(tmp_path / "matches", 4, 12.0)
    tiny_matches.write(tmp_path / "match.mp4", tiny_matches.events_of(12.0, 77), 12.0, 77)
    for name in ("tweets.csv", "new-tweets.csv"):
        (tmp_path / name).write_text("\n".join(["Tweet,Sentiment", *tweets(name)]), "utf-8")
    tiny_pitches.write(tmp_path / "boxes", 12)
    for path in tiny_pitches.write(tmp_path / "new-pitches", 2, first=50).iterdir():
        if path.suffix != ".png":
            path.unlink()
    fill_language(tmp_path, cache)
    yield tmp_path
    end_server(tmp_path / "server.pid")


def end_server(noted: Path) -> None:
    """End the server that a page has started and, where it failed in between, not stopped."""
    if noted.exists():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(noted.read_text()), signal.SIGTERM)


def fill_language(desk: Path, cache: Path) -> None:
    """What the page on chat names; a tiny Gemma lies in the place of the default, a tiny GPT-2 in gpt2/."""
    default = cache / "language" / "gemma-3-270m"
    if not default.exists():
        tiny_language.save(default, "gemma3")
        (default / "complete").touch()
    tiny_language.save(desk / "gpt2", "gpt2")
    (desk / "commentary").mkdir()
    for match in range(4):
        lines = [f"Minute {at}: the ball is played to the left by Kane." for at in range(60)]
        (desk / "commentary" / f"{match}.txt").write_text("\n".join(lines))
    (desk / "reports").mkdir()
    (desk / "reports" / "derby.md").write_text("# Derby\n\nSalah scored twice against Everton.")


def run_in(desk: Path, *command: str) -> str:
    """What the command prints on both streams; it must succeed."""
    variables = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PRESEASON_CACHE": str(desk / "cache"),
    }
    done = subprocess.run(
        command,
        cwd=desk,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}"
    return done.stdout


def check_console(desk: Path, block: Block) -> None:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        shown = ran_here(desk, command)
        if shown is None:
            shown = run_in(desk, "bash", "-c", command)
        if block.real:
            shown, expected = shape(shown), shape(expected)
        if expected.strip():
            assert fits(shown, expected), f"$ {command}\n{shown}\nis not\n{expected}"


def ran_here(desk: Path, command: str) -> str | None:
    """What a command of the program prints, without starting Python anew; None where it needs a shell."""
    words = shlex.split(command)
    if words[0] != "preseason" or re.search(r"[|&;<>$`]", command):
        return None
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as shown,
        contextlib.redirect_stderr(shown),
    ):
        patch.chdir(desk)
        patch.setenv("PRESEASON_CACHE", str(desk / "cache"))
        code = run(words[1:])
    assert code == 0, f"$ {command}\n{shown.getvalue()}"
    return shown.getvalue()


def run_snippet(desk: Path, page: str, text: str) -> None:
    """Run Python as a program of its own would, without starting Python anew."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.chdir(desk)
        patch.setenv("PRESEASON_CACHE", str(desk / "cache"))
        exec(compile(text, page, "exec"), {"__name__": "__main__"})


def fits(shown: str, expected: str) -> bool:
    """Whether the output ends as the page says; progress may come before, runs of space are one space."""
    pieces = [re.escape(" ".join(piece.split())) for piece in expected.split("...")]
    return re.search(r"(^|\s)" + ".*".join(pieces) + "$", " ".join(shown.split())) is not None


def shape(text: str) -> str:
    """The output without what depends on the data; rows of a table that look alike become one.

    Lines on single files, on faults of the data and on the baselines that there was time for are left out,
    with their indented continuation.
    """
    varying = (
        r"^(?:(?:Warning|Left out|Baselines|Label these first): |\d+ more warnings? (?:is|are) in ).*\n"
        r"(?:[ \t]+.*\n)*"
    )
    text = re.sub(varying, "", text, flags=re.MULTILINE)
    text = re.sub(rf"\b({'|'.join(PLAYERS.values())})\b", "NAME", text)
    text = text.replace("unknown (nearest NAME)", "NAME")
    text = re.sub(r"\S+/\S+", "PATH", text)
    text = re.sub(r"\d+(?:[.,]\d+)*", "#", text)
    text = re.sub(r"(?:# h )?(?:# min )?# s\b", "TIME", text)
    text = re.sub(r"[ \t]+", " ", text)
    return re.sub(r"^(.+\n)\1+", r"\1", text, flags=re.MULTILINE)


def test_the_comparison_with_a_real_run_is_strict_apart_from_figures_and_names() -> None:
    page = "input label\nmatch/1.jpg  messi 99.1 %\nWarning: one\n  of two.\nFitted in 2 min 3 s.\n"
    shown = "input label\na/b.png son 7 %\na/c.png unknown (nearest salah) 80.5 %\nFitted in 8.1 s.\n"
    assert fits(shape(shown), shape(page))
    assert not fits(shape(shown), shape(page.replace("Fitted", "Trained")))
    assert not fits(shape(shown), shape(page.replace("  messi", "")))


def test_the_comparison_with_a_page_is_strict_apart_from_the_dots() -> None:
    shown = "  audit: 3 in 0.1 s\nFreed 12.5 MB   in /cache.\n"
    assert fits(shown, "Freed ... MB in ...")
    assert not fits(shown, "Freed ... MB")
    assert not fits(shown, "Deleted ... MB in ...")
    assert not fits(shown, "reed ... MB in ...")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_runs(page: str, desk: Path) -> None:
    for block in blocks_of(page):
        if block.kind == "console":
            check_console(desk, block)
        elif block.kind == "bash":
            run_in(desk, "bash", "-ec", block.text)
        else:
            run_snippet(desk, page, block.text)


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    assert (ROOT / "docs/cli.md").read_text("utf-8") == markdown(), "run `make docs`"


def test_most_guides_show_something_that_runs() -> None:
    assert len(PAGES) > 10


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", *GUIDES])
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("http") or ((ROOT / page).parent / target).exists(), target


def test_the_readme_names_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", (ROOT / "README.md").read_text("utf-8")))
    assert {"install", "demo", "test"} <= named <= targets


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = blocks_after((ROOT / "README.md").read_text("utf-8"), "## Test")
    assert command in (ROOT / ".ci/run").read_text("utf-8")


def blocks_after(text: str, heading: str) -> str:
    """The first command under a heading."""
    match = re.search(r"^\$ (.+)$", text.split(heading, 1)[1], re.MULTILINE)
    assert match
    return match[1]


def test_the_page_of_python_names_is_up_to_date() -> None:
    assert (ROOT / "docs/python.md").read_text("utf-8") == python_reference.markdown(), "run `make docs`"


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="needs preseason[docs]")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    variables = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert {page.name for page in pages} >= {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")}
    for page in pages:
        loaded = re.findall(
            r'<(?:script|img|iframe|link rel="(?:stylesheet|preload|icon)")[^>]+>', page.read_text("utf-8")
        )
        assert not [tag for tag in loaded if re.search(r'(?:src|href)="(?:https?:)?//', tag)], page
