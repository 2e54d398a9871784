"""What deploy/ holds fits the project: files that are copied exist, commands parse, units are valid."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from preseason.cli.main import program
from preseason.cli.verbs import VERBS

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy").glob("*.service"))
CONTAINER = (ROOT / "deploy/Containerfile").read_text("utf-8")


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    kept = (ROOT / "deploy/Containerfile.dockerignore").read_text("utf-8")
    copied = [
        name for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINER, re.M) for name in line.split()[:-1]
    ]
    assert "src" in copied
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}\n" in kept


def test_the_image_runs_without_root_and_names_no_host() -> None:
    final = CONTAINER.rpartition("FROM ")[2]
    assert re.search(r"^USER 10001", final, re.M)
    assert not re.search(r"https?://(?!127\.0\.0\.1)", CONTAINER)
    assert "pip install" not in final


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_the_command_of_a_unit_parses(unit: Path) -> None:
    command = re.search(r"^ExecStart=(.+)$", unit.read_text("utf-8"), re.M)
    assert command
    binary, name, *arguments = shlex.split(command[1])
    assert binary == "/opt/preseason/bin/preseason"
    assert name in VERBS
    with click.Context(program):
        VERBS.get(name).make_context(name, arguments)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_a_unit(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text("utf-8").replace("/opt/preseason/bin/preseason", "/usr/bin/true")
    (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / unit.name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr.strip()
