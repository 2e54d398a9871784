"""One fine-tuning job after the other, each in a process of its own (`preseason fit`)."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from queue import Queue
from typing import Any

from preseason.serving.jobs import RESULTS, WAITING, Job, Jobs
from preseason.serving.protocol import now

GRACE_S = 30.0
"""Time for a fit to keep its last state when it is told to stop."""

FAULTS = {2: "invalid_hyperparameters", 3: "invalid_training_file", 4: "model_not_found"}
"""Exit codes of `preseason fit` as the protocol's words."""


class Worker:
    """Runs jobs in the order in which they come.

    Args:
        command: the arguments of `preseason` that fit a job.
    """

    def __init__(self, jobs: Jobs, command: Callable[[Job], Sequence[str]]) -> None:
        self.jobs, self.command = jobs, command
        self._queue: Queue[str | None] = Queue()
        self._thread: threading.Thread | None = None
        self._running: tuple[str, subprocess.Popen[str]] | None = None
        self._lock = threading.Lock()
        self._closing = False

    def start(self) -> None:
        """Begin, with the jobs that an earlier server left undone."""
        self._closing = False
        for job in reversed(self.jobs.all()):
            if job.status in (*WAITING, "pausing"):
                self.jobs.change(job.id, (*WAITING, "pausing"), status="queued")
                self._queue.put(job.id)
        self._thread = threading.Thread(target=self._work, name="fine-tuning", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the running fit, which keeps its state; the job goes on when a server starts again."""
        self._closing = True
        self._queue.put(None)
        self._interrupt(None)
        if self._thread is not None:
            self._thread.join(GRACE_S + 10)

    def put(self, name: str) -> None:
        """Queue a job."""
        self._queue.put(name)

    def interrupt(self, name: str) -> None:
        """Stop the job's fit if it runs."""
        self._interrupt(name)

    def _work(self) -> None:
        while (name := self._queue.get()) is not None and not self._closing:
            if self.jobs.change(name, ("validating_files", "queued"), status="running") is not None:
                try:
                    self._run(name)
                except Exception as error:
                    self._fail(name, "server_error", f"{type(error).__name__}: {error}")

    def _run(self, name: str) -> None:
        job = self.jobs.get(name)
        assert job is not None
        self.jobs.say(name, f"Fine-tuning of {job.base} started.")
        command = [sys.executable, "-m", "preseason", *self.command(job)]
        # A session of its own: Ctrl-C for the server is not meant for the fit, which `close` stops.
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        with process:
            with self._lock:
                self._running = (name, process)
            changed = self.jobs.get(name)
            if self._closing or changed is None or changed.status != "running":
                self._interrupt(name)
            reader = threading.Thread(target=self._follow, args=(name, process), daemon=True)
            reader.start()
            assert process.stdout is not None
            told = process.stdout.read()
            reader.join()
            code = process.wait()
            with self._lock:
                self._running = None
        self._end(name, code, told)

    def _follow(self, name: str, process: subprocess.Popen[str]) -> None:
        """Every line of the fit becomes an event."""
        assert process.stderr is not None
        for line in process.stderr:
            text = line.strip()
            if text:
                self.jobs.say(name, text, "warn" if text.startswith("Warning") else "info")

    def _end(self, name: str, code: int, told: str) -> None:
        outcome = _json(told)
        if code == 0 and outcome is not None:
            self._finish(name, outcome)
        elif self._closing:
            self.jobs.change(name, ("running", "pausing"), status="queued")
        elif self.jobs.change(name, ("pausing",), status="paused") is None:
            message = (outcome or {}).get("error", {}).get("message") or f"The fit ended with {code}."
            self._fail(name, FAULTS.get(code, "server_error"), message)

    def _finish(self, name: str, outcome: dict[str, Any]) -> None:
        training = outcome["training"]
        rows = [(int(step), float(loss)) for step, loss in training["curve"]]
        lines = ["step,valid_loss", *(f"{step},{loss:.5f}" for step, loss in rows)]
        (self.jobs.place(name) / RESULTS).write_text("\n".join(lines) + "\n", "utf-8")
        for step, loss in rows:
            data = {"step": step, "valid_loss": loss, "total_steps": training["steps"]}
            self.jobs.say(name, f"Step {step}: validation loss {loss:.3f}", data=data)
        metrics = outcome["metrics"]
        self.jobs.say(
            name,
            f"Perplexity on the held-out part: {metrics['perplexity_before']:.1f} before, "
            f"{metrics['perplexity']:.1f} after.",
        )
        done = self.jobs.change(
            name, ("running", "pausing"), status="succeeded", finished_at=now(), tokens=training["tokens"]
        )
        if done is not None:
            self.jobs.say(name, f"New fine-tuned model created: {done.model}")

    def _fail(self, name: str, code: str, message: str) -> None:
        parameter = "training_file" if code == "invalid_training_file" else None
        error = {"code": code, "message": message, "param": parameter}
        if self.jobs.change(name, ("running",), status="failed", finished_at=now(), error=error) is not None:
            self.jobs.say(name, message, "error")

    def _interrupt(self, name: str | None) -> None:
        """Ctrl-C for the running fit (of that job, or whichever), and its end where that does not help."""
        with self._lock:
            running = self._running
        if running is None or name not in (None, running[0]):
            return
        process = running[1]
        process.send_signal(signal.SIGINT)
        threading.Thread(target=_end_in_time, args=(process,), daemon=True).start()


def _end_in_time(process: "subprocess.Popen[str]") -> None:
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _json(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
