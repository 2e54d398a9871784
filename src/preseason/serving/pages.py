"""The page for people: its files, and the session in which a browser keeps the key."""

from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from preseason.serving.examples import refusals
from preseason.serving.faults import RequestError
from preseason.serving.guard import COOKIE, Rules
from preseason.serving.state import served

router = APIRouter(include_in_schema=False)
KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Key(BaseModel):
    """The key of the server, typed once."""

    key: str


@cache
def page_files() -> dict[str, bytes]:
    """Every file of the page by its name; a request can name no other."""
    folder = files("preseason.serving") / "page"
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name.split(".")[-1] in KINDS}


@router.get("/")
async def page() -> Response:
    """The page."""
    return _file("index.html")


@router.get("/page/{name}")
async def page_file(name: str) -> Response:
    """A file of the page."""
    return _file(name)


@router.get("/v1/session", responses=refusals(403))
async def session(request: Request) -> dict[str, Any]:
    """What the page may offer, and whether it has to ask for the key."""
    own = served(request)
    rules: Rules = request.app.state.rules
    if not rules.carries_key(request.scope):
        return {"key_needed": True}
    return {
        "key_needed": False,
        "corrections": own.corrections is not None,
        "read_only": own.read_only,
        "refit": own.refit_data is not None and not own.read_only,
    }


@router.post("/v1/session", responses=refusals(401, 403))
async def open_session(request: Request, given: Key) -> Response:
    """Keep the key in a cookie that scripts cannot read, since videos are fetched without headers."""
    rules: Rules = request.app.state.rules
    if not rules.knows(given.key):
        raise RequestError(401, "This is not the key of this server.")
    response = JSONResponse({"key_needed": False})
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, given.key, httponly=True, samesite="strict", secure=secure)
    return response


def _file(name: str) -> Response:
    if name not in page_files():
        raise RequestError(404, f"The page has no {name!r}.")
    return Response(
        page_files()[name], media_type=KINDS[name.rsplit(".", 1)[-1]], headers={"cache-control": "no-cache"}
    )
