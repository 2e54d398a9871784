"""Photos, a small network and a model of them, shared by the tests of whole roads."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from photo_fits import GAMES, LINEAR, network_settings
from preseason.backbones.timm_networks import create
from preseason.cli.main import run
from preseason.demo import Pictures


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
