"""A fit that is killed at random moments, while it reads and while it trains, and what becomes of its model.

Drawn photos, or data that are named, are fitted once undisturbed. The same fit, repeating its decisions by
`--config`, is then begun again and again in a cache of its own and killed (SIGKILL) at random moments, until
it is left to finish. Weights, manifests and predictions of both models are compared.

    python benchmarks/kills.py --kills 10
    python benchmarks/kills.py --data photos/ --settings ""
    python benchmarks/kills.py --data tweets.csv --settings "--budget 60s"
    python benchmarks/kills.py --kills 20 --workers 2

With `--workers` torchrun starts so many, one of which, drawn by chance, is killed each time.
"""

import argparse
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

COLOURS = {"red": (190, 40, 40), "blue": (40, 40, 190), "green": (40, 160, 40)}
SETTINGS = "--head attention --unfreeze 0 --budget 40s --seed 1"
PASSING = ("seconds", "fitted", "versions", "recipe")
"""Fields of the record that tell of a run rather than of its model."""


def draw(root: Path, each: int) -> None:
    """Noisy photos of a shirt in one of three colours, a third of them with a stripe of another."""
    chance = np.random.default_rng(3)
    for label, colour in COLOURS.items():
        (root / label).mkdir(parents=True)
        for number in range(each):
            picture = Image.fromarray(chance.integers(0, 255, (160, 120, 3), np.uint8))
            pen = ImageDraw.Draw(picture)
            x, y = (int(value) for value in chance.integers(5, 40, 2))
            pen.rectangle((x, y, x + 60, y + 80), fill=colour)
            if number % 3 == 0:
                pen.rectangle((x, y + 30, x + 60, y + 50), fill=COLOURS["green" if label == "red" else "red"])
            picture.save(root / label / f"{number}.png")


def command(data: Path, model: Path, cache: Path, *more: str, workers: int = 1) -> list[str]:
    words = ["fit", str(data), "-o", str(model), "--cache", str(cache), *more, "--json", "-q"]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(workers)]
    return [sys.executable, *(launcher if workers > 1 else []), "-m", "preseason", *words]


def workers_of(process: "subprocess.Popen[bytes]") -> list[int]:
    """The processes that a launcher has started so far."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def killed(line: list[str], kills: int, whole_s: float, model: Path, workers: int = 1) -> dict[str, int]:
    """Run the fit and kill it, `kills` times; how many kills found finished epochs in the cache.

    A fit that was faster than its killer is forgotten, and counts for nothing.
    """
    chance, fell = random.Random(5), {"without an epoch": 0, "with some": 0}
    while sum(fell.values()) < kills:
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(1.0, whole_s))
        if process.poll() is not None:
            if process.returncode:
                sys.exit(f"the fit ended by itself with {process.returncode}: {shlex.join(line)}")
            subprocess.run(["rm", "-r", str(model)], check=True)
            continue
        victims = [process.pid] if workers == 1 else workers_of(process)
        if victims:
            os.kill(chance.choice(victims), signal.SIGKILL)
        else:
            process.terminate()  # before it has started any
        process.wait()
        cache = Path(line[line.index("--cache") + 1])
        fell["with some" if list(cache.glob("fits/*/*.pt")) else "without an epoch"] += 1
    return fell


def record(model: Path) -> dict[str, Any]:
    values: dict[str, Any] = without_times(
        json.loads((model / "preseason.json").read_text("utf-8"))["record"]
    )
    return {name: value for name, value in values.items() if name not in PASSING}


def without_times(value: Any) -> Any:
    """The value without what is called seconds in it, however deep."""
    if isinstance(value, dict):
        return {name: without_times(item) for name, item in value.items() if "seconds" not in name}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def answers(model: Path, data: Path, cache: Path) -> Any:
    """Predictions for the data; none of a language model, whose record holds what it says."""
    if json.loads((model / "preseason.json").read_text("utf-8"))["task"] == "chat":
        return None
    words = ["predict", str(model), str(data), "--cache", str(cache), "--json", "-q"]
    done = subprocess.run([sys.executable, "-m", "preseason", *words], capture_output=True, check=True)
    return json.loads(done.stdout)["predictions"]


def weights(model: Path) -> dict[str, bytes]:
    """All tensors that were fitted, by file."""
    return {str(file.relative_to(model)): file.read_bytes() for file in sorted(model.rglob("*.safetensors"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--photos", type=int, default=12, help="of each class, where they are drawn")
    parser.add_argument("--workers", type=int, default=1, help="that torchrun starts")
    parser.add_argument("--data", type=Path, help="data of your own instead of drawn photos")
    parser.add_argument("--settings", default=SETTINGS, help="of the fit")
    asked = parser.parse_args()
    settings = shlex.split(asked.settings)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        data, first, second = asked.data or root / "photos", root / "first", root / "second"
        if asked.data is None:
            draw(data, asked.photos)
        begun = time.monotonic()
        several = asked.workers
        line = command(data, first, root / "one", *settings, workers=several)
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
        whole_s = time.monotonic() - begun
        line = command(data, second, root / "two", *settings, "--config", str(first), workers=several)
        fell = killed(line, asked.kills, whole_s, second, several)
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
        fitted = [weights(model) for model in (first, second)]
        one, other = record(first), record(second)
        differing = sorted(name for name in one if one[name] != other.get(name))
        said = [answers(model, data, root / "one") for model in (first, second)]
    unequal = sorted(name for name in fitted[0] | fitted[1] if fitted[0].get(name) != fitted[1].get(name))
    print(f"undisturbed {whole_s:.0f} s; kills: {fell}")
    print(f"files of weights that differ: {', '.join(unequal) or 'none'} of {len(fitted[0])}")
    print(f"predictions equal: {said[0] == said[1]}")
    print(f"fields of the record that differ, but for times: {', '.join(differing) or 'none'}")
    for name in differing:
        print(name, json.dumps(one[name])[:1500], json.dumps(other.get(name))[:1500], sep="\n")


if __name__ == "__main__":
    main()
