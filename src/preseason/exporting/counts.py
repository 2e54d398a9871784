"""Ways that count words, as a file of arrays: they read no network, so there is no graph of them."""

from pathlib import Path
from typing import Any

import numpy as np

from preseason.exporting.graphs import Stage
from preseason.heads.tfidf import TfidfHead


def write_counts(stage: Stage, path: Path) -> None:
    """The n-grams and weights of all members; `run_texts.Counted` reads them."""
    (_, fitted), *_ = stage.candidates
    arrays: dict[str, Any] = {"temperature": fitted.temperature, "members": len(fitted.members)}
    for number, member in enumerate(fitted.members):
        assert isinstance(member, TfidfHead)
        arrays |= {f"{number}.{name}": array for name, array in member.state().arrays.items()}
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
