"""`/v1/files` and `/v1/fine_tuning/jobs` of the OpenAI protocol, carried out on this machine.

The stock client tunes and follows a job here as it does elsewhere:

    client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
    file = client.files.create(file=open("talks.jsonl", "rb"), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="gemma-3-270m", training_file=file.id)
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import BaseModel, Field

from preseason.language.gemma import NAME
from preseason.serving.jobs import MODEL, OVER, RESULTS, WAITING, Job, Jobs
from preseason.serving.protocol import ApiError, ProtocolRoute, listed, now, page
from preseason.serving.uploads import Uploads
from preseason.serving.workers import Worker

DEFAULT_BASES: Mapping[str, Mapping[str, str]] = {NAME: {}}
RATE = 1e-3
"""Peak learning rate of low-rank adapters, which `learning_rate_multiplier` multiplies."""


@dataclass(frozen=True)
class Service:
    """Where jobs are kept and how they are fitted.

    Attributes:
        folder: of files, jobs and models.
        bases: base models that may be tuned, each with the settings of `fit` that name it
            (`backbone`, `weights`).
        settings: further settings of every fit, e.g. `budget`, `cache`, `device`.
    """

    folder: Path
    bases: Mapping[str, Mapping[str, str]]
    settings: Mapping[str, str]
    uploads: Uploads
    jobs: Jobs
    worker: Worker

    @classmethod
    def of(
        cls,
        folder: Path,
        bases: Mapping[str, Mapping[str, str]] = DEFAULT_BASES,
        settings: Mapping[str, str] | None = None,
    ) -> "Service":
        """The service of a folder, which is made if it is not there."""
        uploads, jobs = Uploads(folder / "files"), Jobs(folder / "jobs")
        common = dict(settings or {})
        worker = Worker(jobs, lambda job: command_of(job, uploads, jobs, bases, common))
        return cls(folder, bases, common, uploads, jobs, worker)

    @contextmanager
    def running(self) -> Iterator[None]:
        """While it lasts, queued jobs are carried out."""
        self.worker.start()
        try:
            yield
        finally:
            self.worker.close()

    def models(self) -> dict[str, Path]:
        """The models of finished jobs with their folders."""
        return self.jobs.models()


def command_of(
    job: Job,
    uploads: Uploads,
    jobs: Jobs,
    bases: Mapping[str, Mapping[str, str]],
    common: Mapping[str, str],
) -> list[str]:
    """The arguments of `preseason` that fit the job."""
    place = jobs.place(job.id)
    data = uploads.data(job.training_file)
    if job.validation_file is not None:
        both = place / "data"
        both.mkdir(exist_ok=True)
        shutil.copyfile(data, both / "train.jsonl")
        shutil.copyfile(uploads.data(job.validation_file), both / "validation.jsonl")
        data = both
    settings = {**common, **bases[job.base], **job.settings, "seed": job.seed}
    flags = [part for key, value in settings.items() for part in (f"--{key.replace('_', '-')}", str(value))]
    return ["fit", str(data), "-o", str(place / MODEL), "--json", *flags]


class Hyperparameters(BaseModel):
    """Numbers, or `auto`."""

    n_epochs: Literal["auto"] | Annotated[int, Field(ge=1, le=50)] = "auto"
    batch_size: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = "auto"
    learning_rate_multiplier: Literal["auto"] | Annotated[float, Field(gt=0, le=100)] = "auto"

    def settings(self) -> dict[str, Any]:
        """Those that were named, as settings of a fit."""
        found = {"epochs": self.n_epochs, "batch_size": self.batch_size}
        if self.learning_rate_multiplier != "auto":
            found["learning_rate"] = self.learning_rate_multiplier * RATE  # type: ignore[assignment]
        return {key: value for key, value in found.items() if value != "auto"}


class Supervised(BaseModel):
    """The settings of supervised tuning."""

    hyperparameters: Hyperparameters = Hyperparameters()


class Method(BaseModel):
    """How to tune; only supervised tuning is known."""

    type: Literal["supervised"]
    supervised: Supervised = Supervised()


class JobRequest(BaseModel):
    """What a client asks for; `hyperparameters` at the top is the older form."""

    model: str
    training_file: str
    validation_file: str | None = None
    suffix: Annotated[str, Field(max_length=64, pattern=r"^[\w.-]+$")] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    method: Method | None = None
    hyperparameters: Hyperparameters | None = None
    metadata: dict[str, str] | None = None

    def chosen(self) -> Hyperparameters:
        """The hyperparameters, from whichever form."""
        return (
            self.method.supervised.hyperparameters
            if self.method
            else self.hyperparameters or Hyperparameters()
        )

    def job(self) -> Job:
        """The job to be queued; whoever keeps it names it."""
        chosen = self.chosen()
        return Job(
            id="",
            base=self.model,
            training_file=self.training_file,
            validation_file=self.validation_file,
            suffix=self.suffix,
            seed=self.seed or 0,
            settings=chosen.settings(),
            asked=chosen.model_dump(),
            metadata=self.metadata,
            status="queued",
        )


router = APIRouter(prefix="/v1", route_class=ProtocolRoute, tags=["fine-tuning"])


def _service(request: Request) -> Service:
    service: Service = request.app.state.fine_tuning
    return service


Tuning = Annotated[Service, Depends(_service)]


@router.post("/files")
def upload_file(service: Tuning, file: UploadFile, purpose: Annotated[str, Form()]) -> dict[str, Any]:
    """Keep a file."""
    return service.uploads.add(file.filename or "", purpose, file.file)


@router.get("/files")
def list_files(
    service: Tuning, after: str | None = None, limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000
) -> dict[str, Any]:
    """The files, the newest first."""
    return page(service.uploads.all(), after, limit)


@router.get("/files/{name}")
def describe_file(service: Tuning, name: str) -> dict[str, Any]:
    """What is known of one."""
    job = _job_of_results(service, name)
    return _about_results(service, job) if job is not None else service.uploads.about(name)


@router.get("/files/{name}/content", response_model=None)
def file_content(service: Tuning, name: str) -> FileResponse | PlainTextResponse:
    """Its bytes."""
    job = _job_of_results(service, name)
    return FileResponse(_results(service, job) if job is not None else service.uploads.data(name))


@router.delete("/files/{name}")
def delete_file(service: Tuning, name: str) -> dict[str, Any]:
    """Delete it."""
    needed = [job.id for job in service.jobs.all() if job.status not in OVER and _uses(job, name)]
    if needed:
        raise ApiError(f"{name} is needed by {', '.join(needed)}: cancel that first.", 409, "file_in_use")
    service.uploads.remove(name)
    return {"id": name, "object": "file", "deleted": True}


@router.post("/fine_tuning/jobs")
def create_job(service: Tuning, request: JobRequest) -> dict[str, Any]:
    """Queue a job."""
    if request.model not in service.bases:
        known = ", ".join(service.bases)
        raise ApiError(
            f"There is no base model {request.model!r} here. There are: {known}.",
            404,
            "model_not_found",
            "model",
        )
    for name in (request.training_file, request.validation_file):
        if name is not None:
            service.uploads.about(name)
    job = service.jobs.add(request.job())
    service.jobs.say(job.id, f"Created fine-tuning job: {job.id}")
    service.worker.put(job.id)
    return job.shown()


@router.get("/fine_tuning/jobs")
def list_jobs(
    service: Tuning, after: str | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, Any]:
    """The jobs, the newest first."""
    return page([job.shown() for job in service.jobs.all()], after, limit)


@router.get("/fine_tuning/jobs/{name}")
def describe_job(service: Tuning, name: str) -> dict[str, Any]:
    """One of them."""
    return _job(service, name).shown()


@router.post("/fine_tuning/jobs/{name}/cancel")
def cancel_job(service: Tuning, name: str) -> dict[str, Any]:
    """End it; nothing of it is kept."""
    return _change(service, name, (*WAITING, "pausing", "paused"), "cancelled").shown()


@router.post("/fine_tuning/jobs/{name}/pause")
def pause_job(service: Tuning, name: str) -> dict[str, Any]:
    """Stop it where it is."""
    waiting = service.jobs.change(_job(service, name).id, ("validating_files", "queued"), status="paused")
    return (waiting or _change(service, name, ("running",), "pausing")).shown()


@router.post("/fine_tuning/jobs/{name}/resume")
def resume_job(service: Tuning, name: str) -> dict[str, Any]:
    """Go on from the last state that was kept."""
    job = _change(service, name, ("paused",), "queued")
    service.worker.put(job.id)
    return job.shown()


@router.delete("/models/{name:path}")
def delete_model(service: Tuning, name: str) -> dict[str, Any]:
    """Delete the model of a finished job."""
    place = service.models().get(name)
    if place is None:
        raise ApiError(f"There is no fine-tuned model {name!r} here.", 404, "model_not_found", "model")
    shutil.rmtree(place)
    return {"id": name, "object": "model", "deleted": True}


@router.get("/fine_tuning/jobs/{name}/events")
def list_events(
    service: Tuning, name: str, after: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 20
) -> dict[str, Any]:
    """What happened, the latest first."""
    return page(service.jobs.events(_job(service, name).id), after, limit)


@router.get("/fine_tuning/jobs/{name}/checkpoints")
def list_checkpoints(service: Tuning, name: str) -> dict[str, Any]:
    """None: only the model of the lowest held-out loss is kept."""
    _job(service, name)
    return listed([])


def _job(service: Service, name: str) -> Job:
    job = service.jobs.get(name)
    if job is None:
        raise ApiError(
            f"There is no fine-tuning job {name!r} here.", 404, "fine_tune_not_found", "fine_tuning_job_id"
        )
    return job


def _change(service: Service, name: str, when: tuple[str, ...], status: str) -> Job:
    job = _job(service, name)
    over = {"finished_at": now()} if status in OVER else {}
    changed = service.jobs.change(name, when, status=status, **over)
    if changed is None:
        raise ApiError(
            f"{name} is {job.status}: that cannot be done now; it could while {', '.join(when)}.",
            400,
            "invalid_status",
        )
    service.jobs.say(name, f"The job is {status}.")
    service.worker.interrupt(name)
    return changed


def _uses(job: Job, name: str) -> bool:
    return name in (job.training_file, job.validation_file)


def _job_of_results(service: Service, name: str) -> Job | None:
    return service.jobs.get(name.removeprefix("file-results-")) if name.startswith("file-results-") else None


def _results(service: Service, job: Job) -> Path:
    path = service.jobs.place(job.id) / RESULTS
    if not path.is_file():
        raise ApiError(f"{job.id} has no results: it is {job.status}.", 404, "file_not_found")
    return path


def _about_results(service: Service, job: Job) -> dict[str, Any]:
    return {
        "id": f"file-results-{job.id}",
        "object": "file",
        "filename": RESULTS,
        "bytes": _results(service, job).stat().st_size,
        "created_at": job.finished_at or job.created_at,
        "purpose": "fine-tune-results",
        "status": "processed",
    }
