"""`/v1/models`, `/health` and `/metrics`: what is served and how it does."""

from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from preseason.data.background import is_background
from preseason.models.loading import classifies, finds
from preseason.serving.examples import refusals
from preseason.serving.faults import RequestError
from preseason.serving.hosting import ServedModel
from preseason.serving.protocol import OWNER
from preseason.serving.state import served
from preseason.trained_model import SPOTS, TALKS

router = APIRouter(tags=["server"])


@router.get("/v1/models", responses=refusals(401))
async def models(request: Request) -> dict[str, Any]:
    """The models of this server; in the shape of OpenAI's list, with fields of its own."""
    own = [described(each) for each in served(request).models.values()]
    told = {each["id"] for each in own}
    talking = request.app.state.talkers.places()
    names = [name for name in dict.fromkeys((*talking, *request.app.state.bases)) if name not in told]
    return {"object": "list", "data": own + [listed_only(name, name in talking) for name in names]}


@router.get("/v1/models/{name}", responses=refusals(401, 404))
async def model(request: Request, name: str) -> dict[str, Any]:
    """One model."""
    if name not in served(request).models and name in request.app.state.talkers.places():
        return listed_only(name, True)
    return described(served(request).models[name])


@router.post("/v1/models/{name}/reload", responses=refusals(401, 403, 404, 503))
async def reload(request: Request, name: str) -> dict[str, Any]:
    """Load the model's folder again; requests are answered by the old one until the new one is ready."""
    own = served(request)
    if own.read_only:
        raise RequestError(403, "This server was started with --read-only: its models cannot be changed.")
    hosted = own.models[name]
    await run_in_threadpool(hosted.reload)
    own.metrics.reloads.labels(name).inc()
    return described(hosted)


@router.get("/health", responses=refusals(503))
async def health(request: Request) -> dict[str, Any]:
    """Whether the server answers, for whoever watches over it; needs no key."""
    own = served(request)
    if request.app.state.stopping:
        raise RequestError(503, "The server is shutting down.")
    troubles = {name: hosted.last_error for name, hosted in own.models.items() if hosted.last_error}
    return {"status": "ok", "models": list(own.models), "troubles": troubles}


@router.get("/metrics", response_class=Response, responses=refusals(401))
async def metrics(request: Request) -> Response:
    """Figures in Prometheus's text format."""
    return Response(served(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)


def described(hosted: ServedModel) -> dict[str, Any]:
    """A model as listed."""
    model = hosted.model
    told: dict[str, Any] = {
        "id": hosted.name,
        "object": "model",
        "created": hosted.loaded,
        "owned_by": "preseason",
        "task": model.task,
        "labels": list(model.labels),
        "trouble": hosted.last_error,
        "talks": TALKS in model.capabilities,
    }
    if classifies(model):
        backbone = model.extractors.backbone
        added = list(model.labels[model.known.trained :])
        figures, metrics = model.problem.values(model.record.metrics), model.record.metrics
        told |= {"backbone": backbone.name, "accuracy": figures.get("accuracy"), "added": added}
        told |= {"metrics": figures, "measured": model.problem.sentence(metrics)}
        told |= {"noun": model.job.noun, "viewer": model.job.modality.viewer, "spots": spots(hosted)}
        told |= {"background": [label for label in model.labels if is_background(label)]}
    if finds(model):
        figures = model.problem.values(model.record.metrics)
        told |= {"backbone": model.extractors.backbone.name, "accuracy": None, "added": []}
        told |= {"metrics": figures, "measured": model.problem.sentence(model.record.metrics)}
        told |= {"noun": model.job.noun, "viewer": "boxes", "spots": False}
    return told


def listed_only(name: str, talks: bool) -> dict[str, Any]:
    """A model of the fine-tuning protocol, as listed; a base that can only be tuned does not talk."""
    told = {"id": name, "object": "model", "created": 0, "owned_by": OWNER}
    return told | {"task": "chat", "labels": [], "talks": talks}


def spots(hosted: ServedModel) -> bool:
    """Whether the model can look for actions in a match."""
    return SPOTS in hosted.model.capabilities
