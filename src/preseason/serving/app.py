"""The application: routes, what stands in front of them, and what runs beside them."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from preseason import __version__
from preseason.errors import PreseasonError, UsageError
from preseason.language.conversation import retriever_in
from preseason.models.loading import talks
from preseason.serving import (
    chat_completions,
    fine_tuning,
    listing,
    matches,
    pages,
    predicting,
    refitting,
    teaching,
)
from preseason.serving.chores import Chores
from preseason.serving.corrections import Corrections
from preseason.serving.faults import RequestError, on_fault, on_http, on_invalid
from preseason.serving.fine_tuning import Service
from preseason.serving.guard import Guard, Rules
from preseason.serving.head_requests import HeadRequests
from preseason.serving.hosting import Models, Runtime
from preseason.serving.limits import Limits
from preseason.serving.metrics import Metrics
from preseason.serving.served_chat import ServedChatSessions
from preseason.serving.state import Served
from preseason.serving.videos import Videos

LOOK_S = 2.0
"""How often the folders of the models are looked at."""
ABOUT = """Predictions of models fitted with preseason. All errors have one shape:
`{"error": {"message", "type", "param", "code"}}`."""


@dataclass(frozen=True)
class Settings:
    """How a server behaves.

    Attributes:
        watch: load a model again when its folder is replaced.
        corrections: folder in which corrected answers are kept; None keeps none.
        read_only: requests may not change models.
        refit_data: labelled pictures that the finder among the models was fitted on.
        knowledge: folder or file in which chat models look facts up.
        matches: folder whose videos are offered to be watched.
        several: whether other processes answer at the same address; then nothing is kept from one request to
            another.
        tuning: folder of the files, jobs and models of OpenAI's fine-tuning protocol; None: not offered.
    """

    limits: Limits = field(default_factory=Limits)
    rules: Rules = field(default_factory=Rules)
    where: Runtime = field(default_factory=Runtime)
    watch: bool = True
    corrections: Path | None = None
    read_only: bool = False
    knowledge: Path | None = None
    tuning: Path | None = None
    matches: Path | None = None
    several: bool = False
    refit_data: Path | None = None


def create_app(
    folders: Mapping[str, Path], settings: Settings | None = None, tuning: Service | None = None
) -> FastAPI:
    """A server of the models in `folders`, which are loaded here: the first request is answered at once.

    Args:
        folders: model folders by the names that requests use.
        tuning: carries out fine-tuning jobs, in place of the service that `settings.tuning` asks for.

    Raises:
        UsageError: there is no model, and no service that makes some.
        ModelFolderError: one cannot be loaded.
    """
    chosen = settings or Settings()
    metrics = Metrics()
    models = Models(folders, chosen.where, chosen.limits.waiting, metrics)
    metrics.watch(models)
    refitting.check(models, chosen.refit_data, chosen.corrections is not None)
    corrections = None if chosen.corrections is None else Corrections(chosen.corrections)
    service = tuning or _tuning_service(chosen)
    if not folders and service is None:
        raise UsageError("A server needs a model: name the folders that fit wrote.")

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        with TemporaryDirectory(prefix="preseason-", ignore_cleanup_errors=True) as folder:
            chores = Chores()
            videos = Videos(Path(folder, "matches"), chosen.limits, chosen.matches, matches.forget(chores))
            Path(folder, "requests").mkdir()
            app.state.served = Served(
                models,
                videos,
                chores,
                chosen.limits,
                metrics,
                Path(folder, "requests"),
                corrections,
                chosen.read_only,
                chosen.where,
                chosen.refit_data,
            )
            async with _watched(models, metrics, chosen.watch):
                with contextlib.nullcontext() if service is None else service.running():
                    yield
            app.state.stopping = True
            await run_in_threadpool(chores.close)
            await run_in_threadpool(models.close)

    app = FastAPI(
        title="preseason",
        version=__version__,
        description=ABOUT,
        lifespan=running,
        docs_url=None,
        redoc_url=None,
    )
    app.state.stopping, app.state.rules = False, chosen.rules
    _add_handlers(app)
    _add_routes(app, models, chosen, service)
    app.add_middleware(HeadRequests)
    app.add_middleware(Guard, rules=chosen.rules, limits=chosen.limits, metrics=metrics)
    return app


def _add_handlers(app: FastAPI) -> None:
    for kind, handler in (
        (RequestError, on_fault),
        (PreseasonError, on_fault),
        (HTTPException, on_http),
        (RequestValidationError, on_invalid),
    ):
        app.add_exception_handler(kind, handler)


def _tuning_service(settings: Settings) -> Service | None:
    if settings.tuning is None:
        return None
    where = {"device": settings.where.device}
    where |= {} if settings.where.cache is None else {"cache": settings.where.cache}
    return Service.of(settings.tuning, settings=where)


def _add_routes(app: FastAPI, models: Models, settings: Settings, service: Service | None) -> None:
    anyone_talks = service is not None or any(talks(hosted.model) for hosted in models.values())
    if settings.knowledge is not None and not anyone_talks:
        raise UsageError("--knowledge is for chat models, and none of these is one: leave it out.")
    retriever = None if settings.knowledge is None else retriever_in(settings.knowledge, settings.where.cache)
    more = dict if service is None else service.models
    app.state.talkers = ServedChatSessions(models, settings.where, more=more, knowledge=retriever)
    app.state.bases = () if service is None else tuple(service.bases)
    app.include_router(matches.router, dependencies=[Depends(_refuse_several)] if settings.several else [])
    for part in (predicting, teaching, refitting, listing, pages, chat_completions):
        app.include_router(part.router)
    if service is not None:
        app.state.fine_tuning = service
        app.include_router(fine_tuning.router)


async def _refuse_several(request: Request) -> None:
    """Refused: a match lies in one process, and the next request may come to another."""
    if (request.method, request.url.path) != ("GET", "/v1/matches"):
        raise RequestError(409, "Matches are watched by one process: by `preseason serve` without --workers.")


@asynccontextmanager
async def _watched(models: Models, metrics: Metrics, watch: bool) -> AsyncIterator[None]:
    """While it lasts, replaced folders are loaded, and everything at SIGHUP."""
    hangup = asyncio.Event()
    with _on_hangup(hangup):
        task = asyncio.create_task(_watch(models, metrics, watch, hangup))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _watch(models: Models, metrics: Metrics, watch: bool, hangup: asyncio.Event) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hangup.wait(), LOOK_S)
        if hangup.is_set():
            hangup.clear()
            names = await run_in_threadpool(models.reload_all)
        else:
            names = await run_in_threadpool(models.reload_changed) if watch else []
        for name in names:
            metrics.reloads.labels(name).inc()


@contextlib.contextmanager
def _on_hangup(event: asyncio.Event) -> Iterator[None]:
    """Sets the event at SIGHUP, where there is such a signal and this is the main thread."""
    possible = hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread()
    loop = asyncio.get_running_loop()
    if possible:
        loop.add_signal_handler(signal.SIGHUP, event.set)
    try:
        yield
    finally:
        if possible:
            loop.remove_signal_handler(signal.SIGHUP)
