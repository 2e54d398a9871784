"""Ways that count words, as a file of arrays: they read no network, so there is no graph of them."""

from pathlib import Path
from typing import Any

import numpy as np

from preseason.exporting.graphs import Stage
from preseason.inference.heads.tfidf import TfidfHead


def write_counts(stage: Stage, path: Path) -> None:
    """The n-grams and weights of all members; `run_texts.Counted` reads them."""
    (_, fitted), *_ = stage.candidates
    arrays: dict[str, Any] = {"temperature": fitted.temperature, "members": len(fitted.fold_models)}
    for number, fold_model in enumerate(fitted.fold_models):
        assert isinstance(fold_model, TfidfHead)
        arrays |= {f"{number}.{name}": array for name, array in fold_model.state().arrays.items()}
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
