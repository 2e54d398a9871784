"""Several processes behind one address: replaced models, ended processes and stops, over real sockets."""

import os
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import preseason
from preseason.cli.main import run
from preseason.models.loading import classifier
from preseason.serving.app import Settings
from preseason.serving.processes import Processes


def ask(address: str) -> set[str]:
    """The labels that one request is answered with, on a connection of its own."""
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        reply = client.post("/v1/predict", json={"texts": ["great goal 3"]})
        assert reply.status_code == 200, reply.text
        return set(reply.json()["predictions"][0]["probabilities"])


def until_all(address: str, labels: set[str], times: int = 12) -> None:
    """Wait until so many requests in a row are answered with these labels."""
    end, row = time.monotonic() + 120, 0
    while row < times:
        assert time.monotonic() < end, "the new model never answers"
        row = row + 1 if ask(address) == labels else 0


@pytest.mark.slow
def test_no_request_is_lost_when_a_model_is_replaced_and_an_ended_process_is_replaced(
    mood_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mood"
    shutil.copytree(mood_folder, folder)
    ready = threading.Event()
    settings = Settings(read_only=True, several=True)
    server = Processes({"mood": folder}, settings, "127.0.0.1", 0, 2, lambda address: ready.set())
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ready.wait(120)
        assert len(set(server.pids)) == 2
        before = ask(server.address)
        larger, _ = classifier(preseason.load(folder), "add").add("calm", "a quiet half", "nothing happened")
        with ThreadPoolExecutor(3) as pool:
            asked = [pool.submit(ask, server.address) for _ in range(60)]
            larger.save(folder)
            answered = [each.result() for each in asked]
        assert all(each in (before, before | {"calm"}) for each in answered)
        until_all(server.address, before | {"calm"})
        ended, kept = server.pids
        os.kill(ended, signal.SIGKILL)
        end = time.monotonic() + 120
        while len(server.pids) < 2 or ended in server.pids:
            assert time.monotonic() < end, "no process came in its place"
            time.sleep(0.2)
        assert kept in server.pids
        assert ask(server.address) == before | {"calm"}
        with httpx.Client(base_url=server.address, timeout=60, trust_env=False) as client:
            counted = client.get("/metrics").text
            assert client.get("/v1/matches").json()["matches"] == []
            refused = client.post("/v1/spot", json={"match": "a"})
            assert client.get("/health").json()["status"] == "ok"
        assert refused.status_code == 409
        assert "without --workers" in refused.json()["error"]["message"]
        lines = [line for line in counted.splitlines() if 'route="/v1/predict"' in line and "_total" in line]
        assert sum(float(line.rsplit(" ", 1)[1]) for line in lines) >= 60
    finally:
        server.stop()
        thread.join(120)
    assert not thread.is_alive()
    assert not [pid for pid in (ended, kept) if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_ends_the_start(tmp_path: Path) -> None:
    settings = Settings(read_only=True, several=True)
    server = Processes({"none": tmp_path}, settings, "127.0.0.1", 0, 2, lambda address: None)
    with pytest.raises(preseason.PreseasonError, match="is not a preseason model"):
        server.run()
    assert not any(Path(f"/proc/{pid}").exists() for pid in server.pids)


def test_what_one_process_would_keep_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", str(tmp_path), "--workers", "2"]) == 2
    assert "--workers 2 needs --read-only" in capsys.readouterr().err
    asked = ["serve", str(tmp_path), "--workers", "3", "--read-only", "--matches", str(tmp_path)]
    assert run(asked) == 2
    assert "--matches: for a server of one process" in capsys.readouterr().err
