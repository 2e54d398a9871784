"""Two workers, started by torchrun, give the model that one gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import preseason
from preseason.demo import Pictures

pytestmark = pytest.mark.slow


def test_a_fit_by_two_workers_is_that_of_one(pictures: Pictures, model_folder: Path, tmp_path: Path) -> None:
    folder, cache = tmp_path / "games", tmp_path / "cache"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    fit = ["-m", "preseason", "fit", str(pictures.photos), "-o", str(folder), "--cache", str(cache)]
    done = subprocess.run(
        [*launch, *fit, "--head", "linear", "--unfreeze", "0", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["metrics"]["n"] == 96
    path = next((pictures.new_photos / "boxing").iterdir())
    one, two = (preseason.load(each, cache=str(cache)) for each in (model_folder, folder))
    assert isinstance(one, preseason.Model)
    assert isinstance(two, preseason.Model)
    assert two.predict(path)[0].probabilities == pytest.approx(one.predict(path)[0].probabilities, abs=1e-3)
    finished = list(cache.glob("work/*/*.done"))
    assert finished
    jobs = [json.loads(path.read_text("utf-8")) for path in cache.glob("work/*/*.job")]
    assert [len(job["sizes"]) for job in jobs if job["kind"] == "learning"] == [3], "all but the first member"
    assert not list(cache.glob("work/*/leases/*.lease"))
