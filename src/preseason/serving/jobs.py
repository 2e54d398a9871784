"""Fine-tuning jobs on disk: FOLDER/ID/job.json, events.jsonl, data/, model/."""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from preseason.runtime.files import write_text
from preseason.serving.protocol import new_id, now

JOB, EVENTS, MODEL, RESULTS = "job.json", "events.jsonl", "model", "results.csv"
WAITING = ("validating_files", "queued", "running")
OVER = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Job:
    """One fine-tuning job.

    Attributes:
        base: name of the base model.
        training_file, validation_file: names of uploads.
        settings: of the fit, as on the command line: `epochs`, `batch_size`, `learning_rate`, `seed`.
        asked: hyperparameters as the client gave them.
        status: one of the protocol's words.
        steps: training steps, and `tokens` that were trained on, when it is over.
    """

    id: str
    base: str
    training_file: str
    validation_file: str | None = None
    suffix: str | None = None
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, str] | None = None
    created_at: int = 0
    finished_at: int | None = None
    status: str = "validating_files"
    error: dict[str, Any] | None = None
    tokens: int | None = None

    @property
    def model(self) -> str:
        """The name of the model that it makes."""
        return f"ft:{self.base}:{self.suffix or 'preseason'}:{self.id[-8:]}"

    def shown(self) -> dict[str, Any]:
        """The job as the protocol shows it."""
        done = self.status == "succeeded"
        empty = {"code": None, "message": None, "param": None}
        return {
            "id": self.id,
            "object": "fine_tuning.job",
            "created_at": self.created_at,
            "finished_at": self.finished_at,
            "estimated_finish": None,
            "model": self.base,
            "fine_tuned_model": self.model if done else None,
            "organization_id": "local",
            "status": self.status,
            "error": self.error or empty,
            "training_file": self.training_file,
            "validation_file": self.validation_file,
            "result_files": [f"file-results-{self.id}"] if done else [],
            "trained_tokens": self.tokens,
            "seed": self.seed,
            "hyperparameters": self.asked,
            "method": {"type": "supervised", "supervised": {"hyperparameters": self.asked}},
            "integrations": [],
            "metadata": self.metadata,
            "user_provided_suffix": self.suffix,
        }


class Jobs:
    """The jobs in `folder`; every change is written before it counts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._jobs = {job.id: job for job in self._read()}

    def add(self, job: Job) -> Job:
        """Keep a new job under a name of its own."""
        named = replace(job, id=new_id("ftjob-"), created_at=now())
        with self._lock:
            self.place(named.id).mkdir(parents=True)
            self._write(named)
        return named

    def get(self, name: str) -> Job | None:
        """The job called `name`."""
        with self._lock:
            return self._jobs.get(name)

    def all(self) -> list[Job]:
        """Every job, the newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: (-job.created_at, job.id))

    def change(self, name: str, when: tuple[str, ...], **changes: Any) -> Job | None:
        """The job with the changes, if its status is one of `when`; None where it no longer is."""
        with self._lock:
            job = self._jobs[name]
            if job.status not in when:
                return None
            return self._write(replace(job, **changes))

    def say(self, name: str, message: str, level: str = "info", data: dict[str, Any] | None = None) -> None:
        """Add an event to the job."""
        event = {
            "id": new_id("ftevent-"),
            "object": "fine_tuning.job.event",
            "created_at": now(),
            "level": level,
            "message": message,
            "type": "message" if data is None else "metrics",
            "data": data or {},
        }
        with self._lock, (self.place(name) / EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")

    def events(self, name: str) -> list[dict[str, Any]]:
        """What happened to the job, the latest first; a line that was cut off by a stop is passed over."""
        path = self.place(name) / EVENTS
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return list(_parsed(lines))[::-1]

    def place(self, name: str) -> Path:
        """Folder of the job."""
        return self.folder / name

    def models(self) -> dict[str, Path]:
        """The models of finished jobs with their folders."""
        found = {job.model: self.place(job.id) / MODEL for job in self.all() if job.status == "succeeded"}
        return {name: place for name, place in found.items() if place.is_dir()}

    def _read(self) -> Iterator[Job]:
        for path in self.folder.glob(f"ftjob-*/{JOB}"):
            yield Job(**json.loads(path.read_text("utf-8")))

    def _write(self, job: Job) -> Job:
        write_text(self.place(job.id) / JOB, json.dumps(asdict(job)))
        self._jobs[job.id] = job
        return job


def _parsed(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue
