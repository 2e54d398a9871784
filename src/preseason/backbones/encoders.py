"""Encoders of texts as transformers writes them: a network, its tokenizer and what lies beside them."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from preseason.backbones.base import Backbone, Split
from preseason.backbones.facts import Preprocessing
from preseason.backbones.text_blocks import split_of
from preseason.backbones.tokenizers import TOKENIZER, read_tokenizer, whole
from preseason.errors import WeightsError, first_line
from preseason.errors.packages import require

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WINDOW = 128
"""Tokens that a long text is cut into, where the network takes as many."""
CONFIG, WEIGHTS = "config.json", "model.safetensors"
BESIDE = ("tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
"""Files that transformers wants beside the tokenizer."""


class Encoder(Backbone):
    """A pretrained encoder of texts; a batch is float [n, l, 2], see `text_blocks.digits`.

    Attributes:
        tokenizer: turns texts into token numbers; it neither cuts nor pads.
        files: name and content of what lies beside the weights, so that transformers opens a saved copy.
    """

    def __init__(
        self,
        name: str,
        network: Any,
        split: Split,
        preprocessing: Preprocessing,
        licence: str,
        tokenizer: "Tokenizer",
        files: dict[str, bytes],
    ) -> None:
        # Tracing asks every property; transformers would warn that an encoder has no loss.
        network.loss_function = None
        super().__init__(name, network, split, preprocessing, licence, "transformers_texts", "text")
        self.tokenizer, self.files = tokenizer, files

    def with_random_weights(self, network: nn.Module, split: Split) -> "Encoder":
        """The same architecture and tokenizer, of which nothing was trained."""
        name = f"{self.name} with random weights"
        return Encoder(name, network, split, self.preprocessing, "none", self.tokenizer, self.files)

    @cached_property
    def width(self) -> int:
        """Length of the vectors that `forward` gives."""
        return int(self.network.config.hidden_size)  # type: ignore[union-attr,arg-type]

    def trimmed(self, x: torch.Tensor, start: int) -> torch.Tensor:
        """The input [n, l, m] of block `start` as long as the longest text of the batch."""
        there = x[..., -1] >= 0 if start == 0 else x[..., -1] > 0
        longest = int(there.any(0).nonzero().max()) + 1
        return x[:, :longest]


def encoder_of(backbone: Backbone | None) -> Encoder:
    """The backbone, which is one of texts."""
    assert isinstance(backbone, Encoder)
    return backbone


def from_folder(folder: Path, name: str, licence: str) -> Encoder:
    """The encoder in a folder that transformers wrote; no code from it is run.

    Raises:
        MissingPackageError: what reads texts is not installed.
        WeightsError: a file is absent, or is of another network.
    """
    require(name, "transformers", "tokenizers")
    if model_type(folder) is None:
        raise WeightsError(
            f"{folder} holds no text encoder. Expected {CONFIG}, {WEIGHTS} and {TOKENIZER}, as "
            "saved by save_pretrained of transformers."
        )
    tokenizer = _tokenizer(folder)
    network = _network(folder)
    files = {each: (folder / each).read_bytes() for each in BESIDE if (folder / each).is_file()}
    return assembled(name, network, licence, tokenizer, files)


def assembled(
    name: str, network: Any, licence: str, tokenizer: "Tokenizer", files: dict[str, bytes]
) -> Encoder:
    """An encoder from its parts."""
    most = _most_tokens(network.config)
    digest = hashlib.blake2b(tokenizer.to_str().encode(), digest_size=16).hexdigest()
    nothing = (0.0, 0.0, 0.0)
    preprocessing = Preprocessing(
        min(WINDOW, most), nothing, nothing, resizable=True, tokens=most, tokenizer=digest
    )
    return Encoder(name, network, split_of(network), preprocessing, licence, tokenizer, files)


def _network(folder: Path) -> Any:
    from transformers import AutoModel

    extra = {"add_pooling_layer": False} if model_type(folder) in ("bert", "roberta", "xlm-roberta") else {}
    try:
        with quiet():
            network, report = AutoModel.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, output_loading_info=True, **extra
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise WeightsError(f"The encoder in {folder} cannot be loaded: {first_line(error)}") from error
    absent = [key for key in report["missing_keys"] if "pooler" not in key]
    if absent:
        raise WeightsError(
            f"{folder} does not hold the whole {type(network).__name__}: {len(absent)} tensors are absent, "
            f"e.g. {sorted(absent)[0]}. Copy the folder again."
        )
    return network.eval()


def _tokenizer(folder: Path) -> "Tokenizer":
    if (folder / TOKENIZER).is_file():
        return read_tokenizer(folder / TOKENIZER)
    from transformers import AutoTokenizer

    try:
        with quiet():
            slow = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return whole(slow.backend_tokenizer)
    except Exception as error:
        raise WeightsError(
            f"The tokenizer in {folder} cannot be read: {first_line(error)}. Expected {TOKENIZER} beside the "
            "weights."
        ) from error


def _most_tokens(config: Any) -> int:
    most = int(getattr(config, "max_position_embeddings", 512) or 512)
    # RoBERTa counts positions from its padding number on.
    return most - 2 if most % 64 == 2 else most


def model_type(folder: Path) -> str | None:
    """What transformers calls the network in a folder; None where there is none."""
    try:
        return str(json.loads((folder / CONFIG).read_text("utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' bars and load reports, which are not for the user."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(40)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
