"""Which of several workers this process is, as torchrun, accelerate launch or SLURM started it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

NAMES = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))
"""Variables that tell rank and number of workers: torch's launchers first, they may run within SLURM."""

LOCAL_SIZE = "LOCAL_WORLD_SIZE"
"""Variable that tells how many of them share this machine."""


@dataclass(frozen=True)
class ProcessInfo:
    """The workers of one run.

    Attributes:
        rank: of this process; 0 leads.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1


def process_info(environment: Mapping[str, str] = os.environ) -> ProcessInfo:
    """This worker, alone unless a launcher says otherwise.

    Example:
        >>> process_info({"RANK": "1", "WORLD_SIZE": "4"}), process_info({})
        (ProcessInfo(rank=1, size=4), ProcessInfo(rank=0, size=1))
    """
    for rank, size in NAMES:
        if environment.get(rank, "").isdigit() and environment.get(size, "").isdigit():
            return ProcessInfo(int(environment[rank]), int(environment[size]))
    return ProcessInfo()


def local_size(environment: Mapping[str, str] = os.environ) -> int:
    """How many workers share this machine's processors, as far as the launcher says."""
    given = environment.get(LOCAL_SIZE, "")
    return max(1, int(given)) if given.isdigit() else 1


def own_graphics_processor(count: int, environment: Mapping[str, str] = os.environ) -> str | None:
    """What CUDA_VISIBLE_DEVICES must be for this worker to have one of `count` to itself; None leaves it.

    Example:
        >>> launched = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
        >>> own_graphics_processor(4, launched | {"CUDA_VISIBLE_DEVICES": "4,5,6,7"})
        '5'
    """
    given = environment.get("LOCAL_RANK", environment.get("SLURM_LOCALID", ""))
    if count < 2 or not given.isdigit() or process_info(environment).size < 2:
        return None
    seen = environment.get("CUDA_VISIBLE_DEVICES", "")
    names = seen.split(",") if seen else [str(number) for number in range(count)]
    return names[int(given) % len(names)]


def slurm_step(environment: Mapping[str, str] = os.environ) -> str:
    """A name that the processes of this SLURM step share and no other step has."""
    parts = [environment.get(f"SLURM_{part}", "0") for part in ("JOB_ID", "STEP_ID", "RESTART_COUNT")]
    return re.sub(r"\W", "-", "-".join(parts))
