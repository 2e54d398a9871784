"""Encoders of texts by name or folder: the embedded one, or any of transformers."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from preseason.backbones.base import Backbone, Split
from preseason.backbones.catalogue import ENCODERS
from preseason.backbones.embedded import ENCODER, PACKAGE, embedded_folder
from preseason.backbones.facts import Preprocessing
from preseason.backbones.hubs import hugging_face_answers
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
BEGINNINGS = (
    "albert", "bert", "camembert", "deberta", "distilbert", "distilroberta", "electra", "minilm",
    "modernbert", "mpnet", "roberta", "xlm-roberta",
)  # fmt: skip


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
        super().__init__(name, network, split, preprocessing, licence)
        self.tokenizer, self.files = tokenizer, files

    @cached_property
    def width(self) -> int:
        """Length of the vectors that `forward` gives."""
        return int(self.network.config.hidden_size)  # type: ignore[union-attr,arg-type]

    def trimmed(self, x: torch.Tensor, start: int) -> torch.Tensor:
        """The input [n, l, m] of block `start` as long as the longest text of the batch."""
        there = x[..., -1] >= 0 if start == 0 else x[..., -1] > 0
        longest = int(there.any(0).nonzero().max()) + 1
        return x[:, :longest]


def claims(name: str, weights: str | None = None) -> bool:
    """Whether `name` is an encoder of texts: the embedded one, a folder of one, or a name of the hub."""
    folders = [Path(each) for each in (name, weights) if each is not None]
    if name == ENCODER or any(_model_type(folder) for folder in folders):
        return True
    return name.rpartition("/")[2].lower().startswith(BEGINNINGS)


def build(name: str, weights: str | None) -> Encoder:
    """The encoder `name` with its weights.

    Args:
        name: the embedded one, a folder that transformers wrote, or a name of the hub.
        weights: folder to take it from instead.

    Raises:
        MissingPackageError: what reads texts is not installed.
        WeightsError: the weights are not on this machine, or do not fit.
    """
    require(name, "transformers", "tokenizers", *([PACKAGE] if name == ENCODER and weights is None else []))
    folder = Path(weights) if weights is not None else _folder(name)
    if folder is None:
        raise WeightsError(_absent(name), code="PS-W02")
    return from_folder(folder, name if name == ENCODER else Path(name).name, _licence(name, folder))


def from_folder(folder: Path, name: str, licence: str) -> Encoder:
    """The encoder in a folder that transformers wrote; no code from it is run.

    Raises:
        MissingPackageError: what reads texts is not installed.
        WeightsError: a file is absent, or is of another network.
    """
    require(name, "transformers", "tokenizers")
    if _model_type(folder) is None:
        raise WeightsError(
            f"{folder} holds no encoder of texts. Expected {CONFIG}, {WEIGHTS} and {TOKENIZER}, as "
            "save_pretrained of transformers writes them."
        )
    tokenizer = _tokenizer(folder)
    network = _network(folder)
    files = {each: (folder / each).read_bytes() for each in BESIDE if (folder / each).is_file()}
    return assembled(name, network, licence, tokenizer, files)


def assembled(
    name: str, network: Any, licence: str, tokenizer: "Tokenizer", files: dict[str, bytes]
) -> Encoder:
    """An encoder from its parts."""
    # Tracing asks every property; transformers would warn that an encoder has no loss.
    network.loss_function = None
    most = _most_tokens(network.config)
    digest = hashlib.blake2b(tokenizer.to_str().encode(), digest_size=16).hexdigest()
    nothing = (0.0, 0.0, 0.0)
    preprocessing = Preprocessing(
        min(WINDOW, most), nothing, nothing, resizable=True, tokens=most, tokenizer=digest
    )
    return Encoder(name, network, split_of(network), preprocessing, licence, tokenizer, files)


def save_encoder(encoder: Encoder, folder: Path, tensors: Mapping[str, torch.Tensor] | None = None) -> None:
    """Write the network as transformers does, with its tokenizer.

    Args:
        tensors: in place of the encoder's own, e.g. fine-tuned.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    network: Any = encoder.network
    chosen = network.state_dict() if tensors is None else tensors
    contiguous = {key: value.detach().cpu().contiguous().clone() for key, value in chosen.items()}
    save_file(contiguous, folder / WEIGHTS, metadata={"format": "pt"})
    config = json.loads(network.config.to_json_string(use_diff=True))
    config["architectures"] = [type(network).__name__]
    (folder / CONFIG).write_text(json.dumps(config, indent=2), "utf-8")
    (folder / TOKENIZER).write_text(encoder.tokenizer.to_str(), "utf-8")
    for name, content in encoder.files.items():
        (folder / name).write_bytes(content)


def random_encoder(encoder: Encoder, seed: int) -> Encoder:
    """The same network with random weights, as transformers draws them."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    with _quiet():
        network = type(encoder.network)(encoder.network.config)
    torch.set_rng_state(state)
    name = f"{encoder.name} with random weights"
    return assembled(name, network.float().eval(), "none", encoder.tokenizer, encoder.files)


def _network(folder: Path) -> Any:
    from transformers import AutoModel

    extra = {"add_pooling_layer": False} if _model_type(folder) in ("bert", "roberta", "xlm-roberta") else {}
    try:
        with _quiet():
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
        with _quiet():
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


def _model_type(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / CONFIG).read_text("utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _folder(name: str) -> Path | None:
    if name == ENCODER:
        return embedded_folder()
    if _model_type(Path(name)) is not None:
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


@contextmanager
def _quiet() -> Iterator[None]:
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
