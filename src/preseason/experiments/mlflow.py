"""Fits as runs of MLflow, in a local store or on a tracking server."""

import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from preseason.errors.packages import require
from preseason.experiments.base import path_of, trackers
from preseason.runtime.callbacks import Callback
from preseason.storage import CARD, REPORT

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "preseason"
LOCAL = "sqlite:///"
MOST_PARAMETERS = 100
"""That MLflow takes at a time."""


class MLflow(Callback):
    """Makes a run of each fit: parameters, curves, figures, pictures, and report and card as artifacts.

    Args:
        uri: of the store, e.g. `sqlite:///mlflow.db` or that of a server; None for MLflow's own choice,
            which MLFLOW_TRACKING_URI sets.
        experiment: in which the runs lie; it is made where it is not there.

    Attributes:
        run_id: of the last fit; empty before the first.

    MLflow's telemetry is switched off, unless MLFLOW_DISABLE_TELEMETRY is set otherwise.

    Raises:
        MissingPackageError: the extra `mlflow` is not installed.
    """

    def __init__(self, uri: str | None = None, experiment: str = EXPERIMENT) -> None:
        require("A log for MLflow", "mlflow", "sqlalchemy", "alembic")
        # It is read when mlflow is imported.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        self.uri, self.experiment, self.run_id = uri, experiment, ""
        self._client: MlflowClient | None = None

    def fit_started(self, name: str, settings: Mapping[str, Any]) -> None:
        """A new run, with the settings as parameters."""
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self._client = client = MlflowClient(self.uri)
        known = client.get_experiment_by_name(self.experiment)
        place = self._made(client) if known is None else known.experiment_id
        self.run_id = client.create_run(place, run_name=name).info.run_id
        parameters = [Param(key, str(value)) for key, value in settings.items()]
        for start in range(0, len(parameters), MOST_PARAMETERS):
            client.log_batch(self.run_id, params=parameters[start : start + MOST_PARAMETERS])

    def stage_finished(self, stage: str, seconds: float) -> None:
        """How long it took."""
        self._log({path_of(stage, "seconds"): seconds}, 0)

    def epoch_finished(self, stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
        """A point of each curve."""
        self._log({path_of(stage, name): value for name, value in metrics.items()}, epoch)

    def metrics_found(self, metrics: Mapping[str, float]) -> None:
        """A figure of each."""
        self._log(metrics, 0)

    def picture_made(self, name: str, picture: NDArray[np.uint8]) -> None:
        """A PNG among the artifacts."""
        self._open().log_image(self.run_id, picture, f"pictures/{_file_name(name)}.png")

    def fit_finished(self, folder: Path | None) -> None:
        """The run is over; report and card are its artifacts."""
        for name in (REPORT, CARD):
            if folder is not None and (folder / name).is_file():
                self._open().log_artifact(self.run_id, str(folder / name))
        self._open().set_terminated(self.run_id, "FINISHED")

    def fit_failed(self, error: BaseException) -> None:
        """The run is marked: stopped by the user, or failed."""
        if self._client is not None and self.run_id:
            stopped = isinstance(error, KeyboardInterrupt)
            self._client.set_terminated(self.run_id, "KILLED" if stopped else "FAILED")

    def _made(self, client: "MlflowClient") -> str:
        """The experiment; of a local database, its files lie beside it, wherever the fit runs."""
        _, found, path = (self.uri or "").partition(LOCAL)
        beside = Path(path).absolute().parent / "mlruns" if found and path else None
        return str(client.create_experiment(self.experiment, None if beside is None else beside.as_uri()))

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        found: Sequence[Metric] = [Metric(_key(name), value, now, step) for name, value in metrics.items()]
        self._open().log_batch(self.run_id, metrics=found)

    def _open(self) -> "MlflowClient":
        assert self._client is not None, "fit_started comes first"
        return self._client


def _key(name: str) -> str:
    """The name with what MLflow does not take in a metric's replaced."""
    return re.sub(r"[^\w\-. :/]", "-", name)


def _file_name(name: str) -> str:
    return re.sub(r"[^\w\-.]+", "-", name)


trackers.add("mlflow", lambda place: MLflow(place or None))
