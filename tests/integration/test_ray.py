"""On a real Ray cluster: a fit that loses a node gives the model of one process, and a server its answers."""

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
import yaml

import preseason
import tiny_language as tiny
from preseason.cli.main import run
from preseason.distributed import ray_cluster
from preseason.distributed.data_parallel import SingleProcess
from preseason.engine.bank import Shelf
from preseason.errors import UsageError
from preseason.language.distributed_training import RayTraining
from preseason.language.training_setup import TrainingSetup, train
from preseason.models.loading import classifier
from preseason.recipe import recipe_from
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Silent
from preseason.serving.ray_serve import Replica
from serving_tools import serving
from tiny_training import PLAN, prepared

installed = pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")
NODE = {"num_cpus": 1, "node_ip_address": "127.0.0.1"}
DEPLOYED = Path(__file__).parents[2] / "deploy" / "ray-serve.yaml"


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


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster on 127.0.0.1 whose head has one processor; tests add nodes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Otherwise Ray takes 127.0.0.1 for the machine's address in its network.
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        # As usual its workers would give way to every other process of a busy machine.
        patch.setenv("RAY_worker_niceness", "0")
        from ray.cluster_utils import Cluster

        # A dead node is noticed within a second rather than fifteen.
        noticing = {
            "health_check_initial_delay_ms": 0,
            "health_check_period_ms": 300,
            "health_check_failure_threshold": 3,
        }
        head = {**NODE, "include_dashboard": False, "_system_config": noticing}
        cluster = Cluster(True, head_node_args=head)
        yield cluster
        cluster.shutdown()


class KillingTraining(Killing):
    """Kills it when about a third of the training, which counts thousandths, is done."""

    def __init__(self, cluster: Any, node: Any) -> None:
        super().__init__(cluster, node)
        self.lines: list[str] = []
        self.done = 0

    def say(self, line: str) -> None:
        self.lines.append(line)

    def advance(self, steps: int = 1) -> None:
        self.done += steps
        if self.done > 300 and not self.killed_in:
            self.killed_in = self.stages[-1]
            self.cluster.remove_node(self.node, allow_graceful=False)


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
    cluster: Any,
    players: Path,
    photos: Path,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_cluster, "FEW", 0)
    killing = Killing(cluster, cluster.add_node(**NODE))
    settings: dict[str, Any] = {"backbone": "test_resnet", "weights": str(weights), "image_size": 96}
    settings |= {"head": "linear", "unfreeze": 0, "ray": cluster.address, "cache": str(tmp_path / "shared")}
    two = preseason.fit(photos, tmp_path / "two", progress=killing, **settings)
    one = preseason.load(players)
    assert killing.killed_in == "reading for linear"
    assert isinstance(one, preseason.Model)
    assert isinstance(two, preseason.Model)
    expected, found = rows_in(cache_folder()), rows_in(tmp_path / "shared")
    assert sum(map(len, found.values())) >= 30
    for name, rows in found.items():
        for key, row in rows.items():
            np.testing.assert_allclose(row, expected[name][key], atol=2e-3 * np.abs(row).max())
    path = next((photos / "boxing").iterdir())
    assert two.predict(path)[0].probabilities == pytest.approx(one.predict(path)[0].probabilities, abs=1e-3)


@contextmanager
def running(configuration: Path, address: str) -> Iterator[None]:
    """While it lasts, `serve run` runs; Ctrl-C ends it and what it deployed."""
    command = [str(Path(sys.executable).with_name("serve")), "run", str(configuration)]
    process = subprocess.Popen([*command, "--address", address], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


@installed
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_language_model_is_trained_by_ray_train_and_taken_up_when_a_node_is_lost(
    cluster: Any, tmp_path: Path
) -> None:
    """The same course by the leader alone, and by two processes of the cluster of which one is lost."""
    run = prepared("gpt2", "auto", PLAN)
    recipe = recipe_from(None, None, {"epochs": 50, "batch_size": 8, "learning_rate": 0.0003})

    def setup(name: str) -> TrainingSetup:
        network, folder = tiny.gpt2(2000), tmp_path / name
        return TrainingSetup(recipe, network, run.learn, run.held, None, folder, folder / "fits" / "run.pt")

    alone = train(setup("alone"), SingleProcess(), lambda: 1e6, Silent())
    killing = KillingTraining(cluster, cluster.add_node(**NODE))
    with ray_cluster.joined(cluster.address, "cpu") as joined:
        two = RayTraining(joined).train(setup("two"), "cpu", False, lambda: 1e6, killing)
    assert any("each step by 2 workers" in line for line in killing.lines)
    assert any(line.startswith("Resuming after") for line in killing.lines)
    assert two.trained.workers == 1
    for (at, loss), (step, expected) in zip(two.trained.curve, alone.trained.curve, strict=True):
        assert (at, loss) == (step, pytest.approx(expected, abs=0.01))
    assert all(torch.equal(weight, two.best[name]) for name, weight in two.tuning.state().items())


def is_ready(client: httpx.Client) -> bool:
    """Whether a replica answers."""
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(happened: Callable[[], bool]) -> None:
    """Ask four times a second, for two minutes."""
    end = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.25)


def asked(client: httpx.Client) -> set[str]:
    """The labels that one request is answered with."""
    reply = client.post("/v1/predict", json={"texts": ["great goal 3"]})
    assert reply.status_code == 200, reply.text
    return set(reply.json()["predictions"][0]["probabilities"])


@installed
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_no_request_is_lost_while_a_ray_serve_application_takes_another_model(
    cluster: Any, mood_folder: Path, tmp_path: Path
) -> None:
    """The configuration in deploy/, with a model of the tests, by the command that the page names."""
    folder, deployed = tmp_path / "mood", yaml.safe_load(DEPLOYED.read_text("utf-8"))
    shutil.copytree(mood_folder, folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    deployed["http_options"]["port"] = port
    (application,) = deployed["applications"]
    application["args"] |= {"models": [f"mood={folder}"]}
    (deployment,) = application["deployments"]
    deployment["ray_actor_options"]["num_cpus"] = 0.5
    (tmp_path / "serve.yaml").write_text(yaml.safe_dump(deployed))
    with (
        running(tmp_path / "serve.yaml", cluster.address),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client,
    ):
        wait_for(lambda: is_ready(client))
        before = asked(client)
        larger, _ = classifier(preseason.load(folder), "add").add("calm", "a quiet half", "nothing happened")
        with ThreadPoolExecutor(3) as pool:
            answers = [pool.submit(asked, client) for _ in range(60)]
            larger.save(folder)
            assert all(each.result() in (before, before | {"calm"}) for each in answers)
        wait_for(lambda: all(asked(client) == before | {"calm"} for _ in range(8)))
        assert client.get("/health").json()["models"] == ["mood"]
        assert client.get("/-/healthz").text == "success"
        assert client.post("/v1/models/mood/reload").status_code == 403
        assert client.get("/health", headers={"host": "elsewhere.org"}).status_code == 403


def test_a_replica_whose_model_answers_no_longer_is_not_healthy(mood_folder: Path) -> None:
    with serving({"mood": mood_folder}) as client:
        replica = Replica()
        replica.app = client.app  # type: ignore[attr-defined]
        asyncio.run(replica.check_health())
        replica.app.state.served.models["mood"].batcher.close()
        with pytest.raises(RuntimeError, match="Nothing answers any longer for mood"):
            asyncio.run(replica.check_health())


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
    with pytest.raises(UsageError, match="--ray has no effect on a model that a hosted service trains"):
        preseason.fit(photos, tmp_path / "m", ray="local", backbone="openai:gpt", task="chat")
    assert run(["fit", str(photos), "--dry-run", "--ray"]) == 2
    assert "--ray has no effect here" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="leave it out under torchrun"):
        preseason.fit(photos, tmp_path / "m", ray="local")
