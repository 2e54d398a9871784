"""Transfer learning for sports analytics: pretrained model + few labelled examples = adapted model."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import preseason.runtime.threads  # noqa: F401  must come before torch is imported anywhere

if TYPE_CHECKING:
    from preseason.analysis.active_learning import suggest
    from preseason.analysis.compare import compare
    from preseason.analysis.error_analysis import post_mortem
    from preseason.data.given import dataset
    from preseason.errors import PreseasonError
    from preseason.experiments.mlflow import MLflow
    from preseason.experiments.tensorboard import TensorBoard
    from preseason.exporting.export import export
    from preseason.fitting.fit import fit
    from preseason.models.classifier import Model
    from preseason.models.loading import load
    from preseason.recipe import Recipe
    from preseason.report.prelabelled import prelabel
    from preseason.runtime.callbacks import Callback
    from preseason.spotting.spotting import spot
    from preseason.tasks.reading import read
    from preseason.transferability.scout import scout

__version__ = "0.1.0"
__all__ = [
    "Callback", "MLflow", "Model", "PreseasonError", "Recipe", "TensorBoard", "compare", "dataset", "export",
    "fit", "load", "post_mortem", "prelabel", "read", "scout", "spot", "suggest",
]  # fmt: skip

_HOMES = {
    "Callback": "preseason.runtime.callbacks",
    "MLflow": "preseason.experiments.mlflow",
    "Model": "preseason.models.classifier",
    "PreseasonError": "preseason.errors",
    "Recipe": "preseason.recipe",
    "TensorBoard": "preseason.experiments.tensorboard",
    "compare": "preseason.analysis.compare",
    "dataset": "preseason.data.given",
    "export": "preseason.exporting.export",
    "fit": "preseason.fitting.fit",
    "load": "preseason.models.loading",
    "post_mortem": "preseason.analysis.error_analysis",
    "prelabel": "preseason.report.prelabelled",
    "read": "preseason.tasks.reading",
    "scout": "preseason.transferability.scout",
    "spot": "preseason.spotting.spotting",
    "suggest": "preseason.analysis.active_learning",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that `import preseason` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'preseason' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
