"""`preseason serve MODELS...`."""

from pathlib import Path
from typing import Any

import click

from preseason.cli.verbs import AliasedOption, Outcome, model_options, verb
from preseason.errors import UsageError
from preseason.errors.packages import require

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@verb("serve")
@click.argument("models", nargs=-1, required=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port; 0 picks a free one."
)
@click.option(
    "--api-key-file",
    cls=AliasedOption,
    hidden_names=["--key-file"],
    metavar="FILE",
    help="File with the API key that requests must carry (also PRESEASON_API_KEY).",
)
@click.option("--allow-host", multiple=True, metavar="NAME", help="Another name of this machine. Repeatable.")
@click.option("--corrections", metavar="FOLDER", help="Save corrected answers here, for fit and add.")
@click.option(
    "--refit-data",
    metavar="DATA",
    help="With --corrections: pictures that the finder was fitted on, to fit it again from the page.",
)
@click.option("--matches", metavar="FOLDER", help="Offer the videos in this folder for watching.")
@click.option("--read-only", is_flag=True, help="Requests may not add classes or reload models.")
@click.option("--knowledge", metavar="PATH", help="Folder or file where chat models look up facts.")
@click.option(
    "--fine-tuning", metavar="FOLDER", help="Offer OpenAI's fine-tuning API; files and jobs are kept here."
)
@click.option("--no-watch", is_flag=True, help="Do not reload models when their folders are replaced.")
@click.option(
    "--max-body-mb",
    cls=AliasedOption,
    hidden_names=["--most-mb"],
    type=float,
    default=64,
    show_default=True,
    help="Maximum size of a request.",
)
@click.option(
    "--max-megapixels",
    cls=AliasedOption,
    hidden_names=["--most-pixels"],
    type=float,
    default=50,
    show_default=True,
    help="Maximum size of a picture.",
)
@click.option(
    "--max-clip-seconds",
    cls=AliasedOption,
    hidden_names=["--most-seconds"],
    type=float,
    default=120,
    show_default=True,
    help="Maximum length of a clip.",
)
@click.option(
    "--max-queue",
    cls=AliasedOption,
    hidden_names=["--most-waiting"],
    type=int,
    default=256,
    show_default=True,
    help="Maximum number of examples waiting.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that answer at this address; more than one needs --read-only.",
)
@click.option("--timeout", type=float, default=60, show_default=True, help="Maximum seconds for an answer.")
@model_options
def serve(
    models: tuple[str, ...], host: str, port: int, device: str, cache: str | None, quiet: bool, **options: Any
) -> Outcome:
    """Serve models over HTTP, with a web page at the same address.

    MODELS are folders that `fit` wrote; each is named after its folder, or given as NAME=FOLDER. A model is
    reloaded when its folder is replaced, without losing a request. SIGTERM and Ctrl-C finish what is running;
    SIGHUP reloads all models.
    """
    require("`preseason serve`", "fastapi", "python_multipart", "prometheus_client", "uvicorn")
    from preseason.runtime.threads import share_heaps
    from preseason.serving.app import Settings, create_app
    from preseason.serving.guard import LOCAL, Rules, api_key
    from preseason.serving.hosting import Runtime, named_folders
    from preseason.serving.processes import Processes
    from preseason.serving.server import Listening, listen

    workers: int = options["workers"]
    _refuse_kept(workers, options)
    key = api_key(options["api_key_file"])
    hosts = None if host in ("0.0.0.0", "::") and not options["allow_host"] else LOCAL
    rules = Rules(key, hosts and hosts | {host, *options["allow_host"]})
    limits = _limits(options)
    settings = Settings(
        limits,
        rules,
        Runtime(device, cache),
        watch=not options["no_watch"],
        corrections=_path(options["corrections"]),
        refit_data=_path(options["refit_data"]),
        read_only=options["read_only"],
        matches=_path(options["matches"]),
        knowledge=_path(options["knowledge"]),
        tuning=_path(options["fine_tuning"]),
        several=workers > 1,
    )
    if key is None and host not in LOOPBACK:
        click.echo(
            "No API key is set (PRESEASON_API_KEY, --api-key-file): anyone who can reach this address can "
            "use the server.",
            err=True,
        )
    folders = named_folders(models)

    def ready(address: str) -> None:
        click.echo(f"Serving {', '.join(folders)} at {address} (Ctrl-C stops it)", err=quiet)

    if workers > 1:
        Processes(folders, settings, host, port, workers, ready).run()
    else:
        share_heaps()
        app = create_app(folders, settings)
        Listening(app, listen(host, port, limits.connections), limits, ready).run()
    return Outcome({"models": list(folders)}, "Stopped; all pending requests were answered.")


def _refuse_kept(workers: int, options: dict[str, Any]) -> None:
    """Refuse what one process would keep and the others not know of.

    Raises:
        UsageError: several processes are asked for, and such an option.
    """
    if workers == 1:
        return
    kept = [
        f"--{name.replace('_', '-')}" for name in ("corrections", "matches", "fine_tuning") if options[name]
    ]
    if kept:
        raise UsageError(f"{', '.join(kept)}: for a server of one process; leave out --workers {workers}.")
    if not options["read_only"]:
        raise UsageError(
            f"--workers {workers} needs --read-only: a class added in one process is not in the others. "
            "Add classes with `preseason add`; every process then loads the folder again."
        )


def _path(given: str | None) -> Path | None:
    return None if given is None else Path(given)


def _limits(options: dict[str, Any]) -> Any:
    from preseason.serving.limits import Limits

    return Limits(
        body_bytes=round(options["max_body_mb"] * 1e6),
        pixels=round(options["max_megapixels"] * 1e6),
        clip_s=options["max_clip_seconds"],
        waiting=options["max_queue"],
        answer_s=options["timeout"],
    )
