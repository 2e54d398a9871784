"""What a process stands on: a folder, a home, a pipe's encoding, threads."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from preseason.errors import UsageError
from preseason.errors.surroundings import refuse_lost_folder
from preseason.runtime import cache_dir
from preseason.runtime.cache_dir import cache_folder, is_temporary


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for temporary files, and no cache that the user named."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for name in ("PRESEASON_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "temporary"


def run_in(folder: Path, code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=os.environ | environment, capture_output=True,
        check=False, timeout=60, encoding="utf-8", errors="surrogateescape",
    )  # fmt: skip


def test_a_folder_that_was_deleted_under_the_shell_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    before = Path.cwd()
    monkeypatch.chdir(tmp_path / "gone")
    try:
        (tmp_path / "gone").rmdir()
        with pytest.raises(UsageError, match=r"current folder was deleted or moved\. Go to a folder"):
            refuse_lost_folder()
    finally:
        os.chdir(before)
    refuse_lost_folder()


@pytest.mark.parametrize("verb", ["fit photos", "predict model a.png", "models", "cache"])
def test_every_verb_says_so_at_once(tmp_path: Path, verb: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f"import os; os.rmdir({str(gone)!r}); from preseason.cli.main import run as go; "
    code += f"print(go({verb.split()!r}))"
    done = run_in(gone, code)
    assert "current folder was deleted" in done.stderr
    assert done.stdout.strip() == "2"


@pytest.mark.parametrize("home", [None, "/proc", "/dev/null", "relative"])
def test_who_has_no_home_has_a_cache_of_his_own_among_temporary_files(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    if home is None:
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setattr(cache_dir.platformdirs, "user_cache_dir", _no_home)
    else:
        monkeypatch.setenv("HOME", home)
    found = cache_folder()
    assert is_temporary(found)
    assert found.parent == temporary
    assert found == cache_folder()
    assert found.stat().st_mode & 0o077 == 0


def _no_home(*arguments: object, **named: object) -> str:
    raise RuntimeError("could not determine the home directory")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="users have numbers on POSIX")
@pytest.mark.parametrize("kind", ["open to all", "a file", "a link"])
def test_a_folder_that_others_may_have_put_there_is_not_used(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("HOME", "/proc")
    planted = temporary / f"preseason-cache-{os.getuid()}"
    if kind == "open to all":
        planted.mkdir()
        planted.chmod(0o777)
    elif kind == "a file":
        planted.write_text("")
    else:
        (temporary / "elsewhere").mkdir()
        planted.symlink_to(temporary / "elsewhere")
    cache_dir._of_this_process.cache_clear()
    found = cache_folder()
    assert found != planted
    assert found.stat().st_mode & 0o077 == 0
    assert found == cache_folder()
    assert is_temporary(found)


def test_a_cache_that_was_named_is_taken_as_it_is(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESEASON_CACHE", "/named")
    assert cache_folder() == Path("/named")
    assert cache_folder("mine") == Path("mine")
    assert not is_temporary(Path("/named"))


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8", "latin-1"])
def test_what_is_piped_is_utf_8_whatever_the_terminal(tmp_path: Path, encoding: str) -> None:
    code = (
        "from preseason.cli.main import _print_outcome, _accept_any_character as accept; "
        "from preseason.cli.verbs import Outcome; accept(); "
        f"_print_outcome(Outcome({{}}, {'p(صلاح),Müller 😀'!a}), False)"
    )
    done = run_in(tmp_path, code, PYTHONIOENCODING=encoding, PYTHONUTF8="0", LC_ALL="C")
    assert done.stdout == "p(صلاح),Müller 😀\n"


def test_a_forked_process_says_that_threads_stayed_behind(tmp_path: Path) -> None:
    code = """
import os
from preseason.engine import forks
forks.refuse_fork()
forks.compute_here()
child = os.fork()
if child == 0:
    try:
        from preseason.models.loading import load
        load("nowhere")
    except forks.ForkedError as error:
        os._exit(7 if "spawn or forkserver" in str(error) else 8)
    os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_in(tmp_path, code).stdout.strip() == "7"


def test_a_process_that_was_forked_before_anything_computed_computes(tmp_path: Path) -> None:
    code = """
import os
from preseason.engine import forks
child = os.fork()
if child == 0:
    forks.compute_here()
    forks.refuse_fork()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run_in(tmp_path, code).stdout.strip() == "0"
