"""Whether a weight hub can be reached, asked quickly."""

import os
import socket
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
