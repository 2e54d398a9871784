"""Encoders of texts: the embedded one, or any that transformers opens."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from preseason.backbones.base import Backbone
from preseason.backbones.catalogue import ENCODERS
from preseason.backbones.embedded import ENCODER, PACKAGE, embedded_folder
from preseason.backbones.encoders import BESIDE, CONFIG, WEIGHTS, Encoder, from_folder, model_type, quiet
from preseason.backbones.hubs import hugging_face_answers
from preseason.backbones.library import Tensors, libraries, write_as_transformers
from preseason.backbones.text_blocks import split_of
from preseason.backbones.tokenizers import TOKENIZER
from preseason.errors import WeightsError
from preseason.errors.packages import require

BEGINNINGS = (
    "albert", "bert", "camembert", "deberta", "distilbert", "distilroberta", "electra", "minilm",
    "modernbert", "mpnet", "roberta", "xlm-roberta",
)  # fmt: skip


class TransformersTexts:
    """The library `transformers_texts`."""

    rank = 50
    opened_by: tuple[str, ...] = ("transformers",)

    def names(self) -> Sequence[str]:
        """The embedded encoder and well-known names of the hub."""
        return [ENCODER, *(each.name for each in ENCODERS)]

    def knows(self, name: str, weights: str | None = None) -> bool:
        """Whether it is the embedded encoder, a folder of one, or a name of the hub that begins as one."""
        folders = [Path(each) for each in (name, weights) if each is not None]
        if name == ENCODER or any(model_type(folder) for folder in folders):
            return True
        return name.rpartition("/")[2].lower().startswith(BEGINNINGS)

    def load(self, name: str, weights: str | None) -> Encoder:
        """The encoder `name`; `weights` is a folder to take it from instead.

        Raises:
            MissingPackageError: what reads texts is not installed.
            WeightsError: the weights are not on this machine, or do not fit.
        """
        embedded = [PACKAGE] if name == ENCODER and weights is None else []
        require(name, "transformers", "tokenizers", *embedded)
        folder = Path(weights) if weights is not None else _folder(name)
        if folder is None:
            raise WeightsError(_absent(name), code="PS-W02")
        return from_folder(folder, name if name == ENCODER else Path(name).name, _licence(name, folder))

    def architecture(self, network: nn.Module) -> str:
        """transformers' name of the class."""
        return type(network).__name__

    def save(self, backbone: Backbone, folder: Path, tensors: Tensors, labels: tuple[str, ...]) -> None:
        """Write the network as transformers does, with its tokenizer."""
        assert isinstance(backbone, Encoder)
        files = {TOKENIZER: backbone.tokenizer.to_str().encode()} | backbone.files
        write_as_transformers(backbone.network, tensors, files, folder)

    def restore(self, folder: Path, facts: Mapping[str, Any]) -> Encoder:
        """The encoder that `save` wrote."""
        return from_folder(folder, facts["name"], facts["licence"])

    def random_copy(self, backbone: Backbone) -> Backbone:
        """The same encoder with random weights."""
        own: Any = backbone.network
        with quiet():
            network = type(own)(own.config).float().eval()
        return backbone.with_random_weights(network, split_of(network))


def _folder(name: str) -> Path | None:
    if name == ENCODER:
        return embedded_folder()
    if model_type(Path(name)) is not None:
        return Path(name)
    return _in_hub_cache(name) or _from_hub(name)


def _in_hub_cache(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = [_cached(try_to_load_from_cache(name, each)) for each in (CONFIG, WEIGHTS)]
    return None if None in found else found[0]


def _cached(path: object) -> Path | None:
    return Path(path).parent if isinstance(path, str) else None


def _from_hub(name: str) -> Path | None:
    from huggingface_hub import snapshot_download

    wanted = [CONFIG, WEIGHTS, TOKENIZER, *BESIDE, "*.model", "*.bpe", "vocab.json", "merges.txt"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted)) if hugging_face_answers() else None
    except Exception:
        return None


def _absent(name: str) -> str:
    return (
        f"The weights of {name} are not on this machine and the hub cannot be reached. On a machine with a "
        f"network, take {CONFIG}, {WEIGHTS} and {TOKENIZER} from https://huggingface.co/{name}, put them "
        f"into one folder and pass --backbone FOLDER here. Without a network the embedded {ENCODER} works."
    )


def _licence(name: str, folder: Path) -> str:
    if name == ENCODER:
        return "apache-2.0"
    known = next((each.licence for each in ENCODERS if each.name == name), None)
    return known or _licence_of_card(folder) or "unknown"


def _licence_of_card(folder: Path) -> str | None:
    try:
        lines = (folder / "README.md").read_text("utf-8").splitlines()[:40]
    except (OSError, UnicodeDecodeError):
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("license:")), None)


libraries.add("transformers_texts", TransformersTexts())
