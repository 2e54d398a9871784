"""In front of everything: who may ask, how much may be sent and how slowly, and what is counted."""

import asyncio
import hmac
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from preseason.errors import UsageError
from preseason.serving.faults import RequestError
from preseason.serving.limits import Limits
from preseason.serving.metrics import Metrics

COOKIE = "preseason_key"
LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "testserver"})
OPEN = ("/health", "/v1/session")
"""Answered without a key, as are the page's own files, which hold nothing of anybody."""
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SAFE = ("GET", "HEAD", "OPTIONS")
LINGER_S, LINGER_BYTES = 2.0, 64 * 2**20
"""How long, and how far beyond what it may send, a refused client is listened to."""
METHODS = (*SAFE, "POST", "PUT", "PATCH", "DELETE")


def api_key(file: str | None) -> str | None:
    """The key from a file, else from PRESEASON_API_KEY; None where there is none.

    Raises:
        UsageError: the file cannot be read or is empty.
    """
    if file is None:
        return os.environ.get("PRESEASON_API_KEY") or None
    try:
        key = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--api-key-file {file} cannot be read: {error}.") from None
    if not key:
        raise UsageError(f"--api-key-file {file} is empty: write the key into it, e.g. openssl rand -hex 24.")
    return key


@dataclass(frozen=True)
class Rules:
    """Who may ask.

    Attributes:
        key: what a request must carry; None lets everybody ask.
        hosts: names under which the server may be addressed; a page elsewhere that has its own name point
            here (DNS rebinding) is refused. None takes any.
    """

    key: str | None = None
    hosts: frozenset[str] | None = LOCAL

    def check(self, scope: Scope) -> None:
        """Raise RequestError where the request may not be answered."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.hosts is not None and urlsplit(f"//{host}").hostname not in self.hosts:
            raise RequestError(403, f"This server is not called {host!r}: start it with --allow-host NAME.")
        origin = headers.get("origin")
        if origin and scope["method"] not in SAFE and urlsplit(origin).netloc != host:
            raise RequestError(403, f"Pages of {origin} may not use this server.")
        path = scope["path"]
        guarded = path.startswith(("/v1/", "/metrics", "/openapi")) and path not in OPEN
        if guarded and not self.carries_key(scope):
            raise RequestError(401, "This server needs its key: send the header Authorization: Bearer KEY.")

    def knows(self, key: str) -> bool:
        """Whether this is the key; takes as long whatever is asked."""
        return self.key is None or hmac.compare_digest(key.encode(), self.key.encode())

    def carries_key(self, scope: Scope) -> bool:
        """Whether a request carries the key, in a header or in the page's cookie."""
        headers = Headers(scope=scope)
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        given = [each for each in (bearer, headers.get("x-api-key", ""), cookie) if each]
        return self.key is None or any(self.knows(each) for each in given)


class Guard:
    """ASGI middleware; a request that it refuses reaches nothing behind it."""

    def __init__(self, app: ASGIApp, rules: Rules, limits: Limits, metrics: Metrics) -> None:
        self._app, self._rules, self._limits, self._metrics = app, rules, limits, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status = time.monotonic(), 500
        intake = _Intake(scope, receive, self._limits)

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _secure(MutableHeaders(scope=message))
            elif status >= 400 and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await intake.drain()
                message = {"type": "http.response.body"}
            await send(message)

        with self._metrics.under_way.track_inprogress():
            try:
                self._rules.check(scope)
                intake.check()
                await self._app(scope, intake.receive, watched)
            except RequestError as fault:
                await fault.response()(scope, receive, watched)
            finally:
                self._count(scope, status, time.monotonic() - begin)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(route, method, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)


class _Intake:
    """The body of a request, counted and timed while it comes."""

    def __init__(self, scope: Scope, receive: Receive, limits: Limits) -> None:
        is_match = scope["path"] == "/v1/matches" or scope["method"] == "PUT"
        self._most = limits.match_bytes if is_match else limits.body_bytes
        self._idle_s = limits.idle_s
        self._until = None if is_match else time.monotonic() + limits.upload_s
        self._receive, self._got, self._whole = receive, 0, False
        declared = Headers(scope=scope).get("content-length", "0")
        self._declared = int(declared) if declared.isdecimal() else 0

    def check(self) -> None:
        """Raise RequestError where the body says of itself that it is too large."""
        if self._declared > self._most:
            raise self._too_large()

    async def drain(self) -> None:
        """Read on for a moment what a refused client still sends.

        Were the connection closed over it, the client might lose the answer that lies ready for it.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while not self._whole and self._got < self._most + LINGER_BYTES:
                    message = await self._receive()
                    self._got += len(message.get("body", b""))
                    self._whole = not message.get("more_body", False)

    async def receive(self) -> Message:
        """The next message; RequestError where the body is too large or too slow."""
        if self._whole:
            return await self._receive()
        left = self._idle_s if self._until is None else min(self._idle_s, self._until - time.monotonic())
        try:
            message = await asyncio.wait_for(self._receive(), max(left, 0.01))
        except TimeoutError:
            raise RequestError(
                408, f"The request came too slowly: nothing for {left:.0f} s.", close=True
            ) from None
        self._got += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._got > self._most:
            raise self._too_large()
        return message

    def _too_large(self) -> RequestError:
        return RequestError(
            413,
            f"The request is larger than {self._most / 1e6:.0f} MB, the most that this server takes: send "
            "fewer or smaller files.",
            close=True,
        )


def _secure(headers: MutableHeaders) -> None:
    headers.setdefault("content-security-policy", CSP)
    headers["x-content-type-options"] = "nosniff"
    headers["referrer-policy"] = "no-referrer"
    headers["cross-origin-resource-policy"] = "same-origin"
    headers.setdefault("cache-control", "no-store")
