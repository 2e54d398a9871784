"""Changing what a model knows: classes added from a few examples, taken away, and answers put right."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from preseason.data.files import readable
from preseason.models.loading import finds
from preseason.results import Update
from preseason.serving import intake
from preseason.serving.box_corrections import EXPECTED, box_counts, boxes_of, keep_boxes
from preseason.serving.corrections import Corrections, check_label
from preseason.serving.examples import LABELLED, refusals
from preseason.serving.faults import RequestError
from preseason.serving.hosting import ServedModel
from preseason.serving.intake import Example, Form
from preseason.serving.state import Served, served
from preseason.serving.waiting import answered

router = APIRouter(tags=["teaching"])


@router.post(
    "/v1/models/{name}/classes", openapi_extra=LABELLED, responses=refusals(400, 401, 403, 404, 413, 415, 422)
)
async def add(request: Request, name: str) -> dict[str, Any]:
    """Teach a model one more class from a few examples, and save it; nothing is fitted again."""
    own = _writable(request)
    hosted = own.models[name]
    async with _given(request, hosted) as (form, examples, folder):
        label = check_label(_label(form), hosted.model.labels)
        paths = [_as_file(example, folder) for example in examples if example.sample is not None]

        def work() -> Update:
            larger, update = hosted.classifier.add(label, *paths)
            hosted.replace(larger)
            return update

        update = await answered(request, hosted.batcher.run(work), own.limits.answer_s)
    return _told(hosted, update, examples)


@router.delete("/v1/models/{name}/classes/{label:path}", responses=refusals(401, 403, 404, 422))
async def remove(request: Request, name: str, label: str) -> dict[str, Any]:
    """Let a model forget a class and the vectors of its examples, and save it."""
    own = _writable(request)
    hosted = own.models[name]
    meant = label if label in hosted.classifier.labels else readable(label)

    def work() -> Update:
        smaller, update = hosted.classifier.remove(meant)
        hosted.replace(smaller)
        return update

    return _told(hosted, await answered(request, hosted.batcher.run(work), own.limits.answer_s), [])


@router.post("/v1/corrections", openapi_extra=LABELLED, responses=refusals(400, 401, 403, 404, 413, 415, 422))
async def correct(request: Request) -> dict[str, Any]:
    """Keep examples with the label that a person gave them, in the folder of `--corrections`.

    A model of boxes takes one picture and `boxes` in place of `label`: a JSON list of all that is on it, each
    with its label and its edges x0 y0 x1 y1 in 0..1; an empty list says that nothing is there.
    """
    own = served(request)
    kept = _kept(own)
    async with _given(request, None) as (form, examples, _):
        hosted = own.models.chosen(form.fields.get("model"))
        if finds(hosted.model):
            return await run_in_threadpool(_keep_boxes, kept, hosted, form, examples)
        label = check_label(_label(form), hosted.model.labels)

        def work() -> None:
            for example in examples:
                if example.sample is not None:
                    kept.keep(hosted.name, label, example.sample.source)

        await run_in_threadpool(work)
    counts = await run_in_threadpool(kept.counts, hosted.name)
    saved = sum(example.sample is not None for example in examples)
    return {"model": hosted.name, "label": label, "saved": saved, "counts": counts}


@router.get("/v1/corrections", responses=refusals(401, 403))
async def corrections(request: Request) -> dict[str, Any]:
    """How many corrected examples are kept, by model and label."""
    own = served(request)
    kept = _kept(own)
    return {"models": {name: await run_in_threadpool(_counts, kept, own.models[name]) for name in own.models}}


def _counts(kept: Corrections, hosted: ServedModel) -> dict[str, int]:
    """How many examples of each label are kept, of a model of boxes how many boxes."""
    if finds(hosted.model):
        return box_counts(kept.folder_of(hosted.name))
    return kept.counts(hosted.name)


def _keep_boxes(
    kept: Corrections, hosted: ServedModel, form: Form, examples: list[Example]
) -> dict[str, Any]:
    """Keep one picture with its boxes.

    Raises:
        RequestError: there are several pictures, or no boxes.
    """
    if len(examples) != 1 or "boxes" not in form.fields:
        raise RequestError(422, f"Corrections of boxes bring one picture and boxes: {EXPECTED}.")
    folder = kept.folder_of(hosted.name)
    boxes = boxes_of(form.fields["boxes"], hosted.model.labels)
    (example,) = examples
    assert example.sample is not None
    keep_boxes(folder, hosted.model.labels, example.sample.path, boxes)
    return {"model": hosted.name, "boxes": len(boxes), "saved": 1, "counts": box_counts(folder)}


@asynccontextmanager
async def _given(
    request: Request, hosted: ServedModel | None
) -> AsyncIterator[tuple[Form, list[Example], Path]]:
    """Form, examples and the folder they lie in; at least one of them can be used."""
    own = served(request)
    async with intake.form_of(request, own.limits) as form:
        chosen = hosted or own.models.chosen(form.fields.get("model"))
        job = chosen.job if hosted is None else chosen.classifier.job
        if not form.parts:
            raise intake.nothing(job.noun)
        with intake.own_folder(own.folder) as folder:
            examples = await intake.prepared(form, job, folder, own.limits)
            if all(example.sample is None for example in examples):
                raise intake.refusal(examples)
            yield form, examples, folder


def _label(form: Form) -> str:
    label = form.fields.get("label", "")
    if not label.strip():
        raise RequestError(422, "Which label? Add label=NAME.")
    return label


def _as_file(example: Example, folder: Path) -> Path:
    """Where the example lies; a text is written there first, so that nothing it says is taken for a path."""
    assert example.sample is not None
    return example.sample.source.as_file(folder, example.sample.fingerprint[:20])


def _writable(request: Request) -> Served:
    own = served(request)
    if own.read_only:
        raise RequestError(403, "This server was started with --read-only: its models cannot be changed.")
    return own


def _kept(own: Served) -> Corrections:
    if own.corrections is None:
        raise RequestError(403, "This server keeps no corrections: start it with --corrections FOLDER.")
    return own.corrections


def _told(hosted: ServedModel, update: Update, examples: list[Example]) -> dict[str, Any]:
    skipped = [{"path": each.name, "reason": each.reason} for each in examples if each.sample is None]
    told = asdict(update) | {"model": hosted.name, "labels": list(hosted.model.labels)}
    return told | {"skipped": skipped}
