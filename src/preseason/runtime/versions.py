"""What a result was computed with."""

import platform
import sys
from importlib.metadata import version


def versions_of(*libraries: str) -> dict[str, str]:
    """Versions of Python, preseason and the libraries whose arithmetic answers rest on."""
    named = {"python": platform.python_version(), "platform": sys.platform}
    return named | {name: version(name) for name in ("preseason", *libraries)}
