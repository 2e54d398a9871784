"""A language model that answers in a style, from its folder."""

from pathlib import Path
from typing import Any

from preseason.language.loading import load
from preseason.language.model import ChatModel
from preseason.models.loading import Where, kinds


def open_chat(place: Path, manifest: dict[str, Any], where: Where) -> ChatModel:
    """The model in a folder."""
    return load(place, manifest, where.cache, where.device, where.progress)


kinds.add("chat", open_chat)
