"""Whether a weight hub can be reached, asked quickly, and what of it lies on this machine already."""

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit


def answers(url: str) -> bool:
    """Whether the server of `url` can be reached: one quick try, as the clients take a minute to give up.

    Behind a proxy it is taken to answer; with `HF_HUB_OFFLINE` set nothing is asked.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 443), timeout=5).close()
    except OSError:
        return False
    return True


def hugging_face_answers() -> bool:
    """Whether the Hugging Face hub can be reached."""
    from huggingface_hub import constants

    return answers(constants.ENDPOINT)


def torch_hub_file(name: str) -> Path:
    """Where torch's hub keeps the weight file `name`, whether it is there or not."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints" / name


def is_cached(repository: str, names: tuple[str, ...]) -> bool:
    """Whether one of the files lies in the Hugging Face hub's cache; its layout is a documented one."""
    caches = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    hub = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME", caches)) / "hub"
    folder = Path(hub).expanduser() / f"models--{repository.replace('/', '--')}" / "snapshots"
    return any(path.name in names for path in folder.glob("*/*"))


def hub_file(repository: str, name: str) -> Path:
    """A file of a repository in the Hugging Face hub's cache, loaded from the hub where it is not there.

    Raises:
        OSError: it is not there and the hub cannot be reached, or has no such file.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    there = try_to_load_from_cache(repository, name)
    if isinstance(there, str):
        return Path(there)
    if not hugging_face_answers():
        raise ConnectionError("the hub does not answer")
    return Path(hf_hub_download(repository, name))
