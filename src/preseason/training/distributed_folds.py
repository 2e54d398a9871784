"""Fold models fitted by several workers: each is fitted by one of them, the only one of a candidate by all.

What is sent of a training set is where its rows lie in the bank; what comes back is the state that the model
folder would store, so any registered head can be fitted elsewhere. A fold model is the same wherever it is
fitted, but for the order in which threads add up; where time is short, how many epochs it gets follows from
the speed of the worker that fits it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from preseason.arrays.types import Ints
from preseason.backbones.base import Backbone
from preseason.distributed.data_parallel import ProcessGroup
from preseason.distributed.ray_cluster import RayCluster
from preseason.distributed.workers import Workers
from preseason.engine.bank import Rows, rows_from
from preseason.heads.base import TrainingSet, heads
from preseason.heads.trainer import NoTimeError
from preseason.inference.features import Features
from preseason.inference.head import Head, State, restore
from preseason.inference.predictor import FeatureExtractors
from preseason.runtime.callbacks import tell_epoch, tell_metrics
from preseason.runtime.progress import Progress, Silent

FOLDS, STEPS = "fold models", "steps"
"""Requests to other workers: a stride of fold models, and the steps of one that all take together."""


@dataclass(frozen=True)
class Parcel:
    """A training set as it is sent: rows by their places in the bank, its checkpoint below the cache."""

    content: TrainingSet
    rows: tuple[tuple[dict[str, Any], Ints], ...]
    checkpoint: str | None
    weights_id: str

    @classmethod
    def of(cls, training_set: TrainingSet, backbone: "Backbone", cache: Path) -> "Parcel":
        """The training set, all of whose rows lie in the bank."""
        features = training_set.features
        rows = tuple(
            source.told(features.index, cache) for source in features.sources if isinstance(source, Rows)
        )
        checkpoint = training_set.checkpoint
        return cls(
            replace(training_set, features=Features((), features.index), backbone=None, progress=Silent()),
            rows,
            None if checkpoint is None else checkpoint.relative_to(cache).as_posix(),
            backbone.weights_id,
        )

    def opened(self, backbone: "Backbone", cache: Path, device: str = "cpu") -> TrainingSet:
        """The training set, for the worker that got it.

        Raises:
            ValueError: this worker has another network.
        """
        if backbone.weights_id != self.weights_id:
            raise ValueError("the leading worker has another network: give all workers the same weights")
        sources = [rows_from(told, places, cache) for told, places in self.rows]
        checkpoint = None if self.checkpoint is None else cache / self.checkpoint
        return replace(
            self.content,
            features=Features.of(sources),
            backbone=backbone,
            checkpoint=checkpoint,
            device=device,
        )


class Team:
    """The workers of one run, as its leader has them.

    Args:
        cache: where the bank lies; workers may see it under different paths.
        device: where fine-tuned blocks lie.
    """

    def __init__(self, workers: Workers, cache: Path, device: str) -> None:
        self.workers, self.cache, self.device = workers, cache, device

    def turns(self, count: int, features: Features) -> int:
        """How many of `count` fold models each worker fits, one after the other."""
        return -(-count // self.workers.size) if _is_shareable(features) else count

    def fit(self, kind: str, training_sets: Sequence[TrainingSet]) -> list[Head]:
        """A fold model for each training set.

        Raises:
            NoTimeError: the first does not fit into its time.
            WorkersError: another worker died or failed.
        """
        backbone = training_sets[0].backbone
        if backbone is None or not _is_shareable(training_sets[0].features):
            return fit_each(kind, training_sets)
        if len(training_sets) > 1:
            return self._fit_apart(kind, training_sets, backbone)
        if getattr(heads.get(kind), "shares_steps", False):
            return [self._fit_together(kind, training_sets[0], backbone)]
        return fit_each(kind, training_sets)

    def _fit_apart(self, kind: str, training_sets: Sequence[TrainingSet], backbone: "Backbone") -> list[Head]:
        """A stride of them by each worker; the others begin once the first one here has begun in earnest."""
        size = self.workers.size
        parcels = [Parcel.of(each, backbone, self.cache) for each in training_sets]
        with self.workers.asking(FOLDS, (kind, parcels)) as asking:
            first, *rest = training_sets[::size]
            own = fit_each(kind, [replace(first, progress=_Starting(first.progress, asking.post))])
            asking.post()
            own += fit_each(kind, rest)
            found: list[list[State] | None] = asking.gather(None)
        fitted: list[Head] = [own[0]] * len(training_sets)
        fitted[::size] = own
        for rank, states in enumerate(found[1:], 1):
            fitted[rank::size] = [restore(state, backbone, self.device) for state in states or ()]
        return fitted

    def _fit_together(self, kind: str, training_set: TrainingSet, backbone: "Backbone") -> Head:
        """Each step of its training by all workers."""
        parcel = Parcel.of(training_set, backbone, self.cache)
        with self.workers.asking(STEPS, (kind, parcel)) as asking:
            asking.post()
            team = ProcessGroup(0, self.workers.size, self.device)
            head = heads.get(kind).fit(replace(training_set, team=team))
            asking.gather(None)
        return head


class RayTeam:
    """A Ray cluster, as the process that leads it has it: each fold model is fitted by a task.

    Args:
        cache: where the bank lies, on every machine.
        device: where fine-tuned blocks lie.
    """

    def __init__(self, cluster: RayCluster, cache: Path, device: str) -> None:
        self.cluster, self.cache, self.device = cluster, cache, device

    def turns(self, count: int, features: Features) -> int:
        """How many of `count` fold models come one after the other."""
        return -(-count // self.cluster.size) if _is_shareable(features) else count

    def fit(self, kind: str, training_sets: Sequence[TrainingSet]) -> list[Head]:
        """A fold model for each training set.

        Raises:
            NoTimeError: the first does not fit into its time.
            WorkersError: Ray gave up.
        """
        backbone = training_sets[0].backbone
        if backbone is None or not _is_shareable(training_sets[0].features):
            return fit_each(kind, training_sets)
        sent = self.cluster.put(backbone)
        parcels = [Parcel.of(each, backbone, self.cache) for each in training_sets]
        parts = [(kind, parcel, sent, self.cache.absolute(), self.device) for parcel in parcels]
        states = self.cluster.call(fit_parcel, parts, training_sets[0].progress)
        return [restore(state, backbone, self.device) for state in states]


def team_of(extractors: FeatureExtractors) -> Team | RayTeam | None:
    """Those that fit fold models side by side; None where this process is alone."""
    workers = extractors.workers
    if isinstance(workers, RayCluster):
        return RayTeam(workers, extractors.cache, extractors.device)
    return None if workers is None else Team(workers, extractors.cache, extractors.device)


def fit_parcel(
    kind: str, parcel: Parcel, backbone: "Backbone", cache: Path, device: str, progress: Progress
) -> State:
    """A fold model, fitted by a task."""
    training_set = replace(parcel.opened(backbone, cache, device), progress=progress)
    return fit_each(kind, [training_set])[0].state()


def fit_each(kind: str, training_sets: Sequence[TrainingSet]) -> list[Head]:
    """A fold model for each training set, one after the other in this process."""
    return [heads.get(kind).fit(training_set) for training_set in training_sets]


def fit_stride(
    values: tuple[str, Sequence[Parcel]], workers: Workers, backbone: "Backbone", cache: Path, device: str
) -> list[State]:
    """A helper's part of `FOLDS`."""
    kind, parcels = values
    own = [parcel.opened(backbone, cache, device) for parcel in parcels[workers.rank :: workers.size]]
    return [head.state() for head in fit_each(kind, own)]


def take_steps(
    values: tuple[str, Parcel], workers: Workers, backbone: "Backbone", cache: Path, device: str
) -> None:
    """A helper's part of `STEPS`."""
    kind, parcel = values
    team = ProcessGroup(workers.rank, workers.size, device)
    with suppress(NoTimeError):  # the leader meets it as well
        heads.get(kind).fit(replace(parcel.opened(backbone, cache, device), team=team))


def _is_shareable(features: Features) -> bool:
    return all(isinstance(source, Rows) for source in features.sources)


class _Starting:
    """A progress that has something done when the first stage begins."""

    def __init__(self, progress: Progress, begin: Callable[[], None]) -> None:
        self._progress, self._begin = progress, begin

    def start(self, stage: str, total: int) -> None:
        self._begin()
        self._progress.start(stage, total)

    def advance(self, steps: int = 1) -> None:
        self._progress.advance(steps)

    def finish(self) -> None:
        self._progress.finish()

    def say(self, line: str) -> None:
        self._progress.say(line)

    def epoch(self, stage: str, epoch: int, metrics: Mapping[str, float]) -> None:
        tell_epoch(self._progress, stage, epoch, metrics)

    def metrics(self, metrics: Mapping[str, float]) -> None:
        tell_metrics(self._progress, metrics)
