"""Fits that are stopped, meet a full disk or a damaged cache, or run side by side."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from forked import Forked, program
from photo_fits import command, fitted, network_settings, rows_in_bank
from preseason.cli.main import run
from preseason.engine.upkeep import usage
from preseason.heads.trainer import Trainer


@pytest.mark.slow
def test_damage_in_the_cache_is_repaired(photos: Path, quick: list[str], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    options = quick
    first = fitted(tmp_path, photos, *options, cache=cache)
    for file in cache.rglob("*.rows"):
        content = bytearray(file.read_bytes())
        content[100] ^= 0xFF
        file.write_bytes(content)
    for file in (*cache.rglob("*.keys"), *cache.rglob("*.xml")):
        os.truncate(file, file.stat().st_size - 30)
    again = fitted(tmp_path, photos, *options, cache=cache)
    assert again["metrics"] == first["metrics"]


@pytest.mark.slow
def test_two_fits_at_once_on_one_cache(photos: Path, quick: list[str], tmp_path: Path, cache: Path) -> None:
    running = [program(*command(tmp_path / name, photos, *quick, cache=cache)) for name in "ab"]
    shown = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], [err for _, err in shown]
    first, second = (json.loads(out)["metrics"] for out, _ in shown)
    assert first == second


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A disk of its own, outside of pytest's folders, which other runs may tidy up."""
    folder = Path(tempfile.mkdtemp())
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("making a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@pytest.mark.slow
@pytest.mark.parametrize("size", ["64k", "700k"])
def test_a_full_disk_is_said_and_no_half_model_is_left(
    photos: Path, quick: list[str], tmp_path: Path, size: str
) -> None:
    with small_disk(size) as cache:
        process = program(*command(tmp_path / "m", photos, *quick, cache=cache))
        out, err = process.communicate()
    assert process.returncode == 3, err
    assert "The disk is full" in json.loads(out)["error"]["message"]
    assert not (tmp_path / "m").exists()


def waited_for(process: Forked, ready: Any, timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not ready() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("how", "rows"), [(signal.SIGKILL, 20), (signal.SIGINT, 1)])
def test_stopping_while_photos_are_read_loses_no_row(
    photos: Path, quick: list[str], tmp_path: Path, cache: Path, how: signal.Signals, rows: int
) -> None:
    options = [*quick, "--image-size", "480"]
    process = program(*command(tmp_path / "m", photos, *options, cache=cache))
    waited_for(process, lambda: rows_in_bank(cache) >= rows)
    process.send_signal(how)
    process.communicate()
    if how is signal.SIGINT:
        assert process.returncode == 130
    kept = {path: path.read_bytes() for path in cache.rglob("*.keys")}
    fitted(tmp_path, photos, *options, cache=cache)
    keys = [line.split()[0] for path in cache.rglob("*.keys") for line in path.read_bytes().splitlines()]
    assert all(path.read_bytes() == content for path, content in kept.items())
    assert max(keys.count(key) for key in keys) <= len(usage(cache))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopping_while_training_keeps_finished_epochs(
    photos: Path,
    weights: Path,
    tmp_path: Path,
    cache: Path,
    how: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ["--head", "mlp", "--unfreeze", "0", "--epochs", "40", *network_settings(weights)]
    process = program(*command(tmp_path / "m", photos, *options, cache=cache))
    waited_for(process, lambda: len(list(cache.glob("fits/*/*.pt"))) > 1)
    process.send_signal(how)
    process.communicate()
    assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
    assert not (tmp_path / "m").exists()
    kept = sum(torch.load(path)["counts"][0] for path in cache.glob("fits/*/*.pt"))
    assert kept > 1
    rows = rows_in_bank(cache)
    resumed = epochs_of(command(tmp_path / "m", photos, *options, cache=cache), monkeypatch)
    fresh = epochs_of(command(tmp_path / "m2", photos, *options, "--cache", str(cache)), monkeypatch)
    assert rows_in_bank(cache) >= rows
    assert resumed == fresh - kept
    assert not list(cache.glob("fits/*/*"))
    for name in ("heads", "known"):
        first, second = (load_file(tmp_path / m / f"{name}.safetensors") for m in ("m", "m2"))
        assert all(torch.equal(first[key], second[key]) for key in second), name


def epochs_of(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command in this process and count the epochs that are trained."""
    counted: list[int] = []
    train = Trainer.train_epoch

    def counting(self: Trainer) -> dict[str, float]:
        counted.append(1)
        return train(self)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "train_epoch", counting)
        assert run(arguments) == 0
    return len(counted)


@pytest.mark.slow
def test_a_fit_that_was_killed_again_and_again_gives_the_model_whose_decisions_it_repeats(
    photos: Path, weights: Path, tmp_path: Path, cache: Path
) -> None:
    settings = ["--head", "attention", "--unfreeze", "0", "--budget", "15s", *network_settings(weights)]
    first = fitted(tmp_path, photos, *settings, cache=cache)
    decisions = json.loads((tmp_path / "m" / "preseason.json").read_text())["record"]["decisions"]
    assert any(name.startswith("epochs ") for name in decisions)
    again = [*settings, "--config", str(tmp_path / "m")]
    line = command(tmp_path / "n", photos, *again, cache=tmp_path / "other")
    for seconds in (2, 4, 6):
        process = program(*line)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        process.wait()
    told = json.loads(program(*line).communicate()[0])
    assert told["metrics"] == first["metrics"]
    assert [each["name"] for each in told["candidates"]] == [each["name"] for each in first["candidates"]]
    one, other = (load_file(tmp_path / name / "heads.safetensors") for name in "mn")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
