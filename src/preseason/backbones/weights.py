"""Reading weight files without running code from them, and fitting their keys to a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from preseason.errors import WeightsError, first_line

FILE_NAMES = ("model.safetensors", "pytorch_model.safetensors", "pytorch_model.bin", "model.pth", "model.pt")
"""What is looked for in a folder, in this order."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Named tensors of a safetensors, .pth, .pt or .bin file, or of a folder that holds one.

    Raises:
        WeightsError: absent, damaged, or a file that holds more than tensors.
    """
    file = _find(path)
    try:
        content = _read(file)
    except Exception as error:
        raise WeightsError(
            f"{file} cannot be read as weights: {first_line(error)}. Expected a .safetensors file or a "
            "PyTorch file that holds tensors only."
        ) from error
    tensors = _tensors_of(content)
    if not tensors:
        raise WeightsError(f"{file} holds no tensors. Expected a state dict of the network.")
    return tensors


def load_into(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Copy `tensors` into `network`; its classifier may be absent or of another size, and is zero then.

    Zero rather than random: the digest of the same weights must be the same in every run.

    Raises:
        WeightsError: other keys or shapes than the network's.
    """
    own = network.state_dict()
    classifier = _classifier_prefixes(network)
    fitting = {key: value for key, value in tensors.items() if key in own and own[key].shape == value.shape}
    absent = [
        key
        for key in own
        if key not in fitting and not key.startswith(classifier) and not key.endswith("num_batches_tracked")
    ]
    if absent:
        raise WeightsError(
            f"{where} does not fit {type(network).__name__}: {len(absent)} of {len(own)} tensors are absent "
            f"or of another shape, e.g. {absent[0]}. The file begins with {next(iter(tensors), 'nothing')}. "
            "Check that --backbone names the network the file was made for."
        )
    unset = {key: torch.zeros_like(own[key]) for key in own if key not in fitting}
    network.load_state_dict(unset | fitting)


def load_in_order(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Copy `tensors` into `network` by position, for files whose keys differ but whose order is the same.

    Raises:
        WeightsError: a shape differs.
    """
    own = network.state_dict()
    pairs = list(zip(own.items(), tensors.values(), strict=False))
    if len(own) != len(tensors) or any(mine.shape != given.shape for (_, mine), given in pairs):
        raise WeightsError(f"{where} does not fit {type(network).__name__}: other tensors than expected.")
    network.load_state_dict({key: given for (key, _), given in pairs})


def _find(path: Path) -> Path:
    if path.is_file():
        return path
    for name in FILE_NAMES:
        if (path / name).is_file():
            return path / name
    found = sorted(path.glob("*.safetensors")) if path.is_dir() else []
    if len(found) == 1:
        return found[0]
    if not path.exists():
        raise WeightsError(f"There is no weight file {path}.", code="PS-W02")
    raise WeightsError(f"{path} holds no weights. Expected one of {', '.join(FILE_NAMES)}.")


def _read(file: Path) -> Any:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(file)
    return torch.load(file, map_location="cpu", weights_only=True)


def _tensors_of(content: Any) -> dict[str, Tensor]:
    for wrapper in ("state_dict_ema", "model_ema", "state_dict", "model_state", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        return {}
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    return {key.removeprefix("module."): value for key, value in tensors.items()}


def _classifier_prefixes(network: nn.Module) -> tuple[str, ...]:
    config = getattr(network, "default_cfg", None) or getattr(network, "pretrained_cfg", {})
    names = config.get("classifier", ())
    return (names,) if isinstance(names, str) else tuple(names or ())
