"""Two workers give the model that one gives.

Torchrun starts them in one test; elsewhere they are forked with the variables that it sets, which is faster.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import preseason
import tiny_language as tiny
from caches import cache_at
from drawn_faces import write_people
from forked import program
from preseason.cli.demo_pictures import Pictures
from preseason.cli.main import run
from preseason.language.model import ChatModel
from tiny_workers import PATIENCE_S, ranks_of

pytestmark = pytest.mark.slow

LAUNCH = (
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node",
    "2",
    "-m",
    "preseason",
)
NAMES = ("Salah", "Kane", "Son", "Messi")


def fitted(*arguments: str | Path, workers: int = 2) -> None:
    """Run `preseason fit` by so many forked workers; by one, in this process."""
    line = ["fit", *map(str, arguments), "--json"]
    if workers == 1:
        with contextlib.redirect_stdout(io.StringIO()):
            assert run(line) == 0
        return
    started = [program(*line, variables=each) for each in ranks_of(workers)]
    for process in started:
        _, told = process.communicate(PATIENCE_S)
        assert process.returncode == 0, told[-2000:]


def launched(*arguments: str | Path) -> dict[str, Any]:
    """What `preseason fit` prints where torchrun starts two workers."""
    done = subprocess.run(
        [*LAUNCH, "fit", *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_fit_by_two_workers_is_that_of_one(
    pictures: Pictures, model_folder: Path, tmp_path: Path, cache: Path
) -> None:
    folder = tmp_path / "games"
    said = launched(pictures.photos, "-o", folder, "--cache", cache, "--head", "linear", "--unfreeze", "0")
    assert said["metrics"]["n"] == 96
    path = next((pictures.new_photos / "boxing").iterdir())
    one, two = (preseason.load(each, cache=str(cache)) for each in (model_folder, folder))
    assert isinstance(one, preseason.Model)
    assert isinstance(two, preseason.Model)
    assert two.predict(path)[0].probabilities == pytest.approx(one.predict(path)[0].probabilities, abs=1e-3)
    assert len(list(cache.glob("bank/*/*.rows"))) == 2 * len(list(cache.glob("bank/*/shelf.json")))


def test_a_chat_model_by_two_workers_is_that_of_one(tmp_path: Path) -> None:
    talks = tmp_path / "talks.jsonl"
    rows = [{"prompt": f"Who scored in {at}?", "response": f"{NAMES[at % 4]} did."} for at in range(96)]
    talks.write_text("\n".join(map(json.dumps, rows)))
    base = tiny.save(tmp_path / "base", "gemma3")
    candidates = {"one": 1, "two": 2, "spread": 2}
    records = {}
    for candidate, workers in candidates.items():
        settings = ["--backbone", base, "--budget", "10m", "--epochs", "3", "--batch-size", "4"]
        settings += ["--learning-rate", "0.005", "--cache", tmp_path / candidate / "cache"]
        settings += ["--spread-weights", "yes"] if candidate == "spread" else []
        fitted(talks, "-o", tmp_path / candidate / "fan", *settings, workers=workers)
        model = preseason.load(tmp_path / candidate / "fan")
        assert isinstance(model, ChatModel)
        records[candidate] = model.record
    assert [record.training.workers for record in records.values()] == [1, 2, 2]
    one = records.pop("one")
    assert one.after.held_out.perplexity < 0.9 * one.before.held_out.perplexity
    for record in records.values():
        assert record.training.steps == one.training.steps
        assert record.after.held_out.perplexity == pytest.approx(one.after.held_out.perplexity, rel=0.02)


def test_blocks_that_two_workers_fine_tune_are_those_of_one(
    pictures: Pictures, tmp_path: Path, converted_networks: Path
) -> None:
    candidates = {"one": 1, "two": 2}
    settings = ("--unfreeze", "1", "--epochs", "3", "--budget", "20m", "--views", "1", "--folds", "2")
    photos = tmp_path / "photos"
    for game in ("boxing", "pong", "tennis"):
        shutil.copytree(pictures.photos / game, photos / game)
    models = {}
    for candidate, workers in candidates.items():
        folder = tmp_path / candidate / "games"
        cache = cache_at(tmp_path / candidate / "cache", converted_networks)
        fitted(photos, "-o", folder, "--cache", cache, *settings, workers=workers)
        models[candidate] = preseason.load(folder, cache=str(cache))
    path = next((pictures.new_photos / "boxing").iterdir())
    said = []
    for model in models.values():
        assert isinstance(model, preseason.Model)
        said.append(model.predict(path)[0].probabilities)
    assert said[1] == pytest.approx(said[0], abs=0.02)


@pytest.mark.skipif(find_spec("dlib") is None, reason="the extra faces is not installed")
def test_two_workers_read_faces_beside_the_first_network(tmp_path: Path, cache: Path) -> None:
    people = write_people(tmp_path / "people", each=6, without=1)
    settings = [
        "--backbone",
        "faces,auto",
        "--head",
        "linear",
        "--unfreeze",
        "0",
        "--cache",
        cache,
    ]
    fitted(people, "-o", tmp_path / "model", *settings)
    record: Any = preseason.load(tmp_path / "model").record
    assert {each.name for each in record.candidates} >= {"linear", "faces"}
    assert record.networks["faces"]["found"] > 0.5
