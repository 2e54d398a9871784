"""Opening a chat model's folder."""

import hashlib
from pathlib import Path
from typing import Any

from preseason.errors import ModelFolderError
from preseason.errors.packages import require
from preseason.language.base import load_base, open_network, open_tokenizer
from preseason.language.engines import decoder_for
from preseason.language.folder import fingerprint
from preseason.language.model import ChatModel
from preseason.language.quiet_transformers import quiet_transformers
from preseason.language.record import record_from
from preseason.runtime.progress import Progress, Silent
from preseason.storage import ADAPTER, MANIFEST, TOKENIZER, WHOLE


def load(
    place: Path, manifest: dict[str, Any], cache: Path, device: str, progress: Progress | None
) -> ChatModel:
    """The chat model in the folder `place`.

    Raises:
        ModelFolderError: a file is missing or damaged, or the base model is another one.
        MissingPackageError: what language models need is not installed.
        WeightsError: the base model is not on this machine.
    """
    require("A chat model", "transformers", "tokenizers", "peft")
    try:
        record = record_from(manifest["record"])
        expected = manifest["backbone"]["fingerprint"]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFolderError(
            f"{place / MANIFEST} is damaged ({error!r}): copy the folder again."
        ) from error
    if (place / WHOLE).is_dir():
        network = open_network(str(place / WHOLE))
    else:
        base = load_base(record.backbone, None, cache, progress or Silent())
        if fingerprint(base.network) != expected:
            raise ModelFolderError(
                f"{place} was fitted on another {record.backbone} than the one on this machine. Fit anew, "
                "or save "
                "the model whole with --merge where it was made."
            )
        network = _with_adapter(base.network, place / ADAPTER)
    network.to(device)
    decoder = decoder_for(network, content_key(place), cache, progress or Silent())
    return ChatModel(network, open_tokenizer(str(place / TOKENIZER)), decoder, record, cache)


def content_key(place: Path) -> str:
    """A digest of the weights in the model folder, and of the base's name."""
    digest = hashlib.blake2b(digest_size=12)
    for path in sorted([*place.glob(f"{ADAPTER}/*"), *place.glob(f"{WHOLE}/*")]):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while piece := file.read(2**22):
                digest.update(piece)
    return digest.hexdigest()


def _with_adapter(network: Any, folder: Path) -> Any:
    from peft import PeftModel

    try:
        with quiet_transformers():
            return PeftModel.from_pretrained(network, folder).merge_and_unload().eval()
    except Exception as error:
        raise ModelFolderError(
            f"{folder} cannot be read as an adapter: {error}. Copy the folder again."
        ) from error
