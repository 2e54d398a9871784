"""The list of networks is data: it says what the libraries say, and needs none of them."""

import subprocess
import sys

import pytest
import timm
import torch

from preseason.backbones.catalogue import CLIPS, PICTURES, PUBLISHED, Listed
from preseason.backbones.libraries import published_clips
from preseason.backbones.libraries.torchvision_clips import ENTRIES, _weights


def parameters_of(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("listed", PICTURES, ids=lambda each: each.name)
def test_a_network_of_pictures_is_timms(listed: Listed) -> None:
    config = timm.get_pretrained_cfg(listed.name)
    with torch.device("meta"):
        network = timm.create_model(listed.name)
    assert (config.hf_hub_id, config.license) == (listed.repository, listed.licence)
    assert parameters_of(network) == listed.parameters


@pytest.mark.parametrize("listed", CLIPS, ids=lambda each: each.name)
def test_a_network_of_clips_is_torchvisions(listed: Listed) -> None:
    weights = _weights(listed.name)
    assert weights.meta["num_params"] == listed.parameters
    assert str(weights.url).rpartition("/")[2] == listed.file
    assert ENTRIES[listed.name].licence == listed.licence


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_network_defined_here_is_as_large_as_is_said(name: str) -> None:
    with torch.device("meta"):
        assert parameters_of(published_clips.PUBLISHED[name].build()) == PUBLISHED[name]


def test_listing_the_networks_loads_no_library_of_networks() -> None:
    code = (
        "import sys; from preseason.cli.main import run; code = run(['models']); "
        "print([n for n in ('torch', 'timm', 'numpy', 'huggingface_hub') if n in sys.modules], "
        "file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "efficientnet_lite0" in done.stdout
