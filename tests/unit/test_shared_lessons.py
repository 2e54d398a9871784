"""Members fitted by several workers are those of one, whoever fits them."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from preseason.backbones.base import Backbone
from preseason.distributed.work_queue import Board, Job
from preseason.engine.bank import Shelf
from preseason.heads.base import TrainingSet
from preseason.heads.trainer import NoTimeError
from preseason.inference.features import Features
from preseason.training.distributed_folds import Team, _Heeding, _Others, fit_each, learning_of

COUNT, PARTS, WIDTH, CLASSES = 60, 5, 12, 3
STALE_S = 0.5
BACKBONE = cast(Backbone, SimpleNamespace(weights_id="one"))


@pytest.fixture
def features(tmp_path: Path) -> Features:
    """Rows of a shelf below the cache, in another order than they were written."""
    shelf = Shelf(tmp_path / "cache" / "bank" / "shelf", (PARTS, WIDTH), "drawn numbers")
    rng = np.random.default_rng(0)
    with shelf.writer() as writer:
        for number in range(COUNT):
            row = rng.normal(size=(PARTS, WIDTH)) + 2 * np.eye(CLASSES, WIDTH)[number % CLASSES]
            writer.append(f"{number}", row.astype(np.float32))
    return Features.of([shelf.rows([str(number) for number in reversed(range(COUNT))])])


def training_sets(features: Features, cache: Path, **rest: Any) -> list[TrainingSet]:
    """Four of them, each without a quarter of the examples and with two folds within."""
    targets = np.arange(COUNT)[::-1] % CLASSES
    whole = TrainingSet(features, targets, CLASSES, (), 0, backbone=BACKBONE, **rest)
    given = []
    for fold in range(4):
        part = whole.part(np.flatnonzero(np.arange(COUNT) % 4 != fold))
        half = np.arange(len(part.targets)) % 2 == 0
        folds = [(np.flatnonzero(half), np.flatnonzero(~half)), (np.flatnonzero(~half), np.flatnonzero(half))]
        checkpoint = cache / f"{fold}.pt"
        given.append(replace(part, folds=folds, seed=fold, checkpoint=checkpoint))
    return given


PROGRAM = """
    import sys
    sys.path[:0] = {paths!r}
    from pathlib import Path
    from preseason.distributed.work_queue import Board, Job
    from preseason.training.distributed_folds import learning_of
    from test_shared_lessons import BACKBONE, STALE_S
    cache = Path({cache!r})
    board = Board(cache / "work" / "run", 2, STALE_S)
    print("ready", flush=True)
    print(board.help(lambda job: learning_of(job, board, BACKBONE, cache)), flush=True)
"""


def helper_at(cache: Path) -> "subprocess.Popen[str]":
    """A helper in a process of its own, once it has opened the board."""
    code = textwrap.dedent(PROGRAM).format(paths=[str(Path(__file__).parent), *sys.path], cache=str(cache))
    quiet = os.environ | {"OMP_NUM_THREADS": "1"}
    helper = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=quiet)
    assert helper.stdout
    assert helper.stdout.readline() == "ready\n"
    return helper


def test_members_of_a_helper_and_of_one_process_answer_alike(features: Features, tmp_path: Path) -> None:
    names, cache = ("linear", "attention", "mlp", "prototype"), tmp_path / "cache"
    board = Board(cache / "work" / "run", 2, STALE_S)
    helper = helper_at(cache)
    with board.led():
        together = {
            name: Team(board, cache).fit(name, training_sets(features, cache / name)) for name in names
        }
    assert int(helper.communicate()[0]) >= 1, "the helper fitted nothing"
    assert not list(board.folder.glob("*.lesson")) + list(board.folder.glob("*.state"))
    for name in names:
        alone = fit_each(name, training_sets(features, tmp_path / "other" / name))
        for one, two in zip(alone, together[name], strict=True):
            assert one.logits(features) == pytest.approx(two.logits(features), abs=1e-4), name
    said = np.mean([head.logits(features) for head in together["attention"]], axis=0)
    assert np.mean(said.argmax(1) == np.arange(COUNT)[::-1] % CLASSES) > 0.8


def test_a_helper_killed_while_it_learns_loses_nothing(features: Features, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    board = Board(cache / "work" / "run", 2, STALE_S)
    helper = helper_at(cache)

    def kill() -> None:
        while not list(cache.glob("[123].pt")):
            time.sleep(0.002)
        helper.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with board.led():
        heads = Team(board, cache).fit("attention", training_sets(features, cache))
    killer.join(10)
    assert helper.communicate()[0] == ""
    alone = fit_each("attention", training_sets(features, tmp_path / "other"))
    for one, two in zip(alone, heads, strict=True):
        assert one.logits(features) == pytest.approx(two.logits(features), abs=1e-4)


def test_a_lease_of_a_dead_worker_is_waited_for_and_taken_over(features: Features, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    board = Board(cache / "work" / "run", 3, STALE_S)

    def post(kind: str, values: dict[str, Any], sizes: Any) -> Job:
        job = Board.post(board, kind, values, sizes)
        (board.leases.folder / f"{job.name}-1.lease").touch()
        return job

    board.post = post  # type: ignore[method-assign]
    begin = time.monotonic()
    with board.led():
        heads = Team(board, cache).fit("linear", training_sets(features, cache))
    assert len(heads) == 4
    assert time.monotonic() - begin >= STALE_S


def test_a_helper_with_other_weights_does_not_take_part(tmp_path: Path) -> None:
    board = Board(tmp_path / "run", 2, STALE_S)
    job = board.post("learning", {"weights": "one", "head": "linear", "lessons": []}, [])
    assert learning_of(job, board, BACKBONE, tmp_path) is not None
    other = cast(Backbone, SimpleNamespace(weights_id="other"))
    assert learning_of(job, board, other, tmp_path) is None


def test_where_time_does_not_suffice_nobody_begins(features: Features, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    board = Board(cache / "work" / "run", 2, STALE_S)
    with board.led(), pytest.raises(NoTimeError):
        Team(board, cache).fit("attention", training_sets(features, cache, seconds=1e-6))
    assert not list(board.folder.glob("*.job"))


def test_a_helper_stops_when_nobody_needs_the_member_any_more(features: Features, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    board, helping = (Board(cache / "work" / "run", 2, STALE_S) for _ in range(2))
    begun = threading.Event()

    class Noticed:
        """A member that never ends, but reports its epochs."""

        def fit(self, training_set: TrainingSet) -> Any:
            training_set.progress.start("training", 1)
            begun.set()
            while True:
                training_set.progress.advance()
                time.sleep(0.01)

    values = {"weights": "one", "head": "linear", "lessons": [{"arrays": "x"}]}
    job = board.post("learning", values, [1])
    heeding = _Heeding(helping, job, 0)

    @contextmanager
    def doing() -> Iterator[Any]:
        yield lambda unit: Noticed().fit(cast(TrainingSet, SimpleNamespace(progress=heeding)))

    helper = threading.Thread(target=helping.help, args=(lambda job: doing(),))
    with board.led():
        helper.start()
        assert begun.wait(10)
        board.withdraw(job)
        time.sleep(0.2)
        assert helper.is_alive()
    helper.join(10)
    assert not helper.is_alive()


def test_a_fault_of_one_machine_is_left_to_the_others(tmp_path: Path) -> None:
    board = Board(tmp_path / "run", 2, STALE_S)
    job = board.post("learning", {}, [1])

    def hand(job: Job) -> Any:
        (board.folder / "closed").touch()
        raise ModuleNotFoundError("no peft here")

    with pytest.warns(UserWarning, match="no peft here"):
        assert board.help(hand) == 0
    assert not board.is_done(job, 0)


def test_the_leader_takes_no_more_time_than_is_left(features: Features, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    team = Team(Board(cache / "work" / "run", 4, STALE_S), cache)
    given = training_sets(features, cache, seconds=90.0)
    others = _Others(team, "attention", given[1:], BACKBONE)
    others.post()
    job = next(iter(team.board._jobs(set())))
    # Nobody came: three members in the time that was meant for one.
    assert 29 < others._timed(job, 0).seconds <= 30
    alone = _Others(team, "attention", training_sets(features, cache)[1:], BACKBONE)
    assert alone._timed(job, 0).seconds is None


def test_plain_arrays_are_learnt_from_by_the_leader_alone(tmp_path: Path) -> None:
    board = Board(tmp_path / "work" / "run", 2, STALE_S)
    features = Features.of([np.random.default_rng(0).normal(size=(COUNT, PARTS, WIDTH))])
    team = Team(board, tmp_path)
    assert team.turns(4, features) == 4
    assert len(team.fit("prototype", training_sets(features, tmp_path))) == 4
    assert not list(board.folder.glob("*.job"))


def test_members_are_dealt_evenly(features: Features, tmp_path: Path) -> None:
    team = Team(Board(tmp_path / "board", 3), tmp_path)
    assert [team.turns(count, features) for count in (1, 3, 4)] == [1, 1, 2]
