"""What the clock decided in a fit: written down at once, and read again, so that a fit has one outcome.

How many epochs fit into the time, and which ways are tried, depend on how busy a machine is. Each decision is
a small file beside the checkpoints of its fit; a fit that is taken up again finds them there, and one that
repeats a model gets those of its record.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from preseason.runtime.files import write_text

SUFFIX = ".decided.json"


def decided(folder: Path | None, name: str) -> Any | None:
    """What was decided under `name`, a plain value; None where nothing was, or no folder keeps decisions."""
    if folder is None:
        return None
    found = _read(_file(folder, name))
    return None if found is None else found["value"]


def decide(folder: Path | None, name: str, value: Any, elapsed_s: float = 0.0) -> None:
    """Write down `value`, a plain one; a disk that is full costs no more than the note.

    Args:
        elapsed_s: seconds of the fit until now.
    """
    if folder is not None:
        content = {"name": name, "value": value, "elapsed_s": round(elapsed_s, 3)}
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            write_text(_file(folder, name), json.dumps(content))


def all_decided(folder: Path) -> dict[str, Any]:
    """Everything that was decided in a fit, by name."""
    found = sorted(_contents(folder), key=lambda each: str(each["name"]))
    return {each["name"]: each["value"] for each in found}


def replay(folder: Path, decisions: Mapping[str, Any]) -> None:
    """Let a fit decide what another one did, where it has not decided itself."""
    for name, value in decisions.items():
        if decided(folder, name) is None:
            decide(folder, name, value)


def spent_s(folder: Path) -> float:
    """Seconds that a fit had taken at its last decision, before it was stopped; 0 where it is new."""
    return max((float(each["elapsed_s"]) for each in _contents(folder)), default=0.0)


def _file(folder: Path, name: str) -> Path:
    digest = hashlib.blake2b(name.encode(), digest_size=12).hexdigest()
    return folder / f"{digest}{SUFFIX}"


def _contents(folder: Path) -> list[dict[str, Any]]:
    return [found for path in sorted(folder.glob(f"*{SUFFIX}")) if (found := _read(path)) is not None]


def _read(path: Path) -> dict[str, Any] | None:
    """The decision in a file; None where there is none or it is damaged."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and {"name", "value", "elapsed_s"} <= content.keys() else None
