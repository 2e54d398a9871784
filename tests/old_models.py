"""Model folders of old formats, put together from text: the weights are drawn from a seed, never stored.

What is stored (`tests/fixtures/*.json`) is the manifest as the old version wrote it, the shape of every
tensor, and what the old version answered to drawn examples. `tests/fixtures/record.py` wrote it.
"""

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file

import movies

FIXTURES = Path(__file__).parent / "fixtures"
TEXTS = ("great goal", "awful referee, the team was awful", "what a match", "win the ball and lose it")


def recorded(task: str) -> dict[str, dict[str, Any]]:
    """What is stored of a task's models, by the way that they were fitted in."""
    found = json.loads((FIXTURES / f"{task}_format_1.json").read_text("utf-8"))
    shared = found["backbone"]
    return {
        way: {**model, **{key: {**model[key], **shared[key]} for key in shared}}
        for way, model in found["models"].items()
    }


def asked(task: str, folder: Path) -> list[str]:
    """The examples that every model of a task is asked about."""
    if task == "texts":
        return list(TEXTS)
    write = photos if task == "photos" else clips
    return [str(path) for path in write(folder / "new", 3, 900)]


def write_folder(stored: dict[str, Any], folder: Path) -> Path:
    """The model folder that `stored` tells of."""
    for name, text in stored["files"].items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for name, tensors in stored["tensors"].items():
        drawn = {key: tensor(f"{name}/{key}", facts) for key, facts in tensors.items()}
        save_file(drawn, folder / name, metadata={"format": "pt"})
    folder.joinpath("preseason.json").write_text(json.dumps(stored["manifest"]), "utf-8")
    return folder


def facts_of(array: NDArray[Any]) -> dict[str, Any]:
    """Type and shape of an array, and its values where they are whole numbers, or as few as settings are."""
    facts: dict[str, Any] = {"dtype": str(array.dtype), "shape": list(array.shape)}
    drawn = array.dtype.kind == "f" and array.size > 4
    return facts if drawn else {**facts, "values": array.ravel().tolist()}


def tensor(name: str, facts: dict[str, Any]) -> NDArray[Any]:
    """The array that `facts` tells of: values of ordinary size, the same for the same name."""
    shape, kind = facts["shape"], np.dtype(facts["dtype"])
    if "values" in facts:
        return np.array(facts["values"], kind).reshape(shape)
    drawn = np.random.default_rng(crc32(name.encode())).normal(size=shape)
    last = name.rsplit(".", 1)[-1]
    if last in ("running_var", "scale", "deviation"):
        drawn = 1 + 0.1 * np.abs(drawn)
    elif len(shape) > 1:
        drawn = drawn / np.sqrt(np.prod(shape[1:]))
    else:
        drawn = 0.1 * drawn + (last == "weight")
    return np.ascontiguousarray(drawn, kind)


def photos(folder: Path, count: int, first: int = 0) -> list[Path]:
    """Pictures of drawn blocks of colour, PNG, so that every reader sees the same pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(first, first + count)]
    for number, path in enumerate(paths, start=first):
        Image.fromarray(blocks(number)).save(path)
    return paths


def clips(folder: Path, count: int, first: int = 0) -> list[Path]:
    """Ten frames each of drawn blocks of colour that change, encoded without loss."""
    return [
        movies.write(folder / f"{number}.mkv", [blocks(10 * number + at) for at in range(10)], "ffv1")
        for number in range(first, first + count)
    ]


def blocks(number: int) -> NDArray[np.uint8]:
    """The picture of that number, uint8 [96, 120, 3]."""
    drawn = np.random.default_rng(number).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    return np.kron(drawn, np.ones((12, 12, 1), np.uint8))
