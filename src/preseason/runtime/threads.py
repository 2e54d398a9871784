"""How many threads this process may use (the cgroup's share, not the machine's cores), and how many heaps."""

import os
from contextlib import AbstractContextManager, suppress
from functools import cache
from pathlib import Path

from preseason.runtime.launcher import LOCAL_SIZE, local_size

# A waiting OpenMP thread spins by default and takes the processor from others; read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

M_ARENA_MAX = -8
"""The parameter of glibc's mallopt that bounds how many heaps there are."""


@cache
def available() -> int:
    """Processors this process may use: affinity and quota together, shared with the workers beside it."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cores, _cgroup_quota() or cores) // local_size())


def use_threads(count: int) -> None:
    """From now on `available()` is at most about `count`, for a process to which a scheduler gave so many.

    Called before anything computes. It is told as a share of the machine, as launchers tell it.
    """
    os.environ.pop(LOCAL_SIZE, None)
    available.cache_clear()
    os.environ[LOCAL_SIZE] = str(max(1, available() // count))
    available.cache_clear()
    limit_torch()


def limit_torch(threads: int | None = None) -> None:
    """Let torch compute on so many threads, `available()` by default, here and in later threads."""
    import torch

    torch.set_num_threads(threads or available())


def one_blas_thread() -> AbstractContextManager[object]:
    """While it lasts, numpy's linear algebra uses one thread.

    Small problems gain nothing from two, and a waiting BLAS thread spins: on a busy machine a regression of
    0.1 s took 4 s.
    """
    from threadpoolctl import threadpool_limits

    limit: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limit


def _cgroup_quota(path: Path = Path("/sys/fs/cgroup/cpu.max")) -> int | None:
    """Whole processors of a cgroup v2 quota, rounded up; None without one."""
    try:
        quota, period = path.read_text("ascii").split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else -(-int(quota) // int(period))


def share_heaps() -> None:
    """Let all threads take memory from two heaps, for a process that serves for months.

    glibc gives every thread a heap of its own, up to eight for each processor, and what a decoded picture
    took there is not given back: a server with 32 clients grew by 0.25 MB a request. Elsewhere this does
    nothing.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 2)
