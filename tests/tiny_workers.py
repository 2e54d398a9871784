"""Other workers, in processes of their own, that do their part of what a test leads."""

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parent
QUIET = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}

PROGRAM = """
    import sys
    sys.path[:0] = {paths!r}
    import {module}
    from pathlib import Path
    from preseason.distributed.workers import Workers
    from preseason.errors import WorkersError
    from preseason.runtime.launcher import process_info
    try:
        {module}.{part}(Workers(process_info(), Path()), *{arguments!r})
    except WorkersError as error:
        print("lost", error, flush=True)
"""


@contextmanager
def workers_at(
    module: str, part: str, *arguments: object, size: int = 2
) -> Iterator[list["subprocess.Popen[str]"]]:
    """One process for each rank; each calls `part` of the test module with its `Workers` and the arguments.

    torch knows one group a process, so the leader is a process of its own as well.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = [str(TESTS), str(TESTS / "unit"), *sys.path]
    code = textwrap.dedent(PROGRAM).format(paths=paths, module=module, part=part, arguments=arguments)
    shared = QUIET | {"MASTER_PORT": str(port), "WORLD_SIZE": str(size)}
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code],
            stdout=subprocess.PIPE,
            text=True,
            env=shared | {"RANK": str(rank)},
        )
        for rank in range(size)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def said_by(started: list["subprocess.Popen[str]"]) -> list[str]:
    """What each process printed until its end."""
    return [process.communicate(timeout=240)[0].strip() for process in started]
