"""Transfer learning for sports analytics: pretrained model + few labelled examples = adapted model."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import preseason.threads  # noqa: F401  must come before torch is imported anywhere

if TYPE_CHECKING:
    from preseason.aftercare.comparing import compare
    from preseason.aftercare.labelling import suggest
    from preseason.aftercare.post_mortem import post_mortem
    from preseason.errors import PreseasonError
    from preseason.exporting.export import export
    from preseason.fitting import fit
    from preseason.loading import load
    from preseason.matches.spotting import spot
    from preseason.model import Model
    from preseason.reading import read
    from preseason.recipe import Recipe
    from preseason.scouting.scout import scout

__version__ = "0.1.0"
__all__ = [
    "Model", "PreseasonError", "Recipe", "compare", "export", "fit", "load", "post_mortem", "read",
    "scout", "spot", "suggest",
]  # fmt: skip

_HOMES = {
    "Model": "preseason.model",
    "PreseasonError": "preseason.errors",
    "Recipe": "preseason.recipe",
    "export": "preseason.exporting.export",
    "compare": "preseason.aftercare.comparing",
    "fit": "preseason.fitting",
    "load": "preseason.loading",
    "post_mortem": "preseason.aftercare.post_mortem",
    "read": "preseason.reading",
    "scout": "preseason.scouting.scout",
    "spot": "preseason.matches.spotting",
    "suggest": "preseason.aftercare.labelling",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that `import preseason` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'preseason' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
