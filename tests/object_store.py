"""A real S3 server on 127.0.0.1: moto's, in a thread of the tests."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BUCKET = "club"


@contextmanager
def running(patch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The server, its address and keys in the environment; what fsspec sees of it."""
    import fsspec
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name, value in (
        ("ACCESS_KEY_ID", "key"),
        ("SECRET_ACCESS_KEY", "secret"),
        ("DEFAULT_REGION", "us-east-1"),
    ):
        patch.setenv(f"AWS_{name}", value)
    try:
        files = fsspec.filesystem("s3", skip_instance_cache=True)
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        files.mkdir(BUCKET)
        yield files
    finally:
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        server.stop()


def put(files: Any, folder: Path, place: str) -> None:
    """Upload a folder's files."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files.pipe_file(f"{place}/{path.relative_to(folder).as_posix()}", path.read_bytes())
