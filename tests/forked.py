"""Processes for tests, forked from one that has the libraries loaded: to load them takes seconds a time."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from preseason.cli.main import run

LOADED = [
    "pytest",
    "timm",
    "openvino",
    "preseason.fitting.pipeline",
    "preseason.language.training",
    "transformers.models.gemma3.modeling_gemma3",
    "transformers.models.gpt2.modeling_gpt2",
]


class Forked:
    """A running process, with as much of `subprocess.Popen` as tests need; what it prints goes to files.

    Args:
        target: called there with `arguments`; what it gives to `sys.exit` is the exit status.
        variables: set beside the environment of this process.
    """

    def __init__(
        self, target: Callable[..., object], *arguments: object, variables: Mapping[str, str] | None = None
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(LOADED)
        folder = tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._files = [Path(folder) / name for name in ("stdout", "stderr")]
        given = (
            [str(file) for file in self._files],
            str(Path.cwd()),
            dict(os.environ | dict(variables or {})),
        )
        self._process = context.Process(target=_begin, args=(*given, target, arguments))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """The exit status, or the negative number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> None:
        """Until it has ended.

        Raises:
            subprocess.TimeoutExpired: it runs on after `timeout` seconds.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0)

    def send_signal(self, number: int) -> None:
        """To a process that may have ended."""
        if self._process.exitcode is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it printed on both streams until its end."""
        self.wait(timeout)
        out, err = (file.read_text("utf-8") if file.exists() else "" for file in self._files)
        return out, err


def program(*arguments: object, variables: Mapping[str, str] | None = None) -> Forked:
    """The command line, as `preseason ARGUMENTS` in a shell."""
    return Forked(_run, *map(str, arguments), variables=variables)


def _run(*arguments: str) -> None:
    sys.exit(run(list(arguments)))


def _begin(
    files: list[str],
    folder: str,
    variables: dict[str, str],
    target: Callable[..., object],
    arguments: tuple[Any, ...],
) -> None:
    for stream, file in zip((sys.stdout, sys.stderr), files, strict=True):
        stream.flush()
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), stream.fileno())
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    warnings.simplefilter("ignore")
    target(*arguments)
