"""Fitting a finder again with the boxes that people put right, judged before anybody has to use it."""

import hashlib
import shutil
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

import preseason
from preseason.data.dataset import Sample
from preseason.errors import UsageError
from preseason.evaluation.matching import pairings
from preseason.inference.answers import BoxPredictions
from preseason.models.detector import Detector
from preseason.models.loading import finds
from preseason.problems.base import problems
from preseason.recipe import Recipe, recipe_from
from preseason.runtime.progress import Progress, Silent
from preseason.serving.chores import Chore
from preseason.serving.examples import later, refusals
from preseason.serving.faults import RequestError
from preseason.serving.hosting import Models, Runtime, ServedModel
from preseason.serving.state import Served, served
from preseason.storage import replace_folder
from preseason.tasks.reading import columns_of, fingerprinted, read_for

router = APIRouter(tags=["teaching"])
MAX_WAIT_S = 25.0
REFIT = "refit"


class Wait(BaseModel):
    """How long an answer may be waited for."""

    wait_s: float = Field(0, ge=0, le=MAX_WAIT_S)


@dataclass(frozen=True)
class Refitted:
    """A finder that was fitted again, and how it compares on the corrected pictures.

    Attributes:
        folder: where it lies until it is taken or left.
        told: both finders' figures, as JSON values.
    """

    folder: Path
    told: dict[str, Any]


def check(models: Models, data: Path | None, keeps: bool) -> None:
    """Refuse labelled pictures that no finder of the server could be fitted on again.

    Raises:
        UsageError: corrections are not kept, or there is not exactly one finder.
    """
    if data is None:
        return
    if not keeps:
        raise UsageError("--refit-data is for corrected boxes: add --corrections FOLDER.")
    found = [name for name, hosted in models.items() if finds(hosted.model)]
    if len(found) != 1:
        raise UsageError(
            f"--refit-data holds the labelled pictures of one finder; {len(found)} of the models are finders."
        )
    if not data.exists():
        raise UsageError(f"--refit-data {data}: there is no such file or folder.")


@router.post("/v1/models/{name}/refit", responses=later(401, 403, 404, 422, 429))
async def refit(request: Request, name: str, asked: Wait | None = None) -> Response:
    """Fit a finder again, on its labelled pictures and the corrections, in the background.

    While it is being fitted the answer is 202 with how far it is: ask again. Then both finders are compared
    on the corrected pictures; the new one is not used before `PUT` asks for it.
    """
    own, hosted, data = _allowed(request, name)
    corrected = _corrected(own, hosted)
    key = (hosted.name, REFIT, hosted.loaded, await run_in_threadpool(_state, corrected))
    place = own.folder / f"{REFIT}-{hashlib.blake2b(repr(key).encode(), digest_size=8).hexdigest()}"

    def work(progress: Progress) -> Refitted:
        return _fitted_again(hosted, data, corrected, place, own.where, progress)

    chore = own.chores.put(key, work)
    if asked is not None and asked.wait_s:
        await run_in_threadpool(chore.over.wait, asked.wait_s)
    if not chore.over.is_set():
        return JSONResponse(chore.told(), 202)
    return JSONResponse({"model": hosted.name} | _result(chore).told)


@router.put("/v1/models/{name}/refit", responses=refusals(401, 403, 404, 409))
async def take(request: Request, name: str) -> dict[str, Any]:
    """Use the finder that was fitted again: it is saved in the place of the old one."""
    own, hosted, _ = _allowed(request, name)
    chore = own.chores.last(_of(hosted))
    if chore is None or not chore.over.is_set():
        raise RequestError(409, f"{hosted.name} was not fitted again yet: POST to this address first.")
    new = _result(chore)

    def work() -> None:
        replace_folder(hosted.folder, lambda part: _copied(new.folder, part))
        hosted.reload()
        own.chores.stop(_of(hosted))
        shutil.rmtree(new.folder, ignore_errors=True)

    await run_in_threadpool(work)
    return {"model": hosted.name, "taken": True, "labels": list(hosted.model.labels)}


@router.delete("/v1/models/{name}/refit", responses=refusals(401, 403, 404))
async def leave(request: Request, name: str) -> dict[str, Any]:
    """Stop fitting, or leave the finder that was fitted again unused."""
    own, hosted, _ = _allowed(request, name)
    await run_in_threadpool(own.chores.stop, _of(hosted))
    return {"model": hosted.name, "taken": False}


def _allowed(request: Request, name: str) -> tuple[Served, ServedModel, Path]:
    own = served(request)
    hosted = own.models[name]
    if own.read_only:
        raise RequestError(403, "This server was started with --read-only: its models cannot be changed.")
    if not finds(hosted.model):
        raise RequestError(422, f"{name} finds nothing: teach it by `classes`, or run preseason fit.")
    if own.refit_data is None or own.corrections is None:
        raise RequestError(
            403,
            "This server cannot fit again: start it with --corrections FOLDER, and --refit-data with the "
            f"pictures that {name} was fitted on.",
        )
    return own, hosted, own.refit_data


def _corrected(own: Served, hosted: ServedModel) -> Path:
    """Where the corrected pictures lie.

    Raises:
        RequestError: there are none.
    """
    assert own.corrections is not None
    folder = own.corrections.folder_of(hosted.name)
    if not any((folder / "labels").glob("*.txt")):
        raise RequestError(422, f"No boxes of {hosted.name} were put right yet: keep some first.")
    return folder


def _of(hosted: ServedModel) -> Callable[[Hashable], bool]:
    """Whether work is a fit of this model."""
    return lambda key: isinstance(key, tuple) and key[:2] == (hosted.name, REFIT)


def _state(folder: Path) -> str:
    """What changes with every correction."""
    texts = sorted((path.name, path.read_bytes()) for path in (folder / "labels").glob("*.txt"))
    return hashlib.blake2b(repr(texts).encode(), digest_size=8).hexdigest()


def _result(chore: Chore) -> Refitted:
    if chore.status != "done":
        raise RequestError(422, f"The fit ended early: {chore.reason or chore.status}.")
    result: Refitted = chore.result
    return result


def _copied(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)


def _fitted_again(
    hosted: ServedModel, data: Path, corrected: Path, place: Path, where: Runtime, progress: Progress
) -> Refitted:
    """Fit on both, then hold both finders against the corrected pictures."""
    old = hosted.model
    assert isinstance(old, Detector)
    job = old.job
    pictures, _ = fingerprinted(job.read(corrected, job.accept), job)
    known = {sample.fingerprint for sample in pictures}
    recipe = recipe_from(None, hosted.folder, {"cache": where.cache, "device": where.device})
    before = read_for(job, data, progress, columns_of(recipe)).dataset
    # A picture that was put right replaces what was labelled on it; a declared test part stays unseen.
    rest = (each for each in before.samples if each.fingerprint not in known and each.split != "test")
    both = before.keep(tuple(replace(each, split=None) for each in (*rest, *pictures)))
    new = preseason.fit(both, place, recipe=_on_given(recipe, job.name), progress=progress)
    assert isinstance(new, Detector)
    return Refitted(place, compared(old, new, pictures))


def _on_given(recipe: Recipe, task: str) -> Recipe:
    """The recipe without what it says of reading: the pictures are read already."""
    return replace(
        recipe, task=task, layout=None, path=None, text=None, label=None, group=None, split=None, rename=(),
        refit=True,
        given=recipe.given - {"layout", "path", "text", "label", "group", "split", "rename", "refit"},
    )  # fmt: skip


def compared(old: Detector, new: Detector, pictures: tuple[Sample, ...]) -> dict[str, Any]:
    """Figures of both finders on the corrected pictures, as JSON values.

    Of the new finder what the fit's cross-validation found counts: by networks that had not seen the picture.
    """
    wanted = {sample.fingerprint for sample in pictures}
    answers = new.record.answers
    assert isinstance(answers, BoxPredictions)
    unseen = [i for i, each in enumerate(answers.samples) if each.fingerprint in wanted]
    fresh = replace(
        answers,
        samples=tuple(answers.samples[i] for i in unseen),
        found=tuple(answers.found[i] for i in unseen),
        sizes=tuple(answers.sizes[i] for i in unseen),
    )
    stale, _ = old.answers(fresh.samples, Silent())
    least = dict(zip(old.labels, stale.thresholds, strict=True))
    every = tuple(dict.fromkeys((*fresh.labels, *old.labels)))
    # What the old finder does not know it misses; a score of 1.0 and more nothing has.
    stale = replace(stale, labels=every, thresholds=tuple(least.get(label, 1.0) for label in every))
    return {"pictures": len(unseen), "before": _figures(stale), "after": _figures(fresh)}


def _figures(answers: BoxPredictions) -> dict[str, Any]:
    """Average precision, and things missed and made up at the thresholds."""
    figures = problems.get("detection").measure(answers)
    pairs = pairings(answers)
    return {
        "ap": figures["ap"].value,
        "ap50": figures["ap50"].value,
        "faults": sum(each.faults for each in pairs),
    }
