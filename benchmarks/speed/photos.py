"""Speed and size of the road for photos: `python benchmarks/speed/photos.py DATA [--only fit,engine]`.

DATA is a folder with one folder of photos for each label. Everything is computed in a fresh cache. Ratios are
taken within one run, so that other work on the machine falls on both sides.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from limits import EMBEDDED, against_torch, decode_only_s, engine_only_s, frozen_orders
from noisy import noisy_copies, photos_in
from peaks import PEAK

import preseason
from preseason import backbones
from preseason.engine.upkeep import usage
from preseason.tasks.reading import read

SETTINGS = {"unfreeze": 0, "budget_s": "24h"}
READING = "reading through the network"
SCRATCH = "baseline with random weights"
Figures = dict[str, Any]

CHILD = f"""{PEAK}
import json, sys, time
import preseason

begin = time.monotonic()
model = preseason.fit(sys.argv[1], cache=sys.argv[2], head=sys.argv[3], unfreeze=0, budget_s="24h")
over.set()
print(json.dumps(dict(seconds=time.monotonic() - begin, peak_anonymous_mb=peak[0] / 1000)))
"""


def fit(data: Path, work: Path, head: str) -> Figures:
    """Wall time of a fit without tail fine-tuning, over the slower of decoding only and engine only."""
    cache = work / "fit-cache"
    begin = time.perf_counter()
    model = preseason.fit(data, work / "model", cache=str(cache), head=head, **SETTINGS)
    wall = time.perf_counter() - begin
    samples = read(data).dataset.samples
    decode = engine = 0.0
    for spec, orders in frozen_orders(samples, head):
        decode += decode_only_s(spec, orders)
        engine += engine_only_s(backbones.load(EMBEDDED), spec, len(orders), cache)
    stages = model.record.seconds
    limit = max(decode, engine)
    return {
        "photos": len(samples),
        "fit_s": wall,
        "decode_only_s": decode,
        "engine_only_s": engine,
        "fit_over_limit": wall / limit,
        "fit_without_scratch_over_limit": (wall - stages.get(SCRATCH, 0.0)) / limit,
        "reading_over_limit": stages[READING] / limit,
        "stages_s": {name: round(seconds, 2) for name, seconds in stages.items()},
        "accuracy": model.record.score.value,
    }


def engine(data: Path, work: Path, head: str) -> Figures:
    """The engine against eager torch, same weights and outputs."""
    return against_torch(work / "engine-cache")


def again(data: Path, work: Path, head: str) -> Figures:
    """The first fit without one photo, then a second fit with it: what is computed again."""
    copy, cache = work / "again", work / "again-cache"
    photos = photos_in(data)
    for path in photos[:-1]:
        _copy(path, copy)
    first = _timed(lambda: preseason.fit(copy, cache=str(cache), head=head, **SETTINGS))
    before = sum(shelf.rows for shelf in usage(cache))
    _copy(photos[-1], copy)
    second = _timed(lambda: preseason.fit(copy, cache=str(cache), head=head, **SETTINGS))
    rows = sum(shelf.rows for shelf in usage(cache)) - before
    return {
        "photos": len(photos),
        "first_fit_s": first,
        "second_fit_s": second,
        "second_over_first": second / first,
        "rows_computed_again": rows,
    }


def add(data: Path, work: Path, head: str) -> Figures:
    """A new label from five photos, beyond loading the model."""
    new = noisy_copies(data, work / "new", 5)
    place, cache = _model(data, work, head)
    begin = time.perf_counter()
    model = preseason.load(place, cache=cache)
    loaded = time.perf_counter()
    larger, _ = model.add("someone new", new)
    added = time.perf_counter()
    larger.save(work / "larger")
    return {
        "load_s": loaded - begin,
        "add_s": added - loaded,
        "save_s": time.perf_counter() - added,
    }


def predict(data: Path, work: Path, head: str) -> Figures:
    """One photo and a thousand, that the bank does not know, after loading; then one more when warm."""
    photos = noisy_copies(data, work / "thousand", 1002)
    files = [str(path) for path in photos_in(photos)]
    place, cache = _model(data, work, head)
    model = preseason.load(place, cache=cache)
    one = _timed(lambda: model.predict(files[0]))
    warm = _timed(lambda: model.predict(files[1]))
    many = _timed(lambda: model.predict(*files[2:]))
    command = [sys.executable, "-m", "preseason", "predict", str(place), files[0], "-q", "--cache", cache]
    cli = _timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    return {
        "one_s": one,
        "one_when_warm_s": warm,
        "thousand_s": many,
        "photos_per_s": 1000 / many,
        "command_line_one_s": cli,
    }


def memory(data: Path, work: Path, head: str, sizes: tuple[int, ...] = (500, 20_000)) -> Figures:
    """Bytes of the bank and peak memory (anonymous pages, Linux) of a fit, few photos and many."""
    found: Figures = {}
    for size in sizes:
        photos, cache = noisy_copies(data, work / f"noisy-{size}", size), work / f"cache-{size}"
        command = [sys.executable, "-c", CHILD, str(photos), str(cache), head]
        shown = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        figures = json.loads(shown.splitlines()[-1])
        figures["bank_mb"] = sum(shelf.bytes for shelf in usage(cache)) / 1e6
        figures["bank_kb_per_photo"] = 1000 * figures["bank_mb"] / size
        found |= {f"{size}: {name}": value for name, value in figures.items()}
        shutil.rmtree(cache)
    few, many = (found[f"{size}: peak_anonymous_mb"] for size in (sizes[0], sizes[-1]))
    return found | {"peak_memory_many_over_few": many / few}


MEASURES: dict[str, Callable[..., Figures]] = {
    "engine": engine,
    "fit": fit,
    "again": again,
    "add": add,
    "predict": predict,
    "memory": memory,
}


def _model(data: Path, work: Path, head: str) -> tuple[Path, str]:
    """The model of `fit` where that was measured, else a new one; and its cache."""
    place, cache = work / "model", work / "fit-cache"
    if not place.exists():
        preseason.fit(data, place, cache=str(cache), head=head, **SETTINGS)
    return place, str(cache)


def _copy(path: Path, folder: Path) -> None:
    place = folder / path.parent.name
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, place)


def _timed(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def show(name: str, figures: Figures) -> None:
    print(f"\n{name}")
    for key, value in figures.items():
        print(f"  {key:34} {value:,.4g}" if isinstance(value, float) else f"  {key:34} {value}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", default=",".join(MEASURES), help="comma-separated: " + ", ".join(MEASURES))
    parser.add_argument("--head", default="attention", help="of the fits; auto adds what large budgets try")
    parser.add_argument("--sizes", default="500,20000", help="photos of the memory measure, few and many")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    found: dict[str, Figures] = {}
    print("python " + " ".join(sys.argv))
    with tempfile.TemporaryDirectory(prefix="preseason-speed-") as folder:
        for name in asked.only.split(","):
            extra = {"sizes": tuple(map(int, asked.sizes.split(",")))} if name == "memory" else {}
            found[name] = MEASURES[name](asked.data, Path(folder), asked.head, **extra)
            show(name, found[name])
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, **found}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
