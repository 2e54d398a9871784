"""A fit on a real Ray cluster of two nodes, one of which is killed, gives the model of one process."""

import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import preseason
from preseason.cli.main import run
from preseason.distributed import ray_cluster
from preseason.engine.bank import Shelf
from preseason.errors import UsageError
from preseason.runtime.progress import Silent

installed = pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")


class Killing(Silent):
    """Kills a node of the cluster once the first rows are there."""

    def __init__(self, cluster: Any, node: Any) -> None:
        self.cluster, self.node = cluster, node
        self.stages: list[str] = []
        self.killed_in = ""

    def start(self, stage: str, total: int) -> None:
        self.stages.append(stage)

    def advance(self, steps: int = 1) -> None:
        if self.stages[-1].startswith("reading for") and not self.killed_in:
            self.killed_in = self.stages[-1]
            self.cluster.remove_node(self.node, allow_graceful=False)


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Killing]:
    """A head and another node, with a processor each, on 127.0.0.1."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Otherwise Ray takes 127.0.0.1 for the machine's address in its network.
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # As usual its workers would give way to every other process of a busy machine.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    from ray.cluster_utils import Cluster

    # A dead node is noticed within a second rather than fifteen.
    noticing = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 300,
        "health_check_failure_threshold": 3,
    }
    node = {"num_cpus": 1, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(True, head_node_args={**node, "include_dashboard": False, "_system_config": noticing})
    yield Killing(cluster, cluster.add_node(**node))
    cluster.shutdown()


def rows_in(cache: Path) -> dict[str, dict[str, Any]]:
    """Rows of every shelf, by their keys."""
    found = {}
    for folder in (cache / "bank").iterdir():
        told = json.loads((folder / "shelf.json").read_text())
        shelf = Shelf(folder, tuple(told["row_shape"]), told["what"], told["dtype"])
        keys = {line.split()[0] for file in folder.glob("*.keys") for line in file.read_text().splitlines()}
        assert not shelf.missing(sorted(keys))
        found[folder.name] = {key: shelf.rows([key])[0].astype(np.float32) for key in keys}
    return found


@installed
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_fit_that_loses_a_node_is_that_of_one_process(
    killing: Killing, photos: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "FEW", 0)
    settings: dict[str, Any] = {"backbone": "test_resnet", "weights": str(weights), "image_size": 96}
    settings |= {"head": "linear", "unfreeze": 0}
    shared = settings | {"ray": killing.cluster.address, "cache": str(tmp_path / "shared")}
    two = preseason.fit(photos, tmp_path / "two", progress=killing, **shared)
    one = preseason.fit(photos, tmp_path / "one", cache=str(tmp_path / "own"), **settings)
    assert killing.killed_in == "reading for linear"
    assert isinstance(one, preseason.Model)
    assert isinstance(two, preseason.Model)
    expected, found = rows_in(tmp_path / "own"), rows_in(tmp_path / "shared")
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        assert found[name].keys() == rows.keys()
        for key, row in rows.items():
            np.testing.assert_allclose(found[name][key], row, atol=2e-3 * np.abs(row).max())
    path = next((photos / "boxing").iterdir())
    assert two.predict(path)[0].probabilities == pytest.approx(one.predict(path)[0].probabilities, abs=1e-3)


def test_without_ray_the_line_that_installs_it_is_named(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run(["fit", str(photos), "-o", str(tmp_path / "m"), "--ray"]) == 2
    assert "pip install 'preseason[ray]'" in capsys.readouterr().err


def test_data_in_the_place_of_the_address_are_recognised(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected HOST:PORT .* put it before --ray"):
        preseason.fit(photos, tmp_path / "m", ray="photos/")


@installed
def test_a_head_that_is_not_there_is_named_at_once(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--ray 127.0.0.1:1: no cluster can be reached there"):
        preseason.fit(photos, tmp_path / "m", ray="127.0.0.1:1")


def test_what_does_not_go_with_it_is_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "talk.jsonl").write_text('{"prompt": "Who scored?", "response": "Kane."}\n')
    with pytest.raises(UsageError, match="--ray has no effect on a chat model"):
        preseason.fit(tmp_path / "talk.jsonl", tmp_path / "m", ray="local")
    assert run(["fit", str(photos), "--dry-run", "--ray"]) == 2
    assert "--ray has no effect here" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="leave it out under torchrun"):
        preseason.fit(photos, tmp_path / "m", ray="local")
