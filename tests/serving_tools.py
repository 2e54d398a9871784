"""A real server in a thread, for tests that speak HTTP with it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from preseason.serving.app import Settings, create_app
from preseason.serving.server import Listening, listen


@contextmanager
def serving(folders: Mapping[str, Path], settings: Settings | None = None) -> Iterator[httpx.Client]:
    """A client of a server on a free port of this machine."""
    chosen = settings or Settings()
    begun = threading.Event()
    app = create_app(folders, chosen)
    listening = Listening(app, listen("127.0.0.1", 0, 64), chosen.limits, lambda address: begun.set())
    thread = threading.Thread(target=listening.run)
    thread.start()
    try:
        assert begun.wait(60)
        with httpx.Client(base_url=listening.address, timeout=60, trust_env=False) as client:
            client.app = app  # type: ignore[attr-defined]
            yield client
    finally:
        listening.stop()
        thread.join(60)
        assert not thread.is_alive()
