"""What all parts of the OpenAI protocol share: the shape of errors and lists, names, the time."""

import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from preseason.errors import PreseasonError

OWNER = "preseason"


class ApiError(Exception):
    """A refusal in the protocol's own shape.

    Args:
        message: what was received, what was expected, the next step.
        status: HTTP status.
        code: a word for programs, e.g. `model_not_found`.
        parameter: the field of the request that it is about.
    """

    def __init__(
        self, message: str, status: int = 400, code: str | None = None, parameter: str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.parameter = message, status, code, parameter

    def response(self) -> JSONResponse:
        """The answer that carries it."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"message": self.message, "type": kind, "param": self.parameter, "code": self.code}
        return JSONResponse({"error": error}, status_code=self.status)


class ProtocolRoute(APIRoute):
    """A route whose failures have the protocol's shape, in whatever app it is mounted."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors turned into answers."""
        plain = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await plain(request)
            except ApiError as error:
                return error.response()
            except RequestValidationError as error:
                return _of_validation(error).response()
            except PreseasonError as error:
                return ApiError(str(error), 500).response()

        return handle


def listed(items: Sequence[dict[str, Any]], more: bool = False) -> dict[str, Any]:
    """A page of a list."""
    return {
        "object": "list",
        "data": list(items),
        "has_more": more,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
    }


def page(items: Sequence[dict[str, Any]], after: str | None, limit: int) -> dict[str, Any]:
    """The `limit` items behind the one called `after`.

    Raises:
        ApiError: there is no such item.
    """
    names = [item["id"] for item in items]
    if after is not None and after not in names:
        raise ApiError(f"There is nothing called {after!r} in this list.", parameter="after")
    begin = 0 if after is None else names.index(after) + 1
    return listed(items[begin : begin + limit], begin + limit < len(items))


def new_id(prefix: str) -> str:
    """A name nobody has."""
    return f"{prefix}{uuid.uuid4().hex[:24]}"


def now() -> int:
    """Seconds since 1970, as the protocol tells times."""
    return int(time.time())


def _of_validation(error: RequestValidationError) -> ApiError:
    """The first fault of a request that does not fit the schema."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    return ApiError(f"{place or 'The request'}: {first['msg']}.", 400, "invalid_value", place or None)
