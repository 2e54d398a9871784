"""The same server as an application of Ray Serve: replicas on a cluster, behind the proxies of its machines.

    serve run preseason.serving.ray_serve:application models=/models/players

`deploy/ray-serve.yaml` is its configuration for `serve deploy`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from preseason.runtime.addresses import is_address
from preseason.runtime.threads import share_heaps, use_threads
from preseason.serving.app import Settings, create_app
from preseason.serving.guard import LOCAL, Rules, api_key
from preseason.serving.hosting import Runtime, named_folders
from preseason.serving.limits import Limits
from preseason.serving.server import FINISH_S

NAME = "preseason"
ANY_HOST = "*"


class Arguments(BaseModel):
    """What `serve run` and the configuration's `args` may say; anything else is refused.

    Attributes:
        models: model folders or addresses of stores, each alone or as NAME=FOLDER, seen by all machines.
        device: `auto`, `cpu` or `cuda`.
        cache: folder of the feature bank on each machine.
        knowledge: folder or file in which chat models look facts up.
        allow_host: names under which the cluster may be addressed, besides this machine's own; `*` takes any.
        api_key_file: file with the key; without it the replicas' PRESEASON_API_KEY is asked for.
    """

    model_config = ConfigDict(extra="forbid")

    models: str | list[str]
    device: str = "auto"
    cache: str | None = None
    knowledge: str | None = None
    allow_host: str | list[str] = []
    api_key_file: str | None = None


class Replica:
    """One replica, which runs the whole application.

    Attributes:
        app: the application, as Ray Serve holds it.
    """

    app: FastAPI

    async def check_health(self) -> None:
        """Nothing, while every model's thread answers; Ray Serve replaces a replica that raises.

        Raises:
            RuntimeError: a thread has ended.
        """
        ended = [name for name, each in self.app.state.served.models.items() if not each.batcher.is_alive]
        if ended:
            raise RuntimeError(f"Nothing answers any longer for {', '.join(ended)}.")


def application(arguments: Arguments) -> Any:
    """The application, as Ray Serve calls for it with what the command or the configuration says.

    Raises:
        UsageError: two models are called the same.
    """
    from ray import serve

    folders = {name: _placed(path) for name, path in named_folders(_several(arguments.models)).items()}

    def build() -> FastAPI:
        return _in_replica(folders, arguments)

    replica = serve.deployment(
        serve.ingress(build)(Replica),
        name=NAME,
        max_ongoing_requests=Limits().connections,
        graceful_shutdown_timeout_s=FINISH_S + 10,
    )
    return replica.bind()


def _in_replica(folders: Mapping[str, Path], arguments: Arguments) -> FastAPI:
    """The application of one replica, with the processors that Ray gave to it."""
    import ray

    share_heaps()
    use_threads(max(1, int(ray.get_runtime_context().get_assigned_resources().get("CPU", 1))))
    named = _several(arguments.allow_host)
    rules = Rules(api_key(arguments.api_key_file), None if ANY_HOST in named else LOCAL | set(named))
    knowledge = None if arguments.knowledge is None else Path(arguments.knowledge)
    where = Runtime(arguments.device, arguments.cache)
    settings = Settings(Limits(), rules, where, read_only=True, knowledge=knowledge, several=True)
    return create_app(folders, settings)


def _several(given: str | list[str]) -> tuple[str, ...]:
    """One, as the command gives it, or several, as the configuration may."""
    return (given,) if isinstance(given, str) else tuple(given)


def _placed(folder: Path) -> Path:
    """A place as all replicas name it, wherever they were started."""
    return folder if is_address(folder) else folder.absolute()
