"""Answers of an exported model: Python with numpy, Pillow and onnxruntime (or openvino) is all it needs.

    python run.py PHOTO... [--json]

or from a program of your own, with this folder on its path:

    from run import Exported
    Exported("FOLDER").predict("photo.jpg")

The folder holds exported.json (settings), known.npz (vectors) and one graph for each pass over the
photo. A graph takes looks uint8 [n, looks, side, side, 3] (RGB squares cut out of the photo) and gives
probabilities; what stands here is how the looks are cut out, where the closer ones lie, and how the answers
are put together. It was written by `preseason export` and needs nothing of preseason.
"""

import argparse
import hashlib
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin
from PIL.Image import Resampling, Transpose

Array = np.ndarray[Any, np.dtype[Any]]
Box = tuple[float, float, float, float]
"""x0 y0 x1 y1 in units of the whole photo, y downwards; x1 < x0 means mirrored."""
Engine = Callable[[dict[str, Array]], dict[str, Array]]

FORMATS = ("PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
PIXEL_LIMIT = 180_000_000
LARGEST_SIDE = 1600
TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"}
TURNS |= {6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}
CELLS, NEAR_PEAK = 14, 0.97
FIRST_SIDES, SECOND_SIDES = (0.36, 0.24), (0.30,)


class Exported:
    """An exported model, ready to answer.

    Attributes:
        settings: what exported.json holds.
        labels: names of the classes, in the order of the probabilities.
    """

    def __init__(self, folder: "str | Path") -> None:
        place = Path(folder)
        self.settings: dict[str, Any] = json.loads((place / "exported.json").read_text("utf-8"))
        self.labels: list[str] = self.settings["labels"]
        with np.load(place / "known.npz", allow_pickle=False) as known:
            self.known = {name: known[name] for name in known.files}
        self.engines = [engine(place / stage["file"], stage["outputs"]) for stage in self.settings["stages"]]

    def predict(self, path: "str | Path") -> dict[str, Any]:
        """The answer to one photo: label, probability, unknown, and the probability of each label.

        Raises:
            ValueError: it is no photo that can be decoded.
            OSError: it cannot be read.
        """
        chances, distance = self.judge(Path(path).read_bytes())
        best = int(chances.argmax())
        return {
            "input": str(path),
            "label": self.labels[best],
            "probability": float(chances[best]),
            "unknown": bool(distance > self.settings["threshold"]),
            "probabilities": dict(zip(self.labels, chances.tolist(), strict=True)),
        }

    def judge(self, data: bytes) -> tuple[Array, float]:
        """Probabilities float32 [classes] of a photo's file, and how unlike every known example it is."""
        found: dict[str, Array] = {}
        for stage, run in zip(self.settings["stages"], self.engines, strict=True):
            found |= run(inputs(data, stage, found))
        return self._together(found)

    def _together(self, found: dict[str, Array]) -> tuple[Array, float]:
        network = sharpened([found[name] for name in self.settings["kept"]], self.settings["temperature"])
        known = self.known
        vectors = (found["embedding"] - known["centre"]) @ known["directions"]
        logits = vectors @ known["weight"] + known["bias"]
        own = network[:, self.settings["columns"]]
        own = own / np.maximum(own.sum(axis=1, keepdims=True), 1e-9)
        new = softmax(logits)[:, own.shape[1] :]
        chances = np.concatenate([own * (1 - new.sum(axis=1, keepdims=True)), new], axis=1)
        return chances[0], float(strangeness(self.settings["score"], known, vectors, logits)[0])


def inputs(data: bytes, stage: dict[str, Any], found: dict[str, Array]) -> dict[str, Array]:
    """What a stage's graph takes for a photo's file, with the outputs `found` by earlier stages."""
    seed = int(hashlib.blake2b(digest(data).encode(), digest_size=4).hexdigest(), 16)
    boxes = stage["looks"] or windows(found[stage["looks_from"]][0], stage["parts"], seed)
    given = {"pictures": looks(data, boxes, stage["size"])[None]}
    return given | ({"before": found[stage["before"]]} if stage["before"] else {})


def engine(path: Path, outputs: Sequence[str]) -> Engine:
    """What runs the graph at `path` and names its `outputs`: openvino for .xml, onnxruntime for .onnx."""
    if path.suffix == ".xml":
        # Its telemetry, where it is installed, would call home.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return lambda given: {n: np.array(v) for n, v in zip(outputs, compiled(given).values(), strict=True)}
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda given: dict(zip(outputs, session.run(list(outputs), given), strict=True))


def digest(data: bytes) -> str:
    """What names a photo by its content: it seeds the shifts of the closer looks."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def looks(data: bytes, boxes: Sequence[Box], size: int) -> Array:
    """Regions of the photo in a file, uint8 [boxes, size, size, 3]."""
    narrowest = min(min(abs(x1 - x0), y1 - y0) for x0, y0, x1, y1 in boxes)
    picture = Image.fromarray(decode(data, min(LARGEST_SIDE, round(1.5 * size / narrowest))))
    return np.stack([cut_out(picture, box, size) for box in boxes])


def cut_out(picture: Image.Image, box: Box, size: int) -> Array:
    """A region resized to uint8 [size, size, 3], mirrored where the box is."""
    x0, y0, x1, y1 = box
    left, right = sorted((x0, x1))
    corners = (left * picture.width, y0 * picture.height, right * picture.width, y1 * picture.height)
    square = np.asarray(picture.resize((size, size), Resampling.BILINEAR, box=corners, reducing_gap=2.0))
    return square[:, ::-1] if x1 < x0 else square


def decode(data: bytes, longest_side: int) -> Array:
    """A photo as uint8 [h, w, 3], RGB, the right way up, no larger than `longest_side`.

    Raises:
        ValueError: it is no photo, is damaged, or has too many pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decoded(data, longest_side)
    except Exception as error:  # Pillow lets out nearly every type on damaged files
        raise ValueError(f"it cannot be decoded ({str(error) or type(error).__name__})") from error


def _decoded(data: bytes, longest_side: int) -> Array:
    with _opened(data) as image:
        _shorten(image, longest_side)
        if image.width * image.height > PIXEL_LIMIT:
            raise ValueError(f"{image.width} x {image.height} pixels are too many")
        image.load()
        shown = _on_white(_shrunk(_eight_bit(image), longest_side))
        turn = TURNS.get(_orientation(image))
        return np.array(shown.transpose(Transpose[turn]) if turn else shown, np.uint8)


def _opened(data: bytes) -> ImageFile.ImageFile:
    Image.MAX_IMAGE_PIXELS = None
    if data[:3] == b"\xff\xd8\xff":
        return JpegImagePlugin.JpegImageFile(BytesIO(data))
    return Image.open(BytesIO(data), formats=FORMATS)


def _shorten(image: ImageFile.ImageFile, longest_side: int) -> None:
    """Let a large JPEG be decoded at 1/2, 1/4 or 1/8 of its size."""
    scale = 2 * longest_side / max(image.size)
    if image.format == "JPEG" and scale < 1:
        image.draft(image.mode, (math.ceil(image.width * scale), math.ceil(image.height * scale)))


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep(image)
    if image.mode in ("PA", "La", "RGBa", "LA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "RGBA", "CMYK") else image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey to 8 bit."""
    values = np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    least, largest = float(values.min()), float(values.max())
    full = next((top for top in (255.0, 4095.0, 65535.0) if largest <= top), None)
    if image.mode == "F" or least < 0 or full is None:
        values, full = values - least, max(largest - least, 1e-12)
    return Image.fromarray(np.rint(values * (255.0 / full)).clip(0, 255).astype(np.uint8))


def _shrunk(image: Image.Image, longest_side: int) -> Image.Image:
    if max(image.size) <= longest_side:
        return image
    scale = longest_side / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Resampling.BICUBIC, reducing_gap=3.0)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # a damaged EXIF block counts as upright
        return 1
    return value if isinstance(value, int) else 1


def windows(focus: Array, regions: Sequence[Box], seed: int) -> list[Box]:
    """Windows on the two peaks of a photo's attention [parts], each plain and shifted and mirrored."""
    heat = _smooth(_heat_map(focus, regions))
    rng = np.random.default_rng(seed)
    found: list[Box] = []
    for sides in (FIRST_SIDES, SECOND_SIDES):
        x, y = _peak(heat)
        for side in sides:
            found += [_square(x, y, side), _mirrored(_shifted(x, y, side, rng))]
        row, column = int(y * CELLS), int(x * CELLS)
        heat[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = -1
    return found


def _heat_map(focus: Array, regions: Sequence[Box]) -> Array:
    heat = np.zeros((CELLS, CELLS))
    for weight, (x0, y0, x1, y1) in zip(focus, regions, strict=True):
        if x1 - x0 < 1 or y1 - y0 < 1:
            rows = slice(round(y0 * CELLS), max(round(y1 * CELLS), round(y0 * CELLS) + 1))
            columns = slice(round(x0 * CELLS), max(round(x1 * CELLS), round(x0 * CELLS) + 1))
            heat[rows, columns] += weight / heat[rows, columns].size
    return heat


def _smooth(heat: Array) -> Array:
    """Mean of each cell and its neighbours."""
    padded = np.pad(heat, 1, mode="edge")
    over = [padded[y : y + CELLS] for y in range(3)]
    return np.asarray(np.mean([row[:, x : x + CELLS] for row in over for x in range(3)], axis=0))


def _peak(heat: Array) -> tuple[float, float]:
    rows, columns = np.nonzero(heat >= NEAR_PEAK * heat.max() if heat.max() > 0 else heat >= 0)
    return (float(columns.mean()) + 0.5) / CELLS, (float(rows.mean()) + 0.5) / CELLS


def _square(x: float, y: float, side: float) -> Box:
    x0, y0 = (float(np.clip(centre - side / 2, 0, 1 - side)) for centre in (x, y))
    return round(x0, 4), round(y0, 4), round(x0 + side, 4), round(y0 + side, 4)


def _shifted(x: float, y: float, side: float, rng: np.random.Generator) -> Box:
    other = side * float(rng.uniform(0.8, 1.25))
    dx, dy = rng.uniform(-0.12, 0.12, 2) * other
    return _square(x + float(dx), y + float(dy), other)


def _mirrored(box: Box) -> Box:
    x0, y0, x1, y1 = box
    return x1, y0, x0, y1


def sharpened(each: Sequence[Array], temperature: float) -> Array:
    """The ways' probabilities [n, c] averaged (geometric mean) and calibrated."""
    logs = np.mean([np.log(np.maximum(p, 1e-9)) for p in each], axis=0)
    means = np.exp(logs - logs.max(axis=1, keepdims=True))
    means = means / means.sum(axis=1, keepdims=True)
    powered = np.maximum(means, 1e-12) ** np.float32(1 / temperature)
    return np.asarray(powered / powered.sum(axis=1, keepdims=True))


def softmax(logits: Array) -> Array:
    """Probabilities of logits [n, c]."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def strangeness(score: str, known: dict[str, Array], vectors: Array, logits: Array) -> Array:
    """How unlike every known example vectors [n, d] are, float [n]."""
    if score == "max-softmax":
        return np.asarray(1 - softmax(logits).max(axis=1))
    if score == "energy":
        peak = logits.max(axis=1)
        return np.asarray(-peak - np.log(np.exp(logits - peak[:, None]).sum(axis=1)))
    centred = vectors - known["scorer.centre"]
    if score == "neighbours":
        length = np.linalg.norm(centred, axis=1, keepdims=True) + 1e-12
        likeness = np.sort(centred / length @ known["scorer.references"].T, axis=1)
        return np.asarray(1 - likeness[:, -int(known["scorer.neighbours"][0])])
    apart = (centred @ known["scorer.whiten"])[:, None] - known["scorer.means"]
    return np.asarray(np.sqrt((apart**2).sum(axis=2).min(axis=1)))


def files(paths: Sequence[str]) -> Iterator[Path]:
    """The files named, and those in the folders named, in order."""
    for path in map(Path, paths):
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Answer the photos named; 3 where none of them could be read."""
    parser = argparse.ArgumentParser(description="Name what is on photos.")
    parser.add_argument("paths", nargs="+", help="photos, or folders of photos")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    folder = Path(__file__).parent
    model, answers, skipped = Exported(folder), [], []
    for path in files(given.paths):
        try:
            answers.append(model.predict(path))
        except (ValueError, OSError) as error:
            skipped.append({"path": str(path), "reason": str(error)})
    if given.json:
        print(json.dumps({"model": str(folder), "predictions": answers, "skipped": skipped}, indent=2))
    for answer in () if given.json else answers:
        sure = " (unknown)" if answer["unknown"] else ""
        print(f"{answer['input']}: {answer['label']} {100 * answer['probability']:.1f} %{sure}")
    for left in () if given.json else skipped:
        print(f"{left['path']}: left out: {left['reason']}", file=sys.stderr)
    return 3 if skipped and not answers else 0


if __name__ == "__main__":
    sys.exit(main())
