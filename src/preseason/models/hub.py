"""Model folders on the Hugging Face hub: `hf://USER/NAME` stands for one of them."""

import re
from pathlib import Path
from typing import Any

from preseason.errors import ModelFolderError, UsageError, WeightsError, first_line
from preseason.storage import MANIFEST, PATTERNS, REPORT, read_manifest

SCHEME = "hf://"
NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


def is_on_hub(model: str | Path) -> bool:
    """Whether a model is named by its place on the hub.

    Example:
        >>> is_on_hub("hf://anna/players"), is_on_hub("players")
        (True, False)
    """
    return str(model).startswith(SCHEME)


def fetch(address: str) -> Path:
    """The model folder at `hf://USER/NAME` or `hf://USER/NAME@REVISION`, in the hub's own cache.

    A version that was fetched before is used where the hub cannot be reached.

    Raises:
        UsageError: it is no such address.
        WeightsError: it was never fetched and the hub cannot be reached, or has no such repository.
        ModelFolderError: the repository holds no model of preseason.
    """
    from huggingface_hub import snapshot_download

    found = NAME.fullmatch(address.removeprefix(SCHEME))
    if found is None:
        raise UsageError(
            f"{address} is no address of a model: expected hf://USER/NAME, or hf://USER/NAME@REVISION."
        )
    try:
        folder = snapshot_download(found["repository"], revision=found["revision"], allow_patterns=PATTERNS)
    except Exception as error:
        raise WeightsError(
            f"{address} cannot be fetched: {first_line(error)}. Check the name and the connection; a "
            "private model needs a token (`hf auth login`, or HF_TOKEN).",
            code="PS-N02",
        ) from error
    if not (Path(folder) / MANIFEST).is_file():
        raise ModelFolderError(f"{address} holds no {MANIFEST}: it is no model of preseason.")
    return Path(folder)


def push(folder: Path, repository: str, *, private: bool = False, with_report: bool = False) -> str:
    """Put a model folder on the hub, and make the repository where there is none.

    Args:
        folder: a saved model.
        repository: `USER/NAME`.
        private: whether a new repository can be seen by its owner alone.
        with_report: whether the report goes along; it shows pictures and names of training examples.

    Returns:
        The address of what was pushed, `hf://USER/NAME`.

    Raises:
        UsageError: the name cannot be one of a repository.
        ModelFolderError: `folder` is no model.
        WeightsError: the hub cannot be reached or refuses.
    """
    from huggingface_hub import HfApi

    read_manifest(folder)
    found = NAME.fullmatch(repository.removeprefix(SCHEME))
    if found is None or found["revision"]:
        raise UsageError(f"{repository!r} is no name on the hub: expected USER/NAME.")
    left: dict[str, Any] = {} if with_report else {"ignore_patterns": [REPORT]}
    hub = HfApi()
    try:
        hub.create_repo(found["repository"], private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=found["repository"], folder_path=folder, allow_patterns=PATTERNS,
            commit_message="A model of preseason", **left,
        )  # fmt: skip
    except Exception as error:
        raise WeightsError(
            f"{repository} cannot be written on the hub: {first_line(error)}. Log in with a token that may "
            "write (`hf auth login`, or HF_TOKEN).",
            code="PS-N02",
        ) from error
    return SCHEME + found["repository"]
