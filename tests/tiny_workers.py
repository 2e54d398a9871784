"""Workers in processes of their own that take steps of a training together with the test."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent

PROGRAM = """
    import sys
    sys.path[:0] = {paths!r}
    import {module}
    from preseason.distributed.data_parallel import Parallel, WorkersLostError, join_store
    for port, sharded, arguments in {calls!r}:
        team = Parallel({rank}, {size}, join_store("127.0.0.1", port), "cpu", sharded)
        try:
            print({module}.helped(team, *arguments), flush=True)
        except WorkersLostError as error:
            print("lost", error, flush=True)
        team.close()
"""


@contextmanager
def helpers(
    module: str, *calls: tuple[int, bool, tuple[Any, ...]], count: int = 1
) -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes of rank 1 and on; each calls the test module's `helped` for one call after the other.

    Args:
        module: name of a test module beside this file or in `unit`.
        calls: port of the leader's store, whether weights are spread, arguments after the team.
    """
    started = []
    for rank in range(1, count + 1):
        paths = [str(TESTS), str(TESTS / "unit"), *sys.path]
        code = textwrap.dedent(PROGRAM).format(
            paths=paths, module=module, calls=calls, rank=rank, size=count + 1
        )
        quiet = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-W", "ignore", "-c", code]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=quiet))
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
