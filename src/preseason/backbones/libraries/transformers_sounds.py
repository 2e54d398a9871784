"""Networks of sounds that transformers defines: by name from the hub, or from a folder on disk."""

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from preseason.backbones.base import Backbone
from preseason.backbones.catalogue import HEARD
from preseason.backbones.encoders import model_type, quiet
from preseason.backbones.library import CONFIG, WEIGHTS, libraries
from preseason.backbones.sounds.base import SoundBackbone
from preseason.backbones.sounds.blocks import AUDIOSET, SPLITS
from preseason.backbones.transformers_hub import INPUT, HubLibrary, opened, refuse_without_weights
from preseason.errors import WeightsError

RATE = 16_000
BEGINNINGS = ("ast-", "distil-whisper", "distilhubert", "hubert", "wav2vec2", "wavlm", "whisper")


@dataclass(frozen=True)
class Kind:
    """One model type of transformers.

    Attributes:
        module: below `transformers.models`.
        bare: class without a classifier or decoder.
        whole: class that checkpoints are opened as; `bare` is its encoder then.
        absent: starts of parameters that a checkpoint may lack.
    """

    module: str
    bare: str
    whole: str = ""
    absent: tuple[str, ...] = ()


MASKS = ("masked_spec_embed",)
KINDS = {
    "audio-spectrogram-transformer": Kind("audio_spectrogram_transformer", "ASTModel"),
    "wav2vec2": Kind("wav2vec2", "Wav2Vec2Model", absent=MASKS),
    "hubert": Kind("hubert", "HubertModel", absent=MASKS),
    "wavlm": Kind("wavlm", "WavLMModel", absent=MASKS),
    "whisper": Kind("whisper", "WhisperEncoder", "WhisperModel", ("decoder.",)),
}


class Listener(SoundBackbone):
    """A network of transformers that hears waves.

    Attributes:
        heard: how waves are scaled before the first layer, as plain values.
        files: name and content of what lies beside the weights, so that transformers opens a saved copy.
    """

    def __init__(
        self, name: str, network: Any, heard: Mapping[str, Any], licence: str, files: Mapping[str, bytes]
    ) -> None:
        # Tracing asks every property; transformers would warn that there is no loss.
        network.loss_function = None
        split = SPLITS[network.config.model_type](network, heard)
        super().__init__(name, network, split, RATE, True, licence, "transformers_sounds")
        self.heard, self.files = dict(heard), dict(files)
        own = f"{self.weights_id} {json.dumps(self.heard, sort_keys=True)}"
        self.weights_id = hashlib.blake2b(own.encode(), digest_size=16).hexdigest()


class TransformersSounds(HubLibrary):
    """The library `transformers_sounds`."""

    rank = 45
    listed, kinds, beginnings = HEARD, KINDS, BEGINNINGS

    def from_folder(self, folder: Path, name: str, licence: str) -> Listener:
        """As the function of that name."""
        return from_folder(folder, name, licence)

    def random_copy(self, backbone: Backbone) -> Listener:
        """The same network with random weights."""
        assert isinstance(backbone, Listener)
        own: Any = backbone.network
        with quiet():
            network = type(own)(own.config).float().eval()
        return Listener(f"{backbone.name} with random weights", network, backbone.heard, "none", {})


def from_folder(folder: Path, name: str, licence: str) -> Listener:
    """The network in a folder that transformers wrote; safetensors alone are read, no code is run.

    Raises:
        WeightsError: a file is absent, or is of another network.
    """
    kind = KINDS.get(model_type(folder) or "")
    if kind is None:
        raise WeightsError(
            f"{folder} holds no network of sounds that is known here. Expected {CONFIG} whose model_type is "
            f"one of {', '.join(KINDS)}, and {WEIGHTS}, as saved by save_pretrained of transformers."
        )
    refuse_without_weights(folder, name, kind.whole or kind.bare)
    given = _given(folder)
    network = _network(folder, kind)
    files = {INPUT: (folder / INPUT).read_bytes()} if given else {}
    return Listener(name, network, _heard(network.config.model_type, given), licence, files)


def _network(folder: Path, kind: Kind) -> Any:
    """The bare network; what a checkpoint may lack is zero, so that its digest is the same in every run."""
    module = importlib.import_module(f"transformers.models.{kind.module}.modeling_{kind.module}")
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    bare = not kind.whole or config.get("architectures") == [kind.bare]
    wanted = getattr(module, kind.bare if bare else kind.whole)
    network, absent = opened(folder, wanted, lambda key: key.startswith(kind.absent))
    if any(key.startswith(MASKS) for key in absent):
        nn.init.zeros_(network.masked_spec_embed)
    return (network if bare else network.encoder).eval()


def _given(folder: Path) -> dict[str, Any]:
    """What the folder says of its input.

    Raises:
        WeightsError: the network hears another rate than ours.
    """
    try:
        given: dict[str, Any] = json.loads((folder / INPUT).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if given.get("sampling_rate", RATE) != RATE:
        raise WeightsError(
            f"{folder} is of a network for {given['sampling_rate']} samples a second. Expected one for "
            f"{RATE}."
        )
    return given


def _heard(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """How waves are scaled, from what the checkpoint says and transformers' defaults."""
    if kind == "whisper":
        return {}
    normalised = bool(given.get("do_normalize", True))
    if kind != "audio-spectrogram-transformer":
        return {"standardised": normalised}
    if not normalised:
        return {"mean": 0.0, "std": 0.5}
    return {name: float(given.get(name, usual)) for name, usual in AUDIOSET.items()}


libraries.add("transformers_sounds", TransformersSounds())
