"""Waiting for an answer without holding up anything, and giving up with the client."""

import asyncio
from concurrent.futures import Future
from typing import Any, TypeVar

from starlette.requests import Request

from preseason.serving.faults import RequestError

Result = TypeVar("Result")


async def answered(request: Request, future: "Future[Result]", timeout_s: float) -> Result:
    """The future's result; it is withdrawn when the client goes away or time is up.

    Raises:
        RequestError: 499 where the client is gone, 504 where time is up.
    """
    waiting = asyncio.wrap_future(future)
    gone = asyncio.create_task(_gone(request))
    both: set[asyncio.Future[Any]] = {waiting, gone}
    try:
        done, _ = await asyncio.wait(both, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if waiting in done:
            return waiting.result()
        if gone in done:
            raise RequestError(499, "The client is gone.")
        raise RequestError(
            504, f"No answer within {timeout_s:.0f} s: ask for less at a time, or again later.", retry_s=5
        )
    finally:
        gone.cancel()
        waiting.cancel()


async def _gone(request: Request) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
