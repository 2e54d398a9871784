"""Members of one way fitted by several workers, each member by one of them.

A training set travels as plain values: rows of the bank, targets and settings. What comes
back is the member's state, so that any head that can be saved can be fitted elsewhere. Within one setting a
member is the same wherever it is fitted, but for the order in which threads add up; where time is short, how
many epochs it gets follows from the speed of the worker that fits it.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from preseason.distributed.data_parallel import SingleProcess
from preseason.distributed.rendezvous import Call, Taking, answer
from preseason.distributed.work_queue import Board, Doing, Job, NeedlessError, load_arrays, save_arrays
from preseason.engine.bank import Rows, rows_from
from preseason.engine.passes import feature_spec_from
from preseason.errors import CacheError
from preseason.heads.base import TrainingSet, config_from, heads
from preseason.heads.trainer import NoTimeError
from preseason.inference.features import Features
from preseason.inference.head import Head, State, restore
from preseason.inference.predictor import FeatureExtractors
from preseason.runtime.progress import Progress, Silent

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone

LEARNING, STEPS = "learning", "steps"
"""The kinds of these jobs: members that each has one worker, and one whose steps all take together."""
GRACE_S = 30.0
"""So long after the time is over the leader waits for members of slow workers before it fits them itself."""


class Team:
    """The workers of one run, as its leader has them.

    Args:
        cache: where the bank lies; workers may see it under different paths.
    """

    def __init__(self, board: Board, cache: Path) -> None:
        self.board, self.cache = board, cache

    def turns(self, count: int, features: Features) -> int:
        """How many of `count` members each worker fits, one after the other."""
        return -(-count // self.board.workers) if self._shareable(features) else count

    def fit(self, kind: str, training_sets: Sequence[TrainingSet]) -> list[Head]:
        """A member for each training set.

        The leader fits the first. Only once this has begun in earnest, as its progress tells, do the others
        begin: it may turn out that there is no time.

        Raises:
            NoTimeError: a training set does not fit into its time; the others are given up.
        """
        backbone = training_sets[0].backbone
        if backbone is None or not self._shareable(training_sets[0].features):
            return fit_each(kind, training_sets)
        if len(training_sets) == 1:
            shared = getattr(heads.get(kind), "shares_steps", False)
            return (
                [self._fit_together(kind, training_sets[0], backbone)]
                if shared
                else fit_each(kind, training_sets)
            )
        others = _Others(self, kind, training_sets[1:], backbone)
        try:
            first = heads.get(kind).fit(
                replace(training_sets[0], progress=_Starting(training_sets[0].progress, others.post))
            )
            return [first, *others.fitted(training_sets[0].progress)]
        finally:
            others.forget()

    def _fit_together(self, kind: str, training_set: TrainingSet, backbone: "Backbone") -> Head:
        """The only member of a way, each step of its training by all workers that are there."""
        path = self.board.folder / f"{uuid.uuid4().hex}.lesson"
        try:
            values, arrays = _lesson_values(training_set, self.cache)
            save_arrays(arrays, path)
            told = {"head": kind, "weights": backbone.weights_id, "lesson": values | {"arrays": path.name}}
            call = Call(self.board, STEPS, told)
        except (CacheError, OSError):  # on a full disk it is this worker's alone
            return fit_each(kind, [training_set])[0]
        team = call.group(dict, training_set.device, False, training_set.progress)
        try:
            return heads.get(kind).fit(replace(training_set, team=team))
        finally:
            team.close()
            path.unlink(missing_ok=True)

    def _shareable(self, features: Features) -> bool:
        return self.board.workers > 1 and all(isinstance(source, Rows) for source in features.sources)


def team_of(extractors: FeatureExtractors) -> Team | None:
    """The workers that fit members side by side; None where this process is alone."""
    return None if extractors.board is None else Team(extractors.board, extractors.cache)


class _Others:
    """All members but the first, posted for every worker."""

    def __init__(
        self, team: Team, kind: str, training_sets: Sequence[TrainingSet], backbone: "Backbone"
    ) -> None:
        self.board, self.cache = team.board, team.cache
        self.kind, self.training_sets, self.backbone = kind, training_sets, backbone
        self._name = uuid.uuid4().hex
        self._job: Job | None = None
        self._alone = False
        self._end = float("inf")
        share = training_sets[0].seconds
        if share is not None:
            turns = team.turns(len(training_sets) + 1, training_sets[0].features)
            self._end = time.monotonic() + share * turns

    def post(self) -> None:
        """Ask for them, once; on a full disk they are left to the leader."""
        if self._job is not None or self._alone:
            return
        try:
            self._job = self._posted()
        except (CacheError, OSError):
            self._alone = True

    def _posted(self) -> Job:
        told = []
        for unit, training_set in enumerate(self.training_sets):
            values, arrays = _lesson_values(training_set, self.cache)
            told.append(values | {"arrays": f"{self._name}-{unit}.lesson"})
            save_arrays(arrays, self.board.folder / told[-1]["arrays"])
        values = {"head": self.kind, "weights": self.backbone.weights_id, "lessons": told}
        return self.board.post(LEARNING, values, [1] * len(told))

    def fitted(self, progress: Progress) -> list[Head]:
        """Work on them until all are there."""
        self.post()
        job = self._job
        if job is None:
            return fit_each(self.kind, self.training_sets)
        doing = _doing(self.board, job, lambda unit: self._timed(job, unit))
        waiting = "training: waiting for other workers"
        states = self.board.share(job, doing, progress, waiting, True, self._end + GRACE_S)
        device = self.training_sets[0].device
        return [restore(_read_state(self.board, told), self.backbone, device) for told in states]

    def forget(self) -> None:
        """Let nobody begin one any more, and delete what was written for them."""
        with suppress(OSError):  # a full disk, a cleared cache: what was fitted is not lost by it
            if self._job is not None:
                self.board.withdraw(self._job)
            for path in self.board.folder.glob(f"{self._name}-*"):
                path.unlink(missing_ok=True)

    def _timed(self, job: Job, unit: int) -> TrainingSet:
        """A training set for this worker, in the time left: the others may be slow or dead."""
        training_set = self.training_sets[unit]
        if self._end == float("inf"):
            return training_set
        assert training_set.seconds is not None
        left = sum(not self.board.is_done(job, each) for each in job.units())
        seconds = min(training_set.seconds, max(self._end - time.monotonic(), 0.0) / max(left, 1))
        return replace(training_set, seconds=seconds)


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


class _Heeding(Silent):
    """The progress of a helper's training set, where it hears that nobody needs the member any more."""

    def __init__(self, board: Board, job: Job, unit: int) -> None:
        self._board, self._job, self._unit = board, job, unit

    def advance(self, steps: int = 1) -> None:
        if self._board.is_over() or self._board.is_done(self._job, self._unit):
            raise NeedlessError


def fit_each(kind: str, training_sets: Sequence[TrainingSet]) -> list[Head]:
    """A member for each training set, one after the other in this process."""
    return [heads.get(kind).fit(training_set) for training_set in training_sets]


def learning_of(
    job: Job, board: Board, backbone: "Backbone", cache: Path, device: str = "cpu"
) -> Doing | None:
    """How a helper does a job of learning; None where its network is another."""
    if job.values["weights"] != backbone.weights_id:
        return None

    def training_set(unit: int) -> TrainingSet:
        values = job.values["lessons"][unit]
        arrays = load_arrays(board.folder / values["arrays"])
        found = _lesson(job.values["head"], values, arrays, backbone, cache)
        return replace(found, device=device, progress=_Heeding(board, job, unit))

    return _doing(board, job, training_set)


def steps_of(job: Job, board: Board, backbone: "Backbone", cache: Path, device: str = "cpu") -> Doing | None:
    """How a helper takes part in the steps of one member; None where its network is another."""
    if job.values["weights"] != backbone.weights_id:
        return None

    def get_ready() -> Taking:
        values = job.values["lesson"]
        arrays = load_arrays(board.folder / values["arrays"])
        training_set = _lesson(job.values["head"], values, arrays, backbone, cache)

        def taking(_: dict[str, Any], team: SingleProcess) -> None:
            with suppress(NoTimeError):  # the leader meets it as well
                heads.get(job.values["head"]).fit(replace(training_set, device=device, team=team))

        return taking

    return answer(job, board, device, get_ready)


@contextmanager
def _doing(
    board: Board, job: Job, training_set: Callable[[int], TrainingSet]
) -> Iterator[Callable[[int], dict[str, Any]]]:
    kind = heads.get(job.values["head"])

    def do(unit: int) -> dict[str, Any]:
        state = kind.fit(training_set(unit)).state()
        # Of two workers that fitted one member each has a file of its own.
        name = f"{Path(job.values['lessons'][unit]['arrays']).stem}-{uuid.uuid4().hex}.state"
        save_arrays(state.arrays, board.folder / name)
        return {"kind": state.kind, "settings": state.settings, "arrays": name}

    yield do


def _read_state(board: Board, told: dict[str, Any]) -> State:
    return State(told["kind"], load_arrays(board.folder / told["arrays"]), told["settings"])


def _lesson_values(training_set: TrainingSet, cache: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The training set as plain values and arrays; paths are told from `cache`."""
    sources, arrays = [], {"targets": training_set.targets}
    for number, source in enumerate(training_set.features.sources):
        assert isinstance(source, Rows)
        told, places = source.told(training_set.features.index, cache)
        sources.append(told)
        arrays[f"places.{number}"] = places
    for number, (train, validation) in enumerate(training_set.folds):
        arrays |= {f"train.{number}": train, f"validation.{number}": validation}
    checkpoint = training_set.checkpoint
    values = {
        "sources": sources,
        "folds": len(training_set.folds),
        "classes": training_set.classes,
        "seed": training_set.seed,
        "config": None if training_set.config is None else asdict(training_set.config),
        "spec": None if training_set.spec is None else asdict(training_set.spec),
        "seconds": training_set.seconds,
        "firm": training_set.firm,
        "checkpoint": None if checkpoint is None else checkpoint.relative_to(cache).as_posix(),
    }
    return values, arrays


def _lesson(
    kind: str, values: dict[str, Any], arrays: dict[str, NDArray[Any]], backbone: "Backbone", cache: Path
) -> TrainingSet:
    sources = [
        rows_from(told, arrays[f"places.{number}"], cache) for number, told in enumerate(values["sources"])
    ]
    checkpoint = values["checkpoint"]
    return TrainingSet(
        Features.of(sources),
        arrays["targets"],
        values["classes"],
        [(arrays[f"train.{number}"], arrays[f"validation.{number}"]) for number in range(values["folds"])],
        values["seed"],
        config_from(kind, values["config"]),
        None if values["spec"] is None else feature_spec_from(values["spec"]),
        backbone,
        checkpoint=None if checkpoint is None else cache / checkpoint,
        seconds=values["seconds"],
        firm=values["firm"],
    )
