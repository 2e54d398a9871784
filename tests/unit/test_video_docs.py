"""The page of video networks says of each what the registries say."""

from pathlib import Path
from typing import Any

import pytest
import torchvision

from preseason import backbones
from preseason.backbones.catalogue import CHECKPOINTS
from preseason.backbones.facts import BackboneInfo, Preprocessing
from preseason.backbones.hosted import HOSTED
from preseason.backbones.libraries.published_clips import I3D_INPUT
from preseason.backbones.libraries.torchvision_clips import ENTRIES, preprocessing_of
from preseason.backbones.video.c3d import PLAIN

PAGE = Path(__file__).parents[2] / "docs" / "video-networks.md"
INPUTS = {"i3d": I3D_INPUT, "c3d": PLAIN}


def frames_of(own: Preprocessing) -> str:
    return f"{own.frames}, or {own.fewest_frames} and more" if own.fewest_frames else str(own.frames)


def weights_of(name: str) -> str:
    if name in ENTRIES:
        enumeration: Any = torchvision.models.get_model_weights(name)
        url = enumeration.DEFAULT.url
        return f"[{url.rpartition('/')[2]}]({url})"
    if name in CHECKPOINTS:
        first = CHECKPOINTS[name][0]
        return f"[{first.file}]({first.repository}), and more below"
    repository = HOSTED[name].repository
    return f"[{repository}](https://huggingface.co/{repository})"


def row_of(info: BackboneInfo) -> str:
    if info.name in HOSTED:
        size, frames = HOSTED[info.name].size, str(HOSTED[info.name].frames)
    else:
        own = INPUTS.get(info.name) or preprocessing_of(info.name)
        size, frames = own.size, frames_of(own)
    facts = [f"`{info.name}`", frames, f"{size}", f"{info.megabytes:.0f}", f"{info.parameters / 1e6:.1f} M"]
    return " | ".join([*facts, info.licence, weights_of(info.name)])


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No file of anyone's hub folder changes what is listed."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


@pytest.mark.usefixtures("offline")
def test_the_table_of_the_page_is_the_registry() -> None:
    wanted = [f"| {row_of(info)} |" for info in backbones.listing() if info.modality == "video"]
    table = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    found = [line for line in table if line.count("|") == 8]
    assert found == wanted, "the rows should be:\n" + "\n".join(wanted)


def test_every_published_file_is_named() -> None:
    page = PAGE.read_text("utf-8")
    for checkpoints in CHECKPOINTS.values():
        for checkpoint in checkpoints:
            assert f"`{checkpoint.file}`" in page
            assert checkpoint.repository.removeprefix("https://github.com/") in page
