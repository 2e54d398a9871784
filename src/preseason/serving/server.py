"""Running the application: one port, patience that ends, and a stop that finishes its work."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from preseason.errors import UsageError
from preseason.serving.limits import Limits

FINISH_S = 30
"""How long requests under way may take after a stop."""
KEEP_S = 15


class Listening:
    """A server behind a port that is taken.

    Args:
        taken: as `listen` gives it; closed when `run` ends.
        ready: told the address when requests are answered.
    """

    def __init__(
        self, app: FastAPI, taken: socket.socket, limits: Limits, ready: Callable[[str], None]
    ) -> None:
        self._socket = taken
        self.address = address_of(taken)
        self._server = _Server(_config(app, limits), lambda: ready(self.address))

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `stop`, then answer what is under way and return."""
        if threading.current_thread() is threading.main_thread():
            # uvicorn raises the signal again after its own stop; that must end nothing more.
            signal.signal(signal.SIGTERM, _nothing)
        try:
            self._server.run([self._socket])
        except KeyboardInterrupt:
            pass
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Let `run` end; for another thread."""
        self._server.should_exit = True


def _config(app: FastAPI, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol(limits.idle_s),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_S,
        timeout_graceful_shutdown=FINISH_S,
        limit_concurrency=limits.connections,
    )


def protocol(idle_s: float) -> type[H11Protocol]:
    """HTTP/1.1 that closes connections on which no whole request head has come for `idle_s`."""

    class Patient(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._head_timer = asyncio.get_running_loop().call_later(idle_s, self._close_headless)

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_timer.cancel()
            super().connection_lost(exc)

        def _close_headless(self) -> None:
            if self.cycle is None:
                self.transport.close()

    return Patient


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A socket that listens.

    Args:
        port: 0 takes a free one.

    Raises:
        UsageError: the address cannot be used.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=min(backlog, 1024))
    except OSError as error:
        raise UsageError(
            f"Cannot listen on {host} port {port}: {error.strerror or error}. Name another --port; "
            "0 takes a free one."
        ) from None


def address_of(taken: socket.socket) -> str:
    """The address at which a socket listens, as URLs begin."""
    host, port = taken.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _nothing(number: int, frame: FrameType | None) -> None:
    """Ends nothing."""
