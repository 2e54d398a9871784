"""Networks of transformers on the Hugging Face hub: what lies in its cache, and loading what does not."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from preseason.backbones.base import Backbone
from preseason.backbones.catalogue import Listed
from preseason.backbones.encoders import CONFIG, WEIGHTS, model_type, quiet
from preseason.backbones.hubs import hugging_face_answers
from preseason.backbones.library import Tensors, write_as_transformers
from preseason.errors import WeightsError, first_line
from preseason.errors.packages import require

INPUT = "preprocessor_config.json"
INDEX = "model.safetensors.index.json"
"""Of weights in several files."""


def type_in_cache(name: str) -> str | None:
    """What transformers calls a network in the hub's cache; None where it is not there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, CONFIG)
    return model_type(Path(found).parent) if isinstance(found, str) else None


def is_among(name: str, weights: str | None, kinds: Collection[str], beginnings: tuple[str, ...]) -> bool:
    """Whether a name, or the folder `weights`, is of a network of one of `kinds`, as transformers calls them.

    A name on the hub that is not in its cache is taken at its word where it begins as theirs do.
    """
    if model_type(Path(name) if weights is None else Path(weights)) in kinds:
        return True
    if name.count("/") != 1 or Path(name).exists():
        return False
    return name.rpartition("/")[2].lower().startswith(beginnings) or type_in_cache(name) in kinds


def folder_of(name: str, weights: str | None, beside: Sequence[str] = (INPUT,)) -> Path:
    """Where a network lies: the folder `weights`, the folder `name`, or the hub's cache.

    Args:
        beside: as of `fetched`.

    Raises:
        WeightsError: as `fetched`.
    """
    if weights is not None:
        return Path(weights)
    return Path(name) if model_type(Path(name)) else fetched(name, beside)


def fetched(name: str, beside: Sequence[str] = (INPUT,)) -> Path:
    """The folder of the hub's cache with a network, loaded from the hub where it is not there.

    Args:
        beside: files that are wanted beside configuration and weights.

    Raises:
        WeightsError: it is not there and the hub cannot be reached, or has no such network.
    """
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    config = try_to_load_from_cache(name, CONFIG)
    weights = [try_to_load_from_cache(name, each) for each in (WEIGHTS, INDEX)]
    if isinstance(config, str) and any(isinstance(each, str) for each in weights):
        return Path(config).parent
    try:
        if not hugging_face_answers():
            raise ConnectionError("the hub does not answer")
        wanted = [CONFIG, *beside, WEIGHTS, INDEX, "model-*.safetensors"]
        return Path(snapshot_download(name, allow_patterns=wanted))
    except Exception as error:
        listed = f"{', '.join((CONFIG, *beside))} and {WEIGHTS}"
        raise WeightsError(
            f"The weights of {name} are not on this machine and cannot be loaded: {first_line(error)}. On a "
            f"machine with a network, take {listed} from https://huggingface.co/{name} into one folder and "
            "pass --backbone FOLDER here.",
            code="PS-W02",
        ) from error


class HubLibrary(ABC):
    """A library of networks that transformers defines, writes and opens.

    Attributes:
        listed: well-known names of the hub.
        kinds: what transformers calls the types of its networks.
        beginnings: of names on the hub that are taken at their word.
    """

    opened_by: tuple[str, ...] = ()
    listed: Sequence[Listed]
    kinds: Collection[str]
    beginnings: tuple[str, ...]

    @abstractmethod
    def from_folder(self, folder: Path, name: str, licence: str) -> Any:
        """The network in a folder that transformers wrote.

        Raises:
            WeightsError: a file is absent, or is of another network.
        """

    def names(self) -> Sequence[str]:
        """Well-known names of the hub."""
        return [each.name for each in self.listed]

    def knows(self, name: str, weights: str | None = None) -> bool:
        """Whether it is such a folder, one in the hub's cache, or a name that begins as theirs do."""
        return name in self.names() or is_among(name, weights, self.kinds, self.beginnings)

    def load(self, name: str, weights: str | None) -> Any:
        """The network `name`; `weights` is a folder to take it from instead.

        Raises:
            MissingPackageError: transformers is not installed.
            WeightsError: the weights are not on this machine, or do not fit.
        """
        require(f"--backbone {name}", "transformers")
        folder = folder_of(name, weights)
        known = next((each.licence for each in self.listed if each.name == name), None)
        own = Path(name).name if Path(name).is_dir() else name
        return self.from_folder(folder, own, known or "unknown")

    def architecture(self, network: nn.Module) -> str:
        """transformers' name of the class."""
        return type(network).__name__

    def save(self, backbone: Backbone, folder: Path, tensors: Tensors, labels: tuple[str, ...]) -> None:
        """Write the network as transformers does, with the files that tell how it is fed."""
        files: Mapping[str, bytes] = getattr(backbone, "files", {})
        write_as_transformers(backbone.network, tensors, files, folder)

    def restore(self, folder: Path, facts: Mapping[str, Any]) -> Any:
        """The network that `save` wrote."""
        return self.from_folder(folder, facts["name"], facts["licence"])


def refuse_without_weights(folder: Path, name: str, class_name: str) -> None:
    """Refuse a folder whose weights are in no safetensors.

    Raises:
        WeightsError: with the line that converts them.
    """
    if any((folder / each).is_file() for each in (WEIGHTS, INDEX)):
        return
    raise WeightsError(
        f"{name} has no {WEIGHTS}, and other files of weights can hold code, which is not run here. Convert "
        f"it where you trust it: transformers.{class_name}.from_pretrained({name!r})"
        f".save_pretrained('FOLDER'), copy {INPUT} beside it, and pass --backbone FOLDER.",
        code="PS-W02",
    )


def opened(folder: Path, wanted: Any, may_lack: Callable[[str], bool]) -> tuple[Any, Sequence[str]]:
    """The network of a folder as the class `wanted`, and which tensors its file lacks; no code is run.

    Args:
        may_lack: whether a tensor of that name need not be there.

    Raises:
        WeightsError: it is of another network, or not whole.
    """
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
    missing = sorted(key for key in report["missing_keys"] if not may_lack(key))
    if missing:
        raise WeightsError(
            f"{folder} does not hold the whole {wanted.__name__}: {len(missing)} tensors are absent, e.g. "
            f"{missing[0]}. Copy the folder again."
        )
    return network, report["missing_keys"]
