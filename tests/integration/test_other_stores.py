"""Data and models in Google's, Azure's and the Hugging Face hub's stores, on servers that run here.

gs:// by gcp-storage-emulator, az:// by Azurite (`npm install -g azurite`), hf:// by a server of the tests.
"""

import base64
import logging
import os
import secrets
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import preseason
from local_hub import reached, served
from preseason.errors import UsageError
from preseason.stores.mirror import here
from preseason.stores.models import model_here, stored_at
from preseason.stores.pieces import Range

BUCKET = "club"


@contextmanager
def google(patch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket in the memory of gcp-storage-emulator."""
    from fsspec.config import conf
    from gcp_storage_emulator.server import create_server

    logging.getLogger("gcp_storage_emulator").setLevel(logging.ERROR)
    port = free_port()
    patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    # The emulator knows no credentials and no kinds of buckets.
    patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    patch.setitem(conf, "gs", {"token": "anon"})
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET)
    server.start()
    try:
        yield f"gs://{BUCKET}"
    finally:
        server.stop()


@contextmanager
def azure(patch: pytest.MonkeyPatch) -> Iterator[str]:
    """A container in the memory of Azurite, with a key made for it."""
    port, key = free_port(), base64.b64encode(secrets.token_bytes(64)).decode()
    command = ["azurite-blob", "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"]
    command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    process = subprocess.Popen(command, env=os.environ | {"AZURITE_ACCOUNTS": f"preseason:{key}"})
    words = {"DefaultEndpointsProtocol": "http", "AccountName": "preseason", "AccountKey": key}
    words["BlobEndpoint"] = f"http://127.0.0.1:{port}/preseason"
    patch.setenv("AZURE_STORAGE_CONNECTION_STRING", ";".join(f"{k}={v}" for k, v in words.items()))
    try:
        wait_for(port)
        import fsspec

        fsspec.filesystem("az").mkdir(BUCKET)
        yield f"az://{BUCKET}"
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)
        else:
            return


def lacks(*modules: str, command: str = "") -> bool:
    return any(find_spec(each) is None for each in modules) or bool(command and not shutil.which(command))


STORES = [
    pytest.param(
        google,
        id="gs",
        marks=pytest.mark.skipif(
            lacks("gcsfs", "gcp_storage_emulator"), reason="gcsfs or gcp-storage-emulator is not installed"
        ),
    ),
    pytest.param(
        azure,
        id="az",
        marks=pytest.mark.skipif(
            lacks("adlfs", command="azurite-blob"), reason="adlfs or azurite is not installed"
        ),
    ),
]


@pytest.fixture(scope="module", params=STORES)
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty bucket."""
    with pytest.MonkeyPatch.context() as patch, request.param(patch) as address:
        import fsspec

        files = fsspec.get_filesystem_class(address.split(":")[0])
        yield address
        files.clear_instance_cache()


def put(address: str, content: bytes) -> None:
    import fsspec

    files, name = fsspec.core.url_to_fs(address)
    files.pipe_file(name, content)


def tar_of(folder: Path) -> bytes:
    with tarfile.open(folder / "all.tar", "w") as archive:
        for label, channel in (("grass", 1), ("sky", 2)):
            for number in range(2):
                pixels = np.full((40, 40, 3), number, np.uint8)
                pixels[..., channel] += 150
                path = folder / f"{label}-{number}.png"
                Image.fromarray(pixels).save(path)
                archive.add(path, f"{label}/{number}.png")
    return (folder / "all.tar").read_bytes()


def test_folders_are_copied_and_only_what_changed_again(place: str, tmp_path: Path) -> None:
    put(f"{place}/words/a b.txt", b"one")
    put(f"{place}/words/b/c.txt", b"two")
    folder = here(f"{place}/words", tmp_path)
    assert (folder / "a b.txt").read_bytes() == b"one"
    kept = (folder / "a b.txt").stat().st_ino
    put(f"{place}/words/b/c.txt", b"TWO")
    assert here(f"{place}/words/", tmp_path) == folder
    assert (folder / "b" / "c.txt").read_bytes() == b"TWO"
    assert (folder / "a b.txt").stat().st_ino == kept


def test_a_model_is_written_replaced_and_read(place: str, tmp_path: Path) -> None:
    for text in ("first", "second"):
        with stored_at(f"{place}/models/small", tmp_path) as room:
            room.mkdir(exist_ok=True)
            (room / "preseason.json").write_text('{"format": 2, "task": "photos"}')
            (room / "heads.safetensors").write_text(text)
        assert (model_here(f"{place}/models/small", tmp_path) / "heads.safetensors").read_text() == text


def test_shards_are_read_where_they_lie(place: str, tmp_path: Path) -> None:
    put(f"{place}/shards/train-0.tar", tar_of(tmp_path))
    dataset = preseason.read(f"{place}/shards").dataset
    assert [each.label for each in dataset.samples] == ["grass", "grass", "sky", "sky"]
    assert Range(1, 5).read(f"{place}/shards/train-0.tar") == tar_of(tmp_path)[1:6]


def test_data_on_the_hub_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served() as (address, hub):
        reached(address, tmp_path / "hub", monkeypatch)
        hub.files["anna/players"] = {"words/a.txt": b"one", "shards/train-0.tar": tar_of(tmp_path)}
        place: Any = "hf://datasets/anna/players"
        assert (here(f"{place}/words", tmp_path) / "a.txt").read_bytes() == b"one"
        assert Range(1, 5).read(f"{place}/shards/train-0.tar") == tar_of(tmp_path)[1:6]
        with pytest.raises(UsageError, match="preseason push"), stored_at(place, tmp_path):
            pass
