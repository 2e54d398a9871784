"""Which of several workers this process is, as torchrun, accelerate launch or SLURM started it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

NAMES = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))
"""Variables that tell rank and number of workers: torch's launchers first, they may run within SLURM."""
WAIT_S = 300


@dataclass(frozen=True)
class World:
    """The workers of one run.

    Attributes:
        rank: of this process; 0 leads.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1


def world(environment: Mapping[str, str] = os.environ) -> World:
    """This worker, alone unless a launcher says otherwise.

    Example:
        >>> world({"RANK": "1", "WORLD_SIZE": "4"}), world({})
        (World(rank=1, size=4), World(rank=0, size=1))
    """
    for rank, size in NAMES:
        if environment.get(rank, "").isdigit() and environment.get(size, "").isdigit():
            return World(int(environment[rank]), int(environment[size]))
    return World()


def local_size(environment: Mapping[str, str] = os.environ) -> int:
    """How many workers share this machine's processors, as far as the launcher says."""
    given = environment.get("LOCAL_WORLD_SIZE", "")
    return max(1, int(given)) if given.isdigit() else 1


def run_name(here: World) -> str:
    """A name that this run's workers share and no other run has.

    SLURM numbers its steps; torch's launchers give an address at which the leader tells the others.
    """
    if "MASTER_ADDR" not in os.environ and "SLURM_JOB_ID" in os.environ:
        parts = [os.environ.get(f"SLURM_{part}", "0") for part in ("JOB_ID", "STEP_ID", "RESTART_COUNT")]
        return re.sub(r"\W", "-", f"slurm-{'-'.join(parts)}")
    return _told(here)


def _told(here: World) -> str:
    import uuid
    from datetime import timedelta

    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous("env://", here.rank, here.size, timeout=timedelta(seconds=WAIT_S)))
    if here.rank == 0:
        store.set("preseason", uuid.uuid4().hex)
    # The leader of a static rendezvous holds the store: it must live as long as anybody may ask.
    _STORES.append(store)
    return bytes(store.get("preseason")).decode("ascii")


_STORES: list[object] = []
