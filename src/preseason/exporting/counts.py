"""Ways that read words or motion and no network, as a file of arrays: there is no graph of them."""

from pathlib import Path
from typing import Any

import numpy as np

from preseason.exporting.graphs import Stage
from preseason.inference.heads.abstaining import AbstainingHead
from preseason.inference.heads.moods import MoodHead
from preseason.inference.heads.tfidf import TfidfHead


def write_counts(stage: Stage, path: Path) -> None:
    """Words and weights of all members of each way; `run_texts.Counted`, `read_motion.Reader` read them."""
    arrays: dict[str, Any] = {}
    for way, fitted in stage.candidates:
        arrays |= {f"{way}.temperature": fitted.temperature, f"{way}.members": len(fitted.fold_models)}
        for number, fold_model in enumerate(fitted.fold_models):
            assert isinstance(fold_model, AbstainingHead | MoodHead | TfidfHead)
            own = fold_model.state().arrays
            arrays |= {f"{way}.{number}.{name}": array for name, array in own.items()}
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
