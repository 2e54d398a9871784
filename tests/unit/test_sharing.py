"""Extraction is shared: every unit is done, whoever dies, and the rows are those of one process."""

import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preseason.data.dataset import File, Sample
from preseason.distributed.leases import Leases
from preseason.distributed.work_queue import Board
from preseason.engine.bank import Shelf
from preseason.engine.extract import Order
from preseason.engine.passes import Box, FeatureSpec
from preseason.engine.shared_reading import read_together, reading_of
from preseason.runtime.launcher import ProcessInfo, own_graphics_processor, process_info, run_name
from preseason.runtime.progress import Silent

PLAN = FeatureSpec(8, crops=(Box(0.0, 0.1, 1.0, 0.9),))
ORDERS = [
    Order(Sample(File(Path(f"{n}.jpg")), fingerprint=f"{n:032x}"), (Box(0, 0, 0.5, n / 300),))
    for n in range(300)
]
STALE_S = 0.5


class Numbers:
    """Rows that follow from the order's key; every eleventh sample cannot be decoded."""

    shelf_name = "numbers"

    def __init__(self, folder: Path, pause_s: float = 0.0) -> None:
        self.shelf, self.pause_s, self.computed = Shelf(folder, (4,), "numbers"), pause_s, 0

    @contextmanager
    def writing(self) -> Iterator[Callable[[Sequence[Order]], dict[str, str]]]:
        with self.shelf.writer() as writer:

            def fill(orders: Sequence[Order]) -> dict[str, str]:
                self.shelf.refresh()
                failed = {}
                lacking = set(self.shelf.missing([order.key() for order in orders]))
                for order in orders:
                    number = int(order.sample.fingerprint, 16)
                    if number % 11 == 0:
                        failed[order.key()] = "broken"
                    elif order.key() in lacking:
                        time.sleep(self.pause_s)
                        writer.append(order.key(), np.full(4, number, np.float32))
                        self.computed += 1
                return failed

            yield fill

    def refresh(self) -> None:
        self.shelf.refresh()


def shared(folder: Path, pause_s: float = 0.001) -> tuple[Numbers, dict[str, str]]:
    """What the leader has when the job is done."""
    board, own = Board(folder / "board", 2, STALE_S), Numbers(folder / "shelf", pause_s)
    with board.led():
        failed = read_together(board, own, PLAN, ORDERS, Silent(), "reading")
    return own, failed


def check_rows(own: Numbers, failed: dict[str, str]) -> None:
    assert failed == {order.key(): "broken" for order in ORDERS[::11]}
    good = [order for order in ORDERS if order.key() not in failed]
    assert not own.shelf.missing([order.key() for order in good])
    rows = own.shelf.rows([order.key() for order in good])[:]
    assert np.array_equal(rows[:, 0], [int(order.sample.fingerprint, 16) for order in good])


def test_the_leader_alone_does_everything(tmp_path: Path) -> None:
    own, failed = shared(tmp_path)
    check_rows(own, failed)
    assert own.computed == 300 - len(failed)


def test_a_helper_takes_its_share_and_both_see_all_rows(tmp_path: Path) -> None:
    other = Numbers(tmp_path / "shelf", 0.001)
    plans: list[FeatureSpec] = []

    def filling(spec: FeatureSpec) -> Numbers:
        plans.append(spec)
        return other

    def help_out() -> None:
        Board(tmp_path / "board", 2, STALE_S).help(lambda job: reading_of(job, Order, filling))

    helper = threading.Thread(target=help_out)
    helper.start()
    own, failed = shared(tmp_path)
    helper.join(10)
    assert not helper.is_alive()
    check_rows(own, failed)
    other.refresh()
    check_rows(other, failed)
    assert own.computed + other.computed == 300 - len(failed)
    assert other.computed > 30
    assert set(plans) == {PLAN}


def test_a_helper_gives_up_where_no_leader_comes_or_the_folder_is_cleared(tmp_path: Path) -> None:
    def waited(board: Board) -> float:
        begin = time.monotonic()
        assert board.help(lambda job: None) == 0
        return time.monotonic() - begin

    assert 0.3 <= waited(Board(tmp_path / "nobody", 2, coming_s=0.3)) < 5
    board = Board(tmp_path / "gone", 2, lost_s=0.3)
    (board.folder / "leader").touch()
    assert not board.is_over()
    shutil.rmtree(board.folder)
    assert waited(board) < 5


def test_what_another_worker_holds_for_too_long_is_done_by_the_leader(tmp_path: Path) -> None:
    board = Board(tmp_path, 2)
    job = board.post("counting", {}, [1, 1])

    @contextmanager
    def doing() -> Iterator[Callable[[int], Any]]:
        yield lambda unit: 10 * unit

    with board.leases.hold(f"{job.name}-1") as held:
        assert held
        assert board.share(job, doing(), Silent(), "counting", until=time.monotonic() + 0.2) == [0, 10]


def test_withdrawing_leaves_what_was_done(tmp_path: Path) -> None:
    board = Board(tmp_path, 2)
    job = board.post("counting", {}, [1, 1])
    done = tmp_path / f"{job.name}-0.done"
    done.write_text("7")
    board.withdraw(job)
    assert done.read_text() == "7"
    assert board.is_done(job, 1)


def test_fits_of_one_script_have_boards_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    names = [run_name(ProcessInfo(0, 2)) for _ in range(2)]
    assert len(set(names)) == 2
    assert all(name.startswith("slurm-7-0-0-") for name in names)


def test_workers_of_one_machine_have_a_graphics_processor_each() -> None:
    launched = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
    assert own_graphics_processor(4, launched) == "1"
    assert own_graphics_processor(2, launched | {"LOCAL_RANK": "3"}) == "1"
    assert own_graphics_processor(2, launched | {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}) == "GPU-b"
    assert own_graphics_processor(1, launched) is None
    assert own_graphics_processor(4, {}) is None
    slurm = {"SLURM_PROCID": "2", "SLURM_NTASKS": "4", "SLURM_LOCALID": "0"}
    assert own_graphics_processor(2, slurm) == "0"


PROGRAM = """
    import sys
    sys.path[:0] = {paths!r}
    from pathlib import Path
    from preseason.engine.extract import Order
    from preseason.engine.shared_reading import reading_of
    from preseason.distributed.work_queue import Board
    from test_sharing import Numbers, STALE_S
    folder = Path({folder!r})
    numbers = Numbers(folder / "shelf", 0.002)
    print("ready", flush=True)
    Board(folder / "board", 2, STALE_S).help(lambda job: reading_of(job, Order, lambda plan: numbers))
"""


def test_helpers_killed_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    paths = [str(Path(__file__).parent), *sys.path]
    code = textwrap.dedent(PROGRAM).format(paths=paths, folder=str(tmp_path))
    helpers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    for helper in helpers:
        assert helper.stdout
        assert helper.stdout.readline() == b"ready\n"
    draw = random.Random(0)

    def kill() -> None:
        for helper in helpers:
            time.sleep(draw.uniform(0.02, 0.15))
            helper.send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    own, failed = shared(tmp_path, 0.004)
    killer.join()
    for helper in helpers:
        helper.communicate()
    check_rows(own, failed)
    journals = b"".join(path.read_bytes() for path in (tmp_path / "shelf").glob("*.keys"))
    assert own.computed < 300 - len(failed), "the helpers did nothing before they were killed"
    assert journals.count(b"\n") >= 300 - len(failed)


def test_a_lease_is_held_by_one_and_taken_over_when_its_holder_is_silent(tmp_path: Path) -> None:
    one, other = Leases(tmp_path, 0.2), Leases(tmp_path, 0.2)
    with one.hold("unit") as held:
        assert held
        begin = time.monotonic()
        while time.monotonic() - begin < 0.5:
            with other.hold("unit") as taken:
                assert not taken
            time.sleep(0.02)
    with other.hold("unit") as held:
        assert held
    (tmp_path / "dead.lease").touch()
    begin, got = time.monotonic(), False
    while not got and time.monotonic() - begin < 5:
        with other.hold("dead") as got:
            time.sleep(0.02)
    assert got
    assert time.monotonic() - begin >= 0.2


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
