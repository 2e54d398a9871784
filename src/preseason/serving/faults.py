"""Refusals: an HTTP status, a code for programs and the project's own words for people."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from preseason.errors import (
    CacheError,
    DataError,
    MediaError,
    ModelFolderError,
    PreseasonError,
    UsageError,
    WeightsError,
)

CODES = {
    400: "bad_request",
    401: "key_needed",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media",
    422: "unusable",
    429: "too_many",
    499: "gone",
    500: "fault_of_the_server",
    503: "unavailable",
    504: "timeout",
}
"""Of each status that is sent, the code in the body."""

_KINDS: tuple[tuple[type[PreseasonError], int], ...] = (
    (MediaError, 422),
    (UsageError, 422),
    (DataError, 422),
    (ModelFolderError, 503),
    (WeightsError, 503),
    (CacheError, 503),
)


class RequestError(Exception):
    """A request that is refused.

    Args:
        status: one of `CODES`.
        message: what was received, what was expected, the next step.
        details: further fields of the body, e.g. what was skipped.
        retry_s: seconds after which another try makes sense.
        close: whether the connection ends with it, since part of the request was not read.
    """

    def __init__(
        self,
        status: int,
        message: str,
        details: dict[str, Any] | None = None,
        retry_s: int | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.details = status, message, details or {}
        self.headers = {} if retry_s is None else {"retry-after": str(retry_s)}
        if close:
            self.headers["connection"] = "close"

    def response(self) -> JSONResponse:
        """The refusal as sent."""
        return JSONResponse(body(self.status, self.message) | self.details, self.status, headers=self.headers)


def body(status: int, message: str) -> dict[str, Any]:
    """The JSON body of a refusal; its shape is also that of OpenAI's errors."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": CODES.get(status, "error")}}


def fault_of(error: PreseasonError) -> RequestError:
    """What an error of the project means for a request."""
    return RequestError(next((status for kind, status in _KINDS if isinstance(error, kind)), 500), str(error))


async def on_fault(request: Request, error: Exception) -> Response:
    """Handler of `RequestError` and of the project's errors."""
    fault = error if isinstance(error, RequestError) else fault_of(error)  # type: ignore[arg-type]
    return fault.response()


async def on_http(request: Request, error: Exception) -> Response:
    """Handler of what the framework refuses: unknown addresses and methods, broken JSON."""
    status = int(getattr(error, "status_code", 500))
    said = str(getattr(error, "detail", "") or error)
    told = {
        404: f"There is no {request.method} {request.url.path}: /openapi.json lists what there is.",
        405: f"{request.url.path} does not take {request.method}: /openapi.json lists what there is.",
    }.get(status, said)
    return JSONResponse(body(status, told), status, headers=getattr(error, "headers", None))


async def on_invalid(request: Request, error: Exception) -> Response:
    """Handler of bodies that are no such thing as expected."""
    found: list[Any] = getattr(error, "errors", list)()
    told = "; ".join(
        f"{'.'.join(str(part) for part in each['loc'][1:])}: {each['msg']}" for each in found[:5]
    )
    return JSONResponse(body(422, f"The request cannot be used: {told}."), 422)
