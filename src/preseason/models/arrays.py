"""Arrays of a model folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from preseason.errors import ModelFolderError


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays in a safetensors file, by name.

    Raises:
        ModelFolderError: it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays: dict[str, NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFolderError(
            f"{path} cannot be read: {error}. Copy the folder again, or fit anew."
        ) from error
    return arrays


def below(tensors: dict[str, NDArray[Any]], prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Arrays whose names begin with `prefix`, without it."""
    for name, array in tensors.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), array
