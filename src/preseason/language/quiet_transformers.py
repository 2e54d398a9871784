"""transformers without its own progress bars and hints; ours tell what a user needs."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """While it lasts, transformers draws nothing and logs errors only."""
    from transformers.utils import logging as untyped

    logging: Any = untyped

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # Hints to the programmer, e.g. on a read-only map that is copied right afterwards.
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
