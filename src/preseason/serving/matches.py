"""Matches: uploaded, played, looked through for actions, and tagged."""

from collections.abc import Callable, Hashable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from urllib.parse import unquote

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, JSONResponse, Response

from preseason.data import action_files
from preseason.data.actions import Action, LabelledVideo
from preseason.media import video
from preseason.media.image import thumbnail_jpeg
from preseason.results import Drift
from preseason.runtime.progress import Progress
from preseason.serving.chores import Chore, Chores
from preseason.serving.examples import MATCH, later, refusals
from preseason.serving.faults import RequestError
from preseason.serving.state import Served, served
from preseason.serving.videos import Video
from preseason.spotting.alike import Search, features_of
from preseason.spotting.sounds import events, hear
from preseason.spotting.spotting import chosen, drift_in, scores_of
from preseason.spotting.tagging import Tagger

router = APIRouter(tags=["matches"])
BLOCK = 1 << 20
FRAME_SIDE = 320
MAX_MARKS = 2000
MAX_WAIT_S = 25.0


class Spot(BaseModel):
    """Which actions are looked for in which match."""

    model: str | None = None
    match: str
    threshold: float = Field(0.5, ge=0, le=1)
    apart_s: float | None = Field(None, gt=0)
    wait_s: float = Field(0, ge=0, le=MAX_WAIT_S)


class Tags(BaseModel):
    """What was accepted and what rejected, in seconds."""

    accepted: list[float] = Field(min_length=1, max_length=MAX_MARKS)
    rejected: list[float] = Field(default_factory=list, max_length=MAX_MARKS)
    count: int = Field(12, ge=1, le=100)
    apart_s: float = Field(3.0, gt=0, le=600)


class Mark(BaseModel):
    """A labelled moment."""

    time_s: float = Field(ge=0)
    label: str = Field(min_length=1, max_length=80)


class Labels(BaseModel):
    """Labelled moments, and the format of the file that is wanted."""

    marks: list[Mark] = Field(max_length=100_000)
    format: Literal["csv", "jsonl", "json", "vtt", "ffmeta", "txt"] = "csv"


@router.get("/v1/matches", responses=refusals(401))
async def matches(request: Request) -> dict[str, Any]:
    """All matches."""
    videos = served(request).videos
    return {"matches": [each.told() for each in await run_in_threadpool(videos.all)]}


@router.post("/v1/matches", openapi_extra=MATCH, responses=refusals(400, 401, 408, 413, 415, 422))
async def upload(request: Request, name: str = "match") -> dict[str, Any]:
    """Take a match in: the file as the body of the request (`curl -T match.mp4`), or as a form."""
    own = served(request)
    declared = request.headers.get("content-length", "0")
    path = own.videos.place(int(declared) if declared.isdecimal() else 0)
    try:
        given = await _written(request, path)
        added = await run_in_threadpool(own.videos.add, path, given or unquote(name))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return added.told()


@router.put("/v1/matches/{name}", include_in_schema=False)
async def put(request: Request, name: str) -> dict[str, Any]:
    """`curl -T match.mp4 .../v1/matches/`, which sends the file's name at the end."""
    return await upload(request, name)


@router.delete("/v1/matches/{match}", responses=refusals(401, 403, 404))
async def remove(request: Request, match: str) -> dict[str, Any]:
    """Delete an uploaded match."""
    await run_in_threadpool(served(request).videos.remove, match)
    return {"id": match, "deleted": True}


@router.get("/v1/matches/{match}/video", response_class=FileResponse, responses=refusals(401, 404))
async def play(request: Request, match: str) -> FileResponse:
    """The file, in pieces where the player asks so."""
    found = await _video(request, match)
    return FileResponse(found.path, media_type=found.media_type)


@router.get("/v1/matches/{match}/frame", response_class=Response, responses=refusals(401, 404, 422))
async def frame(request: Request, match: str, t: float = 0.0) -> Response:
    """The picture at a time, as a small JPEG."""
    found = await _video(request, match)
    data = await run_in_threadpool(_frame, found.path, t)
    return Response(data, media_type="image/jpeg", headers={"cache-control": "private, max-age=600"})


@router.post("/v1/spot", responses=later(401, 404, 422, 429))
async def spot(request: Request, asked: Spot) -> Response:
    """The actions of a match. While it is being watched the answer is 202 with how far it is: ask again."""
    own = served(request)
    hosted = own.models.chosen(asked.model)
    model = hosted.classifier
    found = await _video(request, asked.match)

    listened = getattr(model.job.modality, "listened", False)

    def work(progress: Progress) -> Any:
        if listened:
            return hear(model, found.path, progress), None
        scores = scores_of(model, found.path, None, progress)
        return scores, drift_in(model, found.path, progress)

    chore = own.chores.put((found.id, "spot", hosted.name, hosted.loaded), work)
    if not await _over(chore, asked.wait_s):
        return JSONResponse(chore.told(), 202)
    scores, drift = _result(chore)
    if listened:
        actions = events(scores, model.labels, asked.threshold, asked.apart_s)
    else:
        actions = chosen(model, scores, asked.threshold, asked.apart_s)
    told = {"model": hosted.name, "match": found.id, "actions": [_told(each) for each in actions]}
    return JSONResponse(told | {"drift": _drift_told(drift)})


@router.post(
    "/v1/matches/{match}/alike",
    responses=later(401, 404, 422, 429),
)
async def alike(request: Request, match: str, tags: Tags) -> Response:
    """The moments most like the accepted ones and least like the rejected; fitted anew in a moment.

    The first question watches the whole match: until then the answer is 202 with how far it is.
    """
    own = served(request)
    found = await _video(request, match)
    chore = own.chores.put((found.id, "tags"), lambda progress: _tagger(own, found, progress))
    if not await _over(chore, 0):
        return JSONResponse(chore.told(), 202)
    tagger = _result(chore)
    moments = await run_in_threadpool(tagger.suggest, tags.accepted, tags.rejected, tags.count, tags.apart_s)
    shown = [
        {"time_s": round(each.time_s, 3), "likeness": round(each.likeness, 4), "nearest_s": each.nearest_s}
        for each in moments
    ]
    return JSONResponse({"match": found.id, "moments": shown, "refitted": bool(tags.rejected)})


@router.post("/v1/matches/{match}/labels", response_class=Response, responses=refusals(401, 404, 422))
async def labels(request: Request, match: str, given: Labels) -> Response:
    """The marked moments as a file: `csv` is read by `fit`, beside a video of that name."""
    found = await _video(request, match)
    data = await run_in_threadpool(_file_of, found, given)
    name = f"{Path(found.name).stem or 'match'}.{given.format}"
    safe = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name
    )
    return Response(
        data,
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{safe}"'},
    )


def forget(chores: Chores) -> Callable[[Video], None]:
    """What is done when a video goes: work on it stops."""

    def belongs(video: Video) -> Callable[[Hashable], bool]:
        return lambda key: isinstance(key, tuple) and key[0] == video.id

    return lambda video: chores.stop(belongs(video))


async def _written(request: Request, path: Path) -> str:
    """Write the body to `path`; gives the name of the file in a form."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/form-data"):
        async with request.form(max_files=1, max_fields=4) as form:
            given = next((value for value in form.values() if isinstance(value, UploadFile)), None)
            if given is None:
                raise RequestError(422, "The form holds no file: add one, or send the video as the body.")
            with path.open("wb") as file:
                while block := await given.read(BLOCK):
                    await run_in_threadpool(file.write, block)
            return given.filename or ""
    with path.open("wb") as file:
        async for block in request.stream():
            await run_in_threadpool(file.write, block)
    return ""


async def _video(request: Request, match: str) -> Video:
    return await run_in_threadpool(served(request).videos.get, match)


async def _over(chore: Chore, wait_s: float) -> bool:
    return chore.over.is_set() or await run_in_threadpool(chore.over.wait, wait_s)


def _result(chore: Chore) -> Any:
    if chore.status != "done":
        raise RequestError(422, chore.reason or "The match is being watched no more: ask again.")
    return chore.result


def _tagger(own: Served, found: Video, progress: Progress) -> Any:
    search = Search(device=own.where.device, cache=own.where.cache)
    return Tagger(features_of(found.path, search, progress), search.rate)


def _frame(path: Path, time_s: float) -> bytes:
    if not 0 <= time_s < 1e6:
        raise RequestError(422, f"t={time_s}: expected seconds from the beginning.")
    return thumbnail_jpeg(video.at(path, [time_s], FRAME_SIDE)[0], FRAME_SIDE)


def _file_of(found: Video, given: Labels) -> bytes:
    actions = sorted((Action(mark.time_s, mark.label) for mark in given.marks), key=lambda each: each.time_s)
    with TemporaryDirectory() as folder:
        path = Path(folder, f"labels.{given.format}")
        # The table names the video as the user knows it, as if it lay beside.
        action_files.write(path, [LabelledVideo(Path(folder, found.name), tuple(actions))])
        return path.read_bytes()


def _drift_told(drift: Drift | None) -> dict[str, Any] | None:
    """All but which inputs to label first: they are told by the name of a file of this machine."""
    if drift is None:
        return None
    return {name: value for name, value in asdict(drift).items() if name != "label_first"}


def _told(action: Action) -> dict[str, Any]:
    return {
        "time_s": round(action.time_s, 3),
        "label": action.label,
        "confidence": round(action.confidence, 4),
    }
