"""Pretrained networks: what exists, where the weights are, and how a network falls into blocks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from preseason.backbones.catalogue import listing
    from preseason.backbones.folder import backbone_facts, load_network, save_network
    from preseason.backbones.loading import exists, load

__all__ = ["backbone_facts", "exists", "listing", "load", "load_network", "save_network"]

_HOMES = {
    "backbone_facts": "folder",
    "exists": "loading",
    "listing": "catalogue",
    "load": "loading",
    "load_network": "folder",
    "save_network": "folder",
}


def __getattr__(name: str) -> Any:
    """What needs torch is imported when it is first used: an answer may need no network but the converted."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
