"""Several processes do strides of rows and fold models; their results are those of one."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from preseason.backbones.base import Backbone
from preseason.distributed.workers import Workers
from preseason.engine.bank import Shelf
from preseason.errors import DataError
from preseason.heads.base import TrainingSet
from preseason.heads.trainer import NoTimeError
from preseason.inference.features import Features
from preseason.runtime.launcher import ProcessInfo, own_graphics_processor, process_info
from preseason.training.distributed_folds import FOLDS, Parcel, Team, fit_each, fit_stride
from tiny_workers import said_by, workers_at

COUNT, PARTS, WIDTH, CLASSES = 60, 5, 12, 3
BACKBONE = cast(Backbone, SimpleNamespace(weights_id="one"))
OTHER = cast(Backbone, SimpleNamespace(weights_id="other"))
NAMES = ("linear", "attention", "mlp", "prototype")


def features_in(cache: Path) -> Features:
    """Rows of a shelf below the cache, in another order than they were written."""
    shelf = Shelf(cache / "bank" / "shelf", (PARTS, WIDTH), "drawn numbers")
    rng = np.random.default_rng(0)
    with shelf.writer() as writer:
        for number in range(COUNT):
            row = rng.normal(size=(PARTS, WIDTH)) + 2 * np.eye(CLASSES, WIDTH)[number % CLASSES]
            writer.append(f"{number}", row.astype(np.float32))
    return Features.of([shelf.rows([str(number) for number in reversed(range(COUNT))])])


def training_sets(features: Features, cache: Path, seconds: float | None = None) -> list[TrainingSet]:
    """Four of them, each without a quarter of the examples and with two folds within."""
    targets = np.arange(COUNT)[::-1] % CLASSES
    whole = TrainingSet(features, targets, CLASSES, (), 0, backbone=BACKBONE, seconds=seconds)
    given = []
    for fold in range(4):
        part = whole.part(np.flatnonzero(np.arange(COUNT) % 4 != fold))
        half = np.arange(len(part.targets)) % 2 == 0
        folds = [(np.flatnonzero(half), np.flatnonzero(~half)), (np.flatnonzero(~half), np.flatnonzero(half))]
        given.append(replace(part, folds=folds, seed=fold, checkpoint=cache / f"{fold}.pt"))
    return given


def fold_models(workers: Workers, folder: str) -> None:
    """What each process does: the leader compares with what one process fits."""
    cache = Path(folder)
    if workers.rank:
        workers.help({FOLDS: lambda values: fit_stride(values, workers, BACKBONE, cache, "cpu")})
        return
    features = features_in(cache)
    with workers.led():
        together = {
            name: Team(workers, cache, "cpu").fit(name, training_sets(features, cache / name))
            for name in NAMES
        }
    worst = {}
    for name in NAMES:
        alone = fit_each(name, training_sets(features, cache / "other" / name))
        differences = [
            np.abs(one.logits(features) - two.logits(features)).max()
            for one, two in zip(alone, together[name], strict=True)
        ]
        worst[name] = float(max(differences))
    print(json.dumps(worst))


@pytest.mark.slow
@pytest.mark.parametrize("size", [3])
def test_fold_models_of_several_processes_are_those_of_one(size: int, tmp_path: Path) -> None:
    with workers_at("test_workers", "fold_models", str(tmp_path), size=size) as started:
        leader, *helpers = said_by(started)
    assert all(difference < 1e-4 for difference in json.loads(leader).values()), leader
    assert helpers == [""] * (size - 1)


def dying(workers: Workers, folder: str) -> None:
    """A helper that dies in its part."""
    if workers.rank:
        workers.help({FOLDS: lambda values: os.kill(os.getpid(), signal.SIGKILL)})
    features = features_in(Path(folder))
    with workers.led():
        Team(workers, Path(folder), "cpu").fit("linear", training_sets(features, Path(folder)))


def test_a_process_that_dies_is_noticed_and_named(tmp_path: Path) -> None:
    begin = time.monotonic()
    with workers_at("test_workers", "dying", str(tmp_path)) as started:
        leader, _ = said_by(started)
    assert leader.startswith("lost Other workers cannot be reached: ")
    assert leader.endswith("Finished work is saved: run the same command again.")
    assert time.monotonic() - begin < 120


def with_another_network(workers: Workers, folder: str) -> None:
    if workers.rank:
        workers.help({FOLDS: lambda values: fit_stride(values, workers, OTHER, Path(folder), "cpu")})
        return
    features = features_in(Path(folder))
    with workers.led():
        Team(workers, Path(folder), "cpu").fit("linear", training_sets(features, Path(folder)))


def test_a_helper_with_another_network_is_named(tmp_path: Path) -> None:
    with workers_at("test_workers", "with_another_network", str(tmp_path)) as started:
        leader, _ = said_by(started)
    assert "worker 1: the leading worker has another network" in leader


def without_time(workers: Workers, folder: str) -> None:
    """Where there is no time nobody begins, and the next request finds everybody ready."""
    cache, begun = Path(folder), []

    def stride(values: Any) -> Any:
        begun.append(values[0])
        return fit_stride(values, workers, BACKBONE, cache, "cpu")

    if workers.rank:
        workers.help({FOLDS: stride})
        print(begun)
        return
    features, team = features_in(cache), Team(workers, cache, "cpu")
    with workers.led():
        with pytest.raises(NoTimeError):
            team.fit("attention", training_sets(features, cache, seconds=1e-6))
        team.fit("prototype", training_sets(features, cache))


def test_where_time_does_not_suffice_nobody_begins(tmp_path: Path) -> None:
    with workers_at("test_workers", "without_time", str(tmp_path)) as started:
        assert said_by(started) == ["", "['prototype']"]


def failing(workers: Workers) -> None:
    if workers.rank:
        workers.help({})
        return
    with pytest.raises(DataError), workers.led():
        raise DataError("photos/ holds no images")


def test_helpers_are_told_why_the_leader_stopped() -> None:
    with workers_at("test_workers", "failing") as started:
        leader, helper = said_by(started)
    assert leader == ""
    assert helper == "lost The leading worker stopped: photos/ holds no images"


def test_a_training_set_is_the_same_after_it_was_sent(tmp_path: Path) -> None:
    (first, *_) = training_sets(features_in(tmp_path), tmp_path)
    opened = Parcel.of(first, BACKBONE, tmp_path).opened(BACKBONE, tmp_path)
    np.testing.assert_array_equal(opened.features.rows(0), first.features.rows(0))
    assert (opened.checkpoint, opened.seed, opened.classes) == (first.checkpoint, first.seed, first.classes)
    with pytest.raises(ValueError, match="another network"):
        Parcel.of(first, BACKBONE, tmp_path).opened(OTHER, tmp_path)


def test_plain_arrays_are_learnt_from_by_the_leader_alone(tmp_path: Path) -> None:
    features = Features.of([np.random.default_rng(0).normal(size=(COUNT, PARTS, WIDTH))])
    team = Team(cast(Workers, SimpleNamespace(size=2)), tmp_path, "cpu")
    assert team.turns(4, features) == 4
    assert len(team.fit("prototype", training_sets(features, tmp_path))) == 4


def test_fold_models_are_dealt_evenly(tmp_path: Path) -> None:
    team = Team(cast(Workers, SimpleNamespace(size=3)), tmp_path, "cpu")
    assert [team.turns(count, features_in(tmp_path)) for count in (1, 3, 4)] == [1, 1, 2]


def test_workers_of_one_machine_have_a_graphics_processor_each() -> None:
    launched = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
    assert own_graphics_processor(4, launched) == "1"
    assert own_graphics_processor(2, launched | {"LOCAL_RANK": "3"}) == "1"
    assert own_graphics_processor(2, launched | {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}) == "GPU-b"
    assert own_graphics_processor(1, launched) is None
    assert own_graphics_processor(4, {}) is None
    slurm = {"SLURM_PROCID": "2", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"}
    assert own_graphics_processor(2, slurm) == "0"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ProcessInfo(0, 1)),
        ({"RANK": "2", "WORLD_SIZE": "4", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, ProcessInfo(2, 4)),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS": "8"}, ProcessInfo(3, 8)),
        ({"RANK": "x", "WORLD_SIZE": "2"}, ProcessInfo(0, 1)),
    ],
)
def test_the_launcher_tells_the_workers_apart(variables: dict[str, str], expected: ProcessInfo) -> None:
    assert process_info(variables) == expected
