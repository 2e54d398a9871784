"""Folders that tests share: the first process that needs one fills it, and the others wait for it."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def common(factory: pytest.TempPathFactory) -> Path:
    """A folder of this run that all its processes see."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object]) -> Path:
    """The folder `name`, which `fill` has filled in this process or another."""
    home = common(factory) / "made"
    home.mkdir(exist_ok=True)
    folder, done = home / name, home / f"{name}.done"
    with (home / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fill(folder)
            done.touch()
    return folder
