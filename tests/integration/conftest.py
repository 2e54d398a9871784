"""Photos, a small network and a model of them, shared by the tests of whole roads."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

import preseason
import tiny_language
import tiny_matches
from made_once import made_once
from photo_fits import GAMES, LINEAR, network_settings
from preseason.backbones.embedded import speech_file
from preseason.backbones.timm_networks import create
from preseason.cli.demo_pictures import Pictures
from preseason.cli.main import run
from tones import rustle, three_kinds, write_wav

if TYPE_CHECKING:
    from playwright.sync_api import Browser


CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def photos(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three games with ten pictures each; copy it before changing it."""
    root = tmp_path_factory.mktemp("data") / "photos"
    for game in GAMES:
        (root / game).mkdir(parents=True)
        for path in sorted((pictures.photos / game).glob("*.png"))[1:11]:
            shutil.copy(path, root / game)
    return root


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with random weights of a small network."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_file(create("test_resnet").state_dict(), file)
    return file


@pytest.fixture(scope="session")
def quick(weights: Path) -> list[str]:
    """Options of a fit that takes seconds: a small network, a linear head."""
    return [*LINEAR, *network_settings(weights)]


@pytest.fixture(scope="session")
def players(photos: Path, quick: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of these pictures; copy it before changing it."""
    folder = tmp_path_factory.mktemp("models") / "players"
    assert run(["fit", str(photos), "-o", str(folder), *quick, "--quiet"]) == 0
    return folder


@pytest.fixture(scope="session")
def network(weights: Path) -> list[str]:
    """Options of a fit on videos with the small network."""
    return ["--backbone", "test_resnet", "--weights", str(weights), "--image-size", "64"]


@pytest.fixture(scope="session")
def actions(tmp_path_factory: pytest.TempPathFactory, network: list[str]) -> Path:
    """A model of a few drawn matches."""

    def fill(root: Path) -> None:
        table = tiny_matches.write_matches(root, 4, 30.0)
        assert run(["fit", str(table), "-o", str(root / "model"), "--head", "tcn", "-q", *network]) == 0

    return made_once(tmp_path_factory, "matches", fill) / "model"


@pytest.fixture(scope="session")
def match(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tiny_matches.Event]]:
    """A drawn match that no model has seen, and its events."""
    events = tiny_matches.events_of(40.0, 77)
    return tiny_matches.write(tmp_path_factory.mktemp("new") / "match.mp4", events, 40.0, 77), events


@pytest.fixture(scope="session")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat model of a tiny language model, fitted in seconds on a few questions."""

    def fill(home: Path) -> None:
        base = tiny_language.save(home / "base", "gpt2")
        rows = [
            {"prompt": f"Who scored in match {n}?", "response": f"Salah, in minute {n}."} for n in range(48)
        ]
        (home / "talks.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
        settings = ["--weights", str(base), "--backbone", "tiny", "--learning-rate", "0.01", "--budget", "20"]
        assert run(["fit", str(home / "talks.jsonl"), "-o", str(home / "fan"), *settings, "-q"]) == 0

    return made_once(tmp_path_factory, "talker", fill) / "fan"


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three kinds of tones and noise in `kinds`, further tones in `new`."""

    def fill(folder: Path) -> None:
        three_kinds(folder / "kinds")
        for number in range(6):
            write_wav(folder / "kinds" / "background" / f"{number}.wav", rustle(1.0, number))
        three_kinds(folder / "new", 2, seed=9)

    return made_once(tmp_path_factory, "tones", fill)


@pytest.fixture(scope="session")
def listener(tones: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of these sounds; copy it before changing it."""
    small = {"backbone": "test_resnet", "weights": str(weights)}
    network = small if speech_file() is None else {"backbone": "speech_embedding"}
    settings = {"head": "moments", "unfreeze": "0", "budget_s": 60, "cache": str(tones / "cache")}

    def fill(folder: Path) -> None:
        preseason.fit(tones / "kinds", folder / "model", **settings | network)

    return made_once(tmp_path_factory, "listener", fill) / "model"
