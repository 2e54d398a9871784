"""Threads come from what the process may use, not from the machine's core count."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from preseason.runtime import threads


@pytest.mark.parametrize(
    ("content", "processors"),
    [("max 100000", None), ("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1), ("", None)],
)
def test_the_cgroups_quota_in_whole_processors(tmp_path: Path, content: str, processors: int | None) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(content, "ascii")
    assert threads._cgroup_quota(file) == processors


def test_no_cgroup_is_no_quota(tmp_path: Path) -> None:
    assert threads._cgroup_quota(tmp_path / "none") is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot bind processes")
def test_torch_computes_on_the_processors_that_the_process_is_bound_to() -> None:
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from preseason.runtime.threads import available, limit_torch; limit_torch()\n"
        "import torch; print(available(), torch.get_num_threads(), os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OMP_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["1", "1", "PASSIVE"]


def test_a_quota_below_the_core_count_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    for quota, expected in ((3, 3), (None, 64), (128, 64)):
        monkeypatch.setattr(threads, "_cgroup_quota", lambda quota=quota: quota)
        assert threads.available.__wrapped__() == expected


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heaps are those of Linux")
def test_many_threads_share_few_heaps() -> None:
    """Every heap beyond the first begins as its own mapping of 64 MB of address space."""
    code = (
        "import sys, threading; from preseason.runtime.threads import share_heaps\n"
        "if len(sys.argv) > 1: share_heaps()\n"
        "gate = threading.Barrier(9)\n"
        "def work():\n"
        "    held = [bytes(20_000) for _ in range(50)]; gate.wait(); gate.wait()\n"
        "each = [threading.Thread(target=work) for _ in range(8)]\n"
        "[thread.start() for thread in each]; gate.wait()\n"
        "sizes = [int(line.split()[0].split('-')[1], 16) - int(line.split()[0].split('-')[0], 16)\n"
        "         for line in open('/proc/self/maps') if line.split()[1] == '---p']\n"
        "print(sum(30 * 2**20 < size < 2**26 for size in sizes)); gate.wait()\n"
    )
    alone, shared = (
        int(subprocess.run([sys.executable, "-c", code, *given], capture_output=True, check=True).stdout)
        for given in ([], ["share"])
    )
    assert shared < alone
