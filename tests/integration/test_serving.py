"""The server over real sockets: answers, refusals, bad clients, reloads, stops."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

import preseason
import tiny_matches
from preseason.cli.demo_pictures import Pictures
from preseason.serving.app import Settings
from preseason.serving.guard import Rules
from preseason.serving.limits import Limits
from serving_tools import serving


@pytest.fixture(scope="module")
def client(model_folder: Path) -> Iterator[httpx.Client]:
    with serving({"games": model_folder}) as client:
        yield client


@pytest.fixture(scope="module")
def photos(pictures: Pictures) -> list[Path]:
    return sorted(pictures.new_photos.glob("*/*"))[::5]


def sent(client: httpx.Client, *paths: Path, **fields: str) -> httpx.Response:
    files = [("file", (path.name, path.read_bytes())) for path in paths]
    return client.post("/v1/predict", files=files, data=fields)


def test_the_same_photos_give_the_same_numbers_as_predict(
    client: httpx.Client, model_folder: Path, photos: list[Path]
) -> None:
    expected = preseason.load(model_folder).predict(*photos).predictions
    together = sent(client, *photos).json()["predictions"]
    with ThreadPoolExecutor(8) as pool:
        alone = [
            reply.json()["predictions"][0] for reply in pool.map(lambda path: sent(client, path), photos)
        ]
    for answer, one, by_many in zip(expected, alone, together, strict=True):
        for got in (one, by_many):
            assert got["label"] == answer.label
            assert got["unknown"] == answer.unknown
            assert got["probabilities"] == pytest.approx(answer.probabilities, abs=1e-5)
    assert [each["input"] for each in together] == [path.name for path in photos]
    assert [each["index"] for each in together] == list(range(len(photos)))


def test_json_and_forms_give_the_same_answer(client: httpx.Client, photos: list[Path]) -> None:
    data = base64.b64encode(photos[0].read_bytes()).decode()
    body = {"model": "games", "inputs": [{"name": "a.png", "data": f"data:image/png;base64,{data}"}]}
    by_json = client.post("/v1/predict", json=body).json()["predictions"][0]
    by_form = sent(client, photos[0], model="games").json()["predictions"][0]
    assert by_json["input"] == "a.png"
    assert by_json["probabilities"] == pytest.approx(by_form["probabilities"], abs=1e-6)


def test_what_cannot_be_read_is_named_beside_the_answers(
    client: httpx.Client, photos: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "../../etc/half.jpg"
    found = client.post(
        "/v1/predict",
        files=[
            ("file", (str(broken), half(photos[0]))),
            ("file", ("good.png", photos[1].read_bytes())),
            ("file", ("none.jpg", b"")),
        ],
    ).json()
    assert [each["input"] for each in found["predictions"]] == ["good.png"]
    assert found["predictions"][0]["index"] == 1
    told = {each["path"]: each["reason"] for each in found["skipped"]}
    assert list(told) == ["half.jpg", "none.jpg"]
    assert "cut short" in told["half.jpg"]


def half(path: Path) -> bytes:
    """The first half of a file."""
    return path.read_bytes()[: path.stat().st_size // 2]


def bomb() -> bytes:
    """A small file of a very large picture."""
    out = BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "status", "told"),
    [
        ("notes.txt", b"no picture at all", 415, "not an image"),
        ("empty.jpg", b"", 422, "the file is empty"),
        ("bomb.png", bomb, 413, "at most 50 million are taken"),
        ("cut.jpg", "cut", 422, "cut short"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", 415, "not an image"),
    ],
)
def test_a_photo_that_cannot_be_answered_is_refused_in_words(
    client: httpx.Client, photos: list[Path], name: str, content: object, status: int, told: str
) -> None:
    data = content() if callable(content) else half(photos[0]) if content == "cut" else content
    reply = client.post("/v1/predict", files={"file": (name, data)})
    assert reply.status_code == status
    assert told in reply.json()["error"]["message"]
    assert reply.json()["skipped"][0]["path"] == name


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ({"content": b'{"inputs', "headers": {"content-type": "application/json"}}, 400, "not JSON"),
        ({"json": ["a"]}, 400, "not an object"),
        ({"json": {"inputs": [{"data": "%%%"}]}}, 400, "not base64"),
        ({"json": {"inputs": [{}]}}, 422, "neither text nor data"),
        ({"json": {"inputs": []}}, 422, "holds no photos"),
        ({"json": {"texts": ["What a goal"]}}, 415, "reads photos"),
        ({"json": {"model": "gamse", "texts": ["a"]}}, 404, "Did you mean 'games'?"),
        ({"json": {"texts": ["a"] * 65}}, 413, "at most 64"),
        ({"content": b"a", "headers": {"content-type": "image/png"}}, 415, "expected multipart/form-data"),
        ({"content": b"--x\r\nbroken", "headers": {"content-type": "multipart/form-data"}}, 400, "broken"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_words(
    client: httpx.Client, arguments: dict[str, object], status: int, told: str
) -> None:
    reply = client.post("/v1/predict", **arguments)  # type: ignore[arg-type]
    assert reply.status_code == status
    assert told in reply.json()["error"]["message"]


def test_unknown_addresses_and_methods_have_the_same_shape(client: httpx.Client) -> None:
    assert client.get("/v1/nothing").json()["error"]["code"] == "not_found"
    assert client.get("/v1/predict").json()["error"]["code"] == "method_not_allowed"
    assert client.get("/v1/models/nobody").status_code == 404


def test_no_path_in_a_request_reaches_the_file_system(
    model_folder: Path, mood_folder: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("positive positive")
    with serving({"mood": mood_folder}) as client:
        found = client.post("/v1/predict", json={"texts": [str(secret), "*", "/etc"]}).json()
        expected = client.post("/v1/predict", files={"file": ("x.txt", str(secret).encode())}).json()
        assert [each["input"] for each in found["predictions"]] == ["text 1", "text 2", "text 3"]
        assert found["predictions"][0]["probabilities"] == expected["predictions"][0]["probabilities"]
        told = client.post("/v1/predict", json={"texts": ["What a goal"], "explain": True}).json()
        assert [each["word"] for each in told["predictions"][0]["words"]] == ["What", "a", "goal"]
        assert client.post("/v1/predict", files={"file": ("a.txt", b"\x89PNG\r\n\x1a\n")}).status_code == 415


@pytest.mark.slow
def test_clips_are_answered_and_long_ones_refused(plays_folder: Path, tmp_path: Path) -> None:
    clip = tiny_matches.write(tmp_path / "clip.mp4", [(0.5, "jump")], 1.0, 9)
    long = tiny_matches.write(tmp_path / "long.mp4", [(0.5, "jump")], 4.0, 9)
    with serving({"plays": plays_folder}, Settings(Limits(clip_s=3))) as client:
        answer = sent(client, clip).json()["predictions"][0]
        expected = preseason.load(plays_folder).predict(clip)[0]
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
        reply = sent(client, long)
        assert reply.status_code == 413
        assert "at most 3 s" in reply.json()["error"]["message"]


def test_a_key_is_needed_where_one_is_set(model_folder: Path, photos: list[Path]) -> None:
    with serving({"games": model_folder}, Settings(rules=Rules("secret"))) as client:
        assert client.get("/health").status_code == 200
        assert sent(client, photos[0]).json()["error"]["code"] == "key_needed"
        for headers in ({"authorization": "Bearer secre"}, {"x-api-key": "secret2"}):
            assert client.get("/v1/models", headers=headers).status_code == 401
        for headers in ({"authorization": "Bearer secret"}, {"x-api-key": "secret"}):
            assert client.get("/v1/models", headers=headers).status_code == 200


def test_pages_of_others_are_refused(client: httpx.Client) -> None:
    assert client.get("/v1/models", headers={"host": "evil.example"}).status_code == 403
    reply = client.post("/v1/predict", json={"texts": ["a"]}, headers={"origin": "https://evil.example"})
    assert reply.status_code == 403
    assert "script-src 'self'" in client.get("/health").headers["content-security-policy"]


def test_many_requests_at_once_are_answered_together(client: httpx.Client, photos: list[Path]) -> None:
    batcher = client.app.state.served.models["games"].batcher  # type: ignore[attr-defined]
    with busy(batcher) as free, ThreadPoolExecutor(12) as pool:
        replies = [pool.submit(sent, client, path) for path in photos[:6] * 2]
        wait_for(batcher, 12)
        free.set()
        assert [reply.result().status_code for reply in replies] == [200] * 12
    assert figure(client, 'preseason_batch_examples_bucket{le="8.0",model="games"}') < figure(
        client, 'preseason_batch_examples_bucket{le="16.0",model="games"}'
    )


@contextmanager
def busy(batcher: Any) -> Iterator[threading.Event]:
    """A model that answers nothing before the event is set, or this ends, also by a failure."""
    free = threading.Event()
    held = batcher.run(free.wait)
    try:
        yield free
    finally:
        free.set()
        held.result(10)


def wait_for(batcher: Any, count: int) -> None:
    """Until so many requests are in the queue."""
    until = time.monotonic() + 20
    while batcher.waiting < count:
        assert time.monotonic() < until, batcher.waiting
        time.sleep(0.02)


def figure(client: httpx.Client, name: str) -> float:
    line = next(line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name} "))
    return float(line.rsplit(" ", 1)[1])


def test_a_full_queue_and_a_late_answer_are_said(model_folder: Path, photos: list[Path]) -> None:
    with serving({"games": model_folder}, Settings(Limits(waiting=2, answer_s=3))) as client:
        batcher = client.app.state.served.models["games"].batcher  # type: ignore[attr-defined]
        with busy(batcher), ThreadPoolExecutor(2) as pool:
            late = [pool.submit(sent, client, path) for path in photos[:2]]
            wait_for(batcher, 2)
            full = sent(client, photos[2])
            assert (full.status_code, full.headers["retry-after"]) == (429, "1")
            assert [each.result().json()["error"]["code"] for each in late] == ["timeout"] * 2
        assert sent(client, photos[0]).status_code == 200


def test_slow_huge_and_cancelled_requests_cost_nobody_else(model_folder: Path, photos: list[Path]) -> None:
    limits = Limits(body_bytes=300_000, idle_s=1)
    with serving({"games": model_folder}, Settings(limits)) as client:
        host, port = client.base_url.host, client.base_url.port
        assert port is not None
        silent, slow = (socket.create_connection((host, port)) for _ in range(2))
        head = b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        slow.sendall(head + b"content-length: 900\r\n\r\n")
        gone = socket.create_connection((host, port))
        gone.sendall(head + b"content-length: 900\r\n\r\nabc")
        gone.close()
        begin = time.monotonic()
        assert sent(client, photos[0]).status_code == 200
        assert time.monotonic() - begin < 5
        for size in (400_000, 20_000_000):
            assert client.post("/v1/predict", files={"file": ("a.jpg", bytes(size))}).status_code == 413
        endless = (bytes(50_000) for _ in range(200))
        kind = {"content-type": "application/json"}
        assert client.post("/v1/predict", content=endless, headers=kind).status_code == 413
        assert silent.recv(100) == b""
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
        for each in (silent, slow):
            each.close()
        assert list(client.app.state.served.folder.iterdir()) == []  # type: ignore[attr-defined]


def test_a_replaced_model_is_loaded_without_a_lost_request(
    model_folder: Path, photos: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "games"
    shutil.copytree(model_folder, folder)
    with serving({"games": folder}) as client:
        statuses: list[int] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                statuses.append(sent(client, photos[0]).status_code)

        thread = threading.Thread(target=ask)
        thread.start()
        preseason.load(folder).remove("pong")[0].save(folder)  # type: ignore[union-attr]
        until = time.monotonic() + 30
        while "pong" in client.get("/v1/models/games").json()["labels"]:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert "pong" not in sent(client, photos[0]).json()["predictions"][0]["probabilities"]
        (folder / "heads.safetensors").write_bytes(b"damaged")
        assert client.post("/v1/models/games/reload").status_code == 503
        assert "heads.safetensors" in client.get("/health").json()["troubles"]["games"]
        stop.set()
        thread.join(30)
        assert set(statuses) == {200}
        assert sent(client, photos[0]).status_code == 200


@pytest.mark.slow
def test_the_program_finishes_what_runs_when_it_is_stopped(model_folder: Path, photos: list[Path]) -> None:
    command = [sys.executable, "-m", "preseason", "serve", str(model_folder), "--port", "0"]
    environment = os.environ | {"PRESEASON_API_KEY": "secret"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" at ")[1].split()[0]
        with httpx.Client(
            base_url=address, headers={"x-api-key": "secret"}, timeout=60, trust_env=False
        ) as client:
            before = client.get("/v1/models").json()["data"][0]["created"]
            time.sleep(1)
            process.send_signal(signal.SIGHUP)
            until = time.monotonic() + 30
            while client.get("/v1/models").json()["data"][0]["created"] == before:
                assert time.monotonic() < until
                time.sleep(0.1)
            with ThreadPoolExecutor(1) as pool:
                reply = pool.submit(sent, client, *(photos * 8)[:60])
                while figure(client, "preseason_requests_under_way") < 2:
                    assert time.monotonic() < until
                process.send_signal(signal.SIGTERM)
                assert reply.result().status_code == 200
        assert process.wait(30) == 0


def test_the_document_of_the_interface_names_every_refusal(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    told = document["paths"]["/v1/predict"]["post"]
    assert {"200", "400", "401", "404", "413", "415", "422", "429", "503", "504"} <= set(told["responses"])
    assert "multipart/form-data" in told["requestBody"]["content"]
    assert json.dumps(told).count("example")
