"""The pretrained network of a model folder, loaded only when its layers are asked for."""

import json
import shutil
import struct
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preseason import backbones
from preseason.backbones.facts import origin_of, preprocessing_from
from preseason.backbones.tokenizers import TOKENIZER, read_tokenizer
from preseason.errors import ModelFolderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from preseason.backbones.base import Backbone


WEIGHTS = "model.safetensors"


class SavedBackbone:
    """What `backbone_facts` told when a network was saved, and the network once it is needed.

    Raises:
        ModelFolderError: the facts or the folder are not whole.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder, self._facts = folder, dict(facts)
        try:
            self.name, self.licence = str(facts["name"]), str(facts["licence"])
            self.weights_id = str(facts["weights_id"])
            self.preprocessing = preprocessing_from(facts["preprocessing"])
            _, self.modality = origin_of(facts)
            _refuse_damaged(folder / WEIGHTS)
        except (KeyError, TypeError, ValueError, OSError, struct.error) as error:
            raise ModelFolderError(f"The network in {folder} cannot be loaded: {error}") from error

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """What turns texts into token numbers."""
        return read_tokenizer(self.folder / TOKENIZER)

    def loaded(self) -> "Backbone":
        """The network itself, read once."""
        return self._loaded

    @cached_property
    def _loaded(self) -> "Backbone":
        return backbones.load_network(self.folder, self._facts)

    def facts(self) -> dict[str, Any]:
        """As they were saved."""
        return self._facts

    def save(self, folder: Path) -> None:
        """Copy the folder."""
        shutil.copytree(self.folder, folder)


def _refuse_damaged(path: Path) -> None:
    """Raise ValueError where a file of weights is shorter or longer than its own header says."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    end = max(int(each["data_offsets"][1]) for name, each in header.items() if name != "__metadata__")
    if path.stat().st_size != 8 + length + end:
        raise ValueError(f"{path.name} is cut off")
