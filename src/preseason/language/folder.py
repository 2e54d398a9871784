"""The saved chat model: manifest, adapter as peft writes it, tokenizer; the whole model where asked for.

preseason.json   manifest, written last: format, task, base model, record
adapter/         low-rank adapter: peft.PeftModel.from_pretrained(base, "MODEL/adapter")
model/           the whole model: transformers.AutoModelForCausalLM.from_pretrained("MODEL/model")
tokenizer/       with the chat template: transformers.AutoTokenizer.from_pretrained("MODEL/tokenizer")
README.md        model card, with the base model's terms        report.html   what the fit found
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preseason.language import gemma
from preseason.language.quiet_transformers import quiet_transformers
from preseason.language.record import TASK, record_values
from preseason.storage import ADAPTER, CARD, FORMAT, MANIFEST, REPORT, TOKENIZER, WHOLE, replace_folder

if TYPE_CHECKING:
    from preseason.language.model import ChatModel

HUB_NAMES = {gemma.NAME: "google/gemma-3-270m"}
"""What others call the base model; written into the adapter so that it names no folder of this machine."""


def save(
    model: "ChatModel", folder: Path, adapter: Path | None, pages: Callable[[Path], None] | None = None
) -> None:
    """Write the model folder; what was there is replaced when the new one is complete.

    Args:
        adapter: folder of the adapter that is saved in place of the whole network; None saves that.
        pages: writes card and report into the folder it is given; without it those there are kept.

    Raises:
        ModelFolderError: the folder cannot be written, or holds something that is no model.
    """

    def write(part: Path) -> None:
        if pages is not None:
            pages(part)
        else:
            for name in (CARD, REPORT):
                if (folder / name).is_file():
                    shutil.copy2(folder / name, part / name)
        with quiet_transformers():
            model.tokenizer.save_pretrained(part / TOKENIZER)
            if adapter is None:
                model.network.save_pretrained(part / WHOLE)
        if adapter is not None:
            shutil.copytree(adapter, part / ADAPTER)
        manifest = {
            "format": FORMAT,
            "task": TASK,
            "labels": [],
            "backbone": {"name": model.record.backbone, "fingerprint": fingerprint(model.network)},
            "record": record_values(model.record),
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
        (part / MANIFEST).write_text(text, "utf-8")

    replace_folder(folder, write)


def save_adapter(adapted: Any, name: str, folder: Path) -> None:
    """Write the adapter of a peft model as peft does, naming the base as `name`."""
    with quiet_transformers():
        adapted.save_pretrained(folder, save_embedding_layers=False)
    path = folder / "adapter_config.json"
    settings = json.loads(path.read_text("utf-8"))
    settings["base_model_name_or_path"] = HUB_NAMES.get(name, name)
    path.write_text(json.dumps(settings, indent=2, sort_keys=True), "utf-8")
    # peft's own card is an empty form that names the folder of the base.
    (folder / "README.md").unlink(missing_ok=True)


def fingerprint(network: Any) -> str:
    """A digest of the network's first words' embeddings: no adapter changes them."""
    rows = network.get_input_embeddings().weight[:64].detach().float().cpu().numpy()
    return hashlib.blake2b(rows.tobytes(), digest_size=12).hexdigest()
