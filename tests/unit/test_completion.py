"""Shells complete verbs and options."""

import os
import shutil
import subprocess
import sys

import pytest


def completed(words: str, place: int) -> list[str]:
    """What click answers to the words typed so far."""
    variables = os.environ | {
        "_PRESEASON_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(place),
    }  # fmt: skip
    command = [sys.executable, "-m", "preseason"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_verbs_and_options_are_completed() -> None:
    assert completed("preseason exp", 1)[-1:] == ["export"]
    assert completed("preseason export m --no-s", 3) == ["--no-strict"]
    assert completed("preseason export m --to on", 4) == ["onnx", "onnx-int8"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_for_the_shell_named(shell: str) -> None:
    command = [sys.executable, "-m", "preseason", "completion", shell]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"_PRESEASON_COMPLETE={shell}_complete" in script


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_takes_the_script() -> None:
    command = [sys.executable, "-m", "preseason", "completion", "bash"]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shell = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p preseason"], capture_output=True, text=True, check=True
    )
    assert "_preseason_completion" in shell.stdout
