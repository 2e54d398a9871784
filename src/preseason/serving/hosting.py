"""The models of a server: loaded, named, watched, and put in the place of what they replace."""

import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from preseason.errors import PreseasonError, UsageError
from preseason.formatting import did_you_mean
from preseason.models.classifier import Model
from preseason.models.loading import classifies, finds, load
from preseason.runtime.progress import Progress, Silent
from preseason.serving.batching import Batcher, Meter
from preseason.serving.faults import RequestError
from preseason.storage import MANIFEST
from preseason.tasks.base import Task
from preseason.trained_model import TrainedModel

Stamp = tuple[int, int]


@dataclass(frozen=True)
class Runtime:
    """Where models run: as `preseason.load` takes it."""

    device: str = "auto"
    cache: str | None = None


class ServedModel:
    """One model of a server.

    Attributes:
        name: as requests call it.
        folder: where it was loaded from.
        loaded: when, in seconds since 1970.
        last_error: why the last reload failed; empty where it did not.
    """

    def __init__(self, name: str, folder: Path, where: Runtime, waiting: int, meter: Meter) -> None:
        self.name, self.folder, self._where = name, folder, where
        self.last_error, self.loaded = "", 0
        self._lock = threading.Lock()
        self._stamp: Stamp | None = None
        self.batcher = Batcher(name, self._load(Silent()), waiting, meter)

    @property
    def model(self) -> TrainedModel:
        """What answers now."""
        model: TrainedModel = self.batcher.model
        return model

    @property
    def classifier(self) -> Model:
        """What answers now, where it names things.

        Raises:
            RequestError: it talks.
        """
        model = self.model
        if not classifies(model):
            does = "finds things and names no whole examples" if finds(model) else "talks and names nothing"
            use = "/v1/predict" if finds(model) else "/v1/chat/completions"
            raise RequestError(422, f"{self.name} {does}: use {use}.")
        return model

    @property
    def job(self) -> Task:
        """What it reads, where it answers examples.

        Raises:
            RequestError: it talks.
        """
        model = self.model
        return model.job if finds(model) else self.classifier.job

    @property
    def changed(self) -> bool:
        """Whether another model lies in the folder than the one that answers."""
        stamp = stamp_of(self.folder)
        return stamp is not None and stamp != self._stamp

    def reload(self) -> None:
        """Load what lies in the folder beside the model that answers, then let it answer; no request waits.

        Raises:
            ModelFolderError: it cannot be loaded; the model that answers goes on.
        """
        with self._lock:
            try:
                self.batcher.model = self._load(Silent())
                self.last_error = ""
            except PreseasonError as error:
                self.last_error = str(error)
                raise

    def replace(self, model: Model) -> None:
        """Save `model` into the folder and let it answer."""
        with self._lock:
            model.save(self.folder)
            self._stamp, self.loaded = stamp_of(self.folder), int(time())
            self.batcher.model = model

    def _load(self, progress: Progress) -> TrainedModel:
        # Read before loading: what is replaced meanwhile is then loaded again.
        stamp = stamp_of(self.folder)
        model = load(self.folder, progress=progress, device=self._where.device, cache=self._where.cache)
        _warm(model)
        self._stamp, self.loaded = stamp, int(time())
        return model


class Models(Mapping[str, ServedModel]):
    """All models of a server by name.

    Args:
        folders: of the models, by the names that requests use.
    """

    def __init__(self, folders: Mapping[str, Path], where: Runtime, waiting: int, meter: Meter) -> None:
        self._where, self._waiting, self._meter = where, waiting, meter
        self._lock = threading.Lock()
        self._hosted: dict[str, ServedModel] = {}
        for name, folder in folders.items():
            self.host(name, folder)
        self._reloading = ThreadPoolExecutor(1, thread_name_prefix="reload")

    def host(self, name: str, folder: Path) -> ServedModel:
        """Load one model more, under a name that may be taken: then it replaces that model."""
        hosted = ServedModel(name, folder, self._where, self._waiting, self._meter)
        with self._lock:
            old = self._hosted.get(name)
            self._hosted = {**self._hosted, name: hosted}
        if old is not None:
            old.batcher.close()
        return hosted

    def __getitem__(self, name: str) -> ServedModel:
        if name in self._hosted:
            return self._hosted[name]
        hint = did_you_mean(name, self._hosted)
        raise RequestError(
            404, f"There is no model {name!r} here.{hint} There are: {', '.join(self._hosted)}."
        )

    def __contains__(self, name: object) -> bool:
        return name in self._hosted

    def __iter__(self) -> Iterator[str]:
        return iter(self._hosted)

    def __len__(self) -> int:
        return len(self._hosted)

    def chosen(self, name: str | None) -> ServedModel:
        """The model called so; without a name the only one.

        Raises:
            RequestError: 404 for an unknown name, 422 where there are several and none is named.
        """
        if name:
            return self[name]
        if len(self._hosted) > 1:
            raise RequestError(422, f"Which model? Add model=NAME; there are: {', '.join(self._hosted)}.")
        return next(iter(self._hosted.values()))

    def reload_changed(self) -> list[str]:
        """Reload the models whose folders were replaced; gives the names of those."""
        return self._reload([each for each in self._hosted.values() if each.changed])

    def reload_all(self) -> list[str]:
        """Reload every model."""
        return self._reload(list(self._hosted.values()))

    def close(self) -> None:
        """Answer what waits, then end."""
        self._reloading.shutdown()
        for hosted in self._hosted.values():
            hosted.batcher.close()

    def _reload(self, chosen: list[ServedModel]) -> list[str]:
        done = []
        for hosted in chosen:
            try:
                hosted.reload()
                done.append(hosted.name)
            except PreseasonError:
                continue  # told by hosted.trouble; the old model answers on
        return done


def named_folders(given: tuple[str, ...]) -> dict[str, Path]:
    """Names and folders of `FOLDER` or `NAME=FOLDER`; a folder is called by its last part.

    Raises:
        UsageError: two are called the same.

    Example:
        >>> named_folders(("models/players", "mood=tweets-model"))["mood"].name
        'tweets-model'
    """
    found: dict[str, Path] = {}
    for each in given:
        name, _, folder = each.partition("=") if "=" in each and not Path(each).exists() else ("", "", each)
        path = Path(folder)
        name = name or path.resolve().name
        if name in found:
            raise UsageError(f"Two models are called {name}: name one of them, e.g. other={folder}.")
        found[name] = path
    return found


def stamp_of(folder: Path) -> Stamp | None:
    """What changes when the folder is replaced; None while there is no manifest."""
    try:
        status = os.stat(folder / MANIFEST)  # noqa: PTH116  one call, on every look
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _warm(model: Any) -> None:
    """Compile the networks now rather than with the first request."""
    predictor = getattr(model, "predictor", None)
    for fitted in predictor.candidates if predictor is not None else ():
        model.extractors.of(fitted.candidate).extractor(fitted.candidate.spec).prepare(Silent().say)
