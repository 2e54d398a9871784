"""A fit on a Ray cluster, for those who have one: `pip install 'preseason[ray]'`.

Ray only starts the workers and tells where the first of them is. What they share, and what happens when
one dies, is the same as with torchrun (`workers.py`, `together.py`): the first leads, the others help.
"""

import os
import socket
from collections import Counter
from pathlib import Path
from typing import Any

from preseason.errors import UsageError
from preseason.errors.packages import require
from preseason.fitting import fit as worker
from preseason.models.loading import load
from preseason.trained_model import TrainedModel

CACHE = "PRESEASON_CACHE"


class _Worker:
    """One worker, in a process that Ray started for it."""

    def place(self) -> tuple[str, str, int]:
        """The machine's name for Ray, its address, and a port that is free there."""
        import ray

        with socket.socket() as free:
            free.bind(("", 0))
            port = free.getsockname()[1]
        return ray.get_runtime_context().get_node_id(), ray.util.get_node_ip_address(), port

    def fit(self, variables: dict[str, str], data: str, output: str, settings: dict[str, Any]) -> None:
        """Lead or help, as the variables say."""
        os.environ.update(variables)
        worker.fit(data, output, **settings)


def fit(
    data: str | Path, output: str | Path, workers: int, *, cpus_each: float = 1, gpus_each: float = 0,
    **settings: Any,
) -> TrainedModel:  # fmt: skip
    """`preseason.fit` by `workers` actors of the cluster that `ray.init` joined, or of this machine.

    Data, output and feature bank (`cache`, or PRESEASON_CACHE) must lie where all nodes see them under the
    same paths.

    Args:
        workers: actors; fewer than the cluster has room for, or Ray waits for room.
        cpus_each: logical processors that Ray counts for each.
        gpus_each: the same for GPUs.
        settings: of `preseason.fit`.

    Raises:
        MissingPackageError: Ray is not installed.
        UsageError: there are no workers.
        PreseasonError: what the fit raises.

    Example:
        ray.init("auto")
        model = preseason.fitting.ray.fit("/shared/photos", "/shared/players", 16, cache="/shared/cache")
    """
    require("A fit on a Ray cluster", "ray")
    import ray

    if workers < 1:
        raise UsageError(f"workers={workers}: expected 1 or more.")
    actor = ray.remote(num_cpus=cpus_each, num_gpus=gpus_each)(_Worker)
    team = [actor.remote() for _ in range(workers)]
    try:
        places = ray.get([each.place.remote() for each in team])
        beside = Counter(node for node, _, _ in places)
        _, host, port = places[0]
        shared = {"WORLD_SIZE": str(workers), "MASTER_ADDR": host, "MASTER_PORT": str(port)}
        if CACHE in os.environ:
            shared[CACHE] = os.environ[CACHE]
        own = [{"RANK": str(rank), "LOCAL_WORLD_SIZE": str(beside[at[0]])} for rank, at in enumerate(places)]
        paths = str(Path(data).absolute()), str(Path(output).absolute())
        works = [
            each.fit.remote(shared | mine, *paths, settings) for each, mine in zip(team, own, strict=True)
        ]
        ray.get(works[0])
    finally:
        for each in team:
            ray.kill(each)
    return load(output, **{name: settings[name] for name in ("device", "cache") if name in settings})
