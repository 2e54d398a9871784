"""What a model folder holds; it is written beside its place and moved there when complete.

preseason.json       manifest, written last: format, labels, recipe, metrics, versions, ways
heads.safetensors    tensors of the fitted heads
known.safetensors    vectors of the known examples
world.safetensors    what training looked like to the frozen network, to notice another world
backbone/            the pretrained network; timm opens it; further ones in backbone-2/ and so on
finetuned/           the fine-tuned network, where blocks were trained; timm opens it
adapter/ tokenizer/  of a language model; model/ where the whole of it is kept (language/folder.py)
README.md            model card
report.html          what the fit found
"""

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from preseason.errors import ModelFolderError
from preseason.runtime.files import folder_beside

FORMAT = 2
"""Of manifests that are written; those of format 1 are read as well."""
MANIFEST, CARD, REPORT = "preseason.json", "README.md", "report.html"
HEADS, KNOWN, WORLD = "heads.safetensors", "known.safetensors", "world.safetensors"
BACKBONE, FINETUNED = "backbone", "finetuned"
ADAPTER, TOKENIZER, WHOLE = "adapter", "tokenizer", "model"
VERSION = "version"
"""Key of the manifest in a store: the folder beside it that holds the model."""
HOSTED = "hosted"
"""Key of the manifest of a model that lies with a service."""

OWN = {MANIFEST, HEADS, KNOWN, WORLD, CARD, REPORT, BACKBONE, FINETUNED, ADAPTER, TOKENIZER, WHOLE}
FURTHER = f"{BACKBONE}-"
"""How folders of further networks begin, whose number follows: the second lies in `backbone-2`."""
PATTERNS = [f"{name}{end}" for name in (*sorted(OWN), f"{FURTHER}*") for end in ("", "/*")]
"""Of everything that a model folder holds, as the Hugging Face hub's client takes them."""


def is_own(name: str) -> bool:
    """Whether a file or folder in a model folder belongs to the model, not to the user.

    Example:
        >>> is_own("heads.safetensors"), is_own("backbone-2"), is_own("notes.txt")
        (True, True, False)
    """
    return name in OWN or name.startswith(FURTHER)


def replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new folder, then put it in the place of `folder`; what the user added stays.

    Raises:
        ModelFolderError: the folder cannot be written, or holds something that is no model.
    """
    folder = folder.resolve()  # a link stays one: what it leads to is replaced
    refuse_other(folder)
    try:
        with folder_beside(folder) as part:
            write(part)
            _as_readable_as(part)
            _swap(part, folder)
    except OSError as error:
        raise ModelFolderError(
            f"The model cannot be written to {folder}: {error.strerror or error}. Free some space or name "
            "another folder; what was extracted and trained is kept."
        ) from error


def _as_readable_as(folder: Path) -> None:
    """Files are for those for whom their folder is: some libraries write for the user alone."""
    allowed = folder.stat().st_mode & 0o666
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(allowed)


def refuse_other(folder: Path) -> None:
    """Never replace a folder that holds other things than a model.

    Raises:
        ModelFolderError: `folder` is a file, or a folder with files and no manifest.
    """
    if folder.is_dir() and ((folder / MANIFEST).is_file() or not any(folder.iterdir())):
        return
    if folder.exists():
        raise ModelFolderError(
            (
                f"{folder} exists but is not a preseason model (it holds no {MANIFEST}): it will not "
                "be replaced. Choose another folder for the model."
            ),
            code="PS-M04",
        )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a model folder.

    Raises:
        ModelFolderError: absent, damaged, or of a newer format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelFolderError(
            (
                f"{folder} is not a preseason model: there is no {MANIFEST} in it. Name the folder "
                "that `fit` wrote."
            ),
            code="PS-M02",
        )
    try:
        manifest = json.loads(path.read_text("utf-8"))
        number = manifest["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFolderError(f"{path} is damaged: {error}. Copy the folder again, or fit anew.") from error
    if number not in range(1, FORMAT + 1):
        raise ModelFolderError(
            f"{folder} has format {number}; this preseason reads up to format {FORMAT}. Update preseason.",
            code="PS-M03",
        )
    checked: dict[str, Any] = manifest
    return checked


def _swap(part: Path, folder: Path) -> None:
    if not folder.exists():
        part.rename(folder)
        return
    old = folder.parent / f".{folder.name}.old-{uuid.uuid4().hex[:8]}"
    folder.rename(old)
    try:
        part.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    _keep_foreign(old, folder)
    shutil.rmtree(old, ignore_errors=True)


def _keep_foreign(old: Path, new: Path) -> None:
    """Files that the user put into the model folder stay in it."""
    for path in old.iterdir():
        if not is_own(path.name) and not (new / path.name).exists():
            path.rename(new / path.name)
