"""Networks of sounds that transformers defines: by name from the hub, or from a folder on disk."""

import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from preseason.backbones.base import Backbone
from preseason.backbones.catalogue import HEARD
from preseason.backbones.encoders import model_type, quiet
from preseason.backbones.library import CONFIG, WEIGHTS, Tensors, libraries, write_as_transformers
from preseason.backbones.sounds.base import SoundBackbone
from preseason.backbones.sounds.blocks import AUDIOSET, SPLITS
from preseason.backbones.transformers_hub import INDEX, INPUT, folder_of, is_among
from preseason.errors import WeightsError, first_line
from preseason.errors.packages import require

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


class TransformersSounds:
    """The library `transformers_sounds`."""

    rank = 45
    opened_by: tuple[str, ...] = ()

    def names(self) -> Sequence[str]:
        """Well-known names of the hub."""
        return [each.name for each in HEARD]

    def knows(self, name: str, weights: str | None = None) -> bool:
        """Whether it is such a folder, one in the hub's cache, or a name that begins as theirs do."""
        return name in self.names() or is_among(name, weights, KINDS, BEGINNINGS)

    def load(self, name: str, weights: str | None) -> Listener:
        """The network `name`; `weights` is a folder to take it from instead.

        Raises:
            MissingPackageError: transformers is not installed.
            WeightsError: the weights are not on this machine, or do not fit.
        """
        require(f"--backbone {name}", "transformers")
        folder = folder_of(name, weights)
        known = next((each.licence for each in HEARD if each.name == name), None)
        own = Path(name).name if Path(name).is_dir() else name
        return from_folder(folder, own, known or "unknown")

    def architecture(self, network: nn.Module) -> str:
        """transformers' name of the class."""
        return type(network).__name__

    def save(self, backbone: Backbone, folder: Path, tensors: Tensors, labels: tuple[str, ...]) -> None:
        """Write the network as transformers does, with what tells how it hears."""
        assert isinstance(backbone, Listener)
        write_as_transformers(backbone.network, tensors, backbone.files, folder)

    def restore(self, folder: Path, facts: Mapping[str, Any]) -> Listener:
        """The network that `save` wrote."""
        return from_folder(folder, facts["name"], facts["licence"])

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
    if not any((folder / each).is_file() for each in (WEIGHTS, INDEX)):
        raise WeightsError(_unsafe(name, kind), code="PS-W02")
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
    try:
        with quiet():
            network, report = wanted.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:
        raise WeightsError(
            f"{folder} cannot be loaded as {wanted.__name__}: {first_line(error)}. Expected {CONFIG} and "
            f"{WEIGHTS}."
        ) from error
    missing = [key for key in report["missing_keys"] if not key.startswith(kind.absent)]
    if missing:
        raise WeightsError(
            f"{folder} does not hold the whole {wanted.__name__}: {len(missing)} tensors are absent, e.g. "
            f"{sorted(missing)[0]}. Copy the folder again."
        )
    if any(key.startswith(MASKS) for key in report["missing_keys"]):
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


def _unsafe(name: str, kind: Kind) -> str:
    opened = kind.whole or kind.bare
    return (
        f"{name} has no {WEIGHTS}, and other files of weights can hold code, which is not run here. Convert "
        f"it where you trust it: transformers.{opened}.from_pretrained({name!r}).save_pretrained('FOLDER'), "
        f"copy {INPUT} beside it, and pass --backbone FOLDER."
    )


libraries.add("transformers_sounds", TransformersSounds())
