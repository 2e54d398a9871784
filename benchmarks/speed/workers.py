"""Two workers over one: seconds of extraction, and the same rows after one was killed and both restarted.

    python benchmarks/speed/workers.py DATA [--kills 20] [--settings "--unfreeze 2 ..."] [--json FILE]
    python benchmarks/speed/workers.py DATA --ray
    python benchmarks/speed/workers.py TEXTS --chat [--budget 4m] [--rounds 2]

Every worker gets one thread, so that two are compared with one on the same machine fairly. With `--kills` the
helper is killed at a random moment of the extraction that many times, each time on an empty bank. `--ray`
compares one process with two nodes of a Ray cluster on this machine, a processor each. `--chat`
tells tokens a second of the default language model's training by one worker, by two that share each step, and
by two over which its weights are spread; rounds take turns.
"""

import argparse
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

SETTINGS = ("--head", "linear", "--unfreeze", "0", "--budget", "30m", "-q", "--json")


def start(
    data: Path, place: Path, rank: int, size: int, port: int, settings: tuple[str, ...]
) -> "subprocess.Popen[bytes]":
    """A fit by one process of `size`, with one thread."""
    variables = os.environ | {
        "RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(os.cpu_count() or 1),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "preseason", "fit", str(data), "-o", str(place / "model")]
    command += ["--cache", str(place / "cache"), *settings]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def fit(
    data: Path, place: Path, size: int, settings: tuple[str, ...], kill_after_s: float | None = None
) -> dict[str, object]:
    """One fit from an empty bank: wall seconds, seconds of reading, and a checksum of all rows.

    Where one worker is killed all of them end, and the same command is given again.
    """
    shutil.rmtree(place, ignore_errors=True)
    return _fit_on(data, place, size, settings, kill_after_s)


def _fit_on(
    data: Path, place: Path, size: int, settings: tuple[str, ...], kill_after_s: float | None
) -> dict[str, object]:
    port, begin = random.randrange(20000, 40000), time.monotonic()
    workers = [start(data, place, rank, size, port, settings) for rank in range(size)]
    if kill_after_s is not None:
        while not list(place.glob("cache/bank/*/*.rows")) and workers[0].poll() is None:
            time.sleep(0.05)
        time.sleep(kill_after_s)
        workers[-1].send_signal(signal.SIGKILL)
    out, _ = workers[0].communicate()
    seconds = time.monotonic() - begin
    for worker in workers[1:]:
        worker.communicate()
    if kill_after_s is not None:
        return _fit_on(data, place, size, settings, None)
    if workers[0].returncode:
        sys.exit(f"the fit failed with exit code {workers[0].returncode}: {out.decode()[:500]}")
    stages = json.loads(out)["seconds"]
    return {"wall_s": seconds, "stages_s": stages, "rows": rows(place / "cache/bank")}


def fit_on_ray(data: Path, place: Path, settings: tuple[str, ...]) -> dict[str, object]:
    """A fit from an empty bank by two nodes of a cluster that runs here, started before the clock."""
    names = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_worker_niceness": "0"}
    os.environ |= names | {"RAY_USAGE_STATS_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    shutil.rmtree(place, ignore_errors=True)
    node = {"num_cpus": 1, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    try:
        return _fit_on(data, place, 1, (*settings, "--ray", cluster.address), None)
    finally:
        cluster.shutdown()


def chat(texts: Path, place: Path, budget: str, rounds: int) -> dict[str, list[float]]:
    """Tokens a second of training, by way and round."""
    import preseason
    from preseason.language.model import ChatModel

    candidates: dict[str, tuple[int, tuple[str, ...]]] = {
        "one": (1, ()), "two": (2, ()), "two, spread": (2, ("--fsdp", "yes")),
    }  # fmt: skip
    found: dict[str, list[float]] = {candidate: [] for candidate in candidates}
    for turn in range(rounds):
        for candidate, (size, settings) in candidates.items():
            shutil.rmtree(place / "cache/bank", ignore_errors=True)
            shutil.rmtree(place / "cache/fits", ignore_errors=True)
            port = random.randrange(20000, 40000)
            wanted = ("--budget", budget, "--seed", str(turn), "-q", *settings)
            for worker in [start(texts, place, rank, size, port, wanted) for rank in range(size)]:
                if worker.wait():
                    sys.exit(f"a worker of {candidate} failed")
            model = preseason.load(place / "model")
            assert isinstance(model, ChatModel)
            training = model.record.training
            assert training.workers == size, "a worker was lost"
            found[candidate].append(training.tokens_per_s)
            print(
                f"{candidate}: {training.tokens_per_s:.0f} tokens/s, "
                f"{training.steps} steps of {training.batch}"
            )
    return found


def rows(bank: Path) -> dict[str, int]:
    """Key and CRC-32 of every row that can be read, by shelf."""
    found = {}
    for journal in sorted(bank.glob("*/*.keys")):
        data = journal.with_suffix(".rows").read_bytes()
        lines = journal.read_bytes().split(b"\n")[:-1]
        size = len(data) // max(len(lines), 1)
        for place, line in enumerate(lines):
            key, _, checksum = line.decode().rpartition(" ")
            if zlib.crc32(data[place * size : (place + 1) * size], zlib.crc32(key.encode())) == int(checksum):
                found[f"{journal.parent.name} {key}"] = int(checksum)
    if not found:
        sys.exit(f"no row can be read in {bank}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--settings", help="of fit, in place of a linear head alone")
    parser.add_argument("--chat", action="store_true")
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--budget", default="4m")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    if given.chat:
        with tempfile.TemporaryDirectory() as folder:
            figures = chat(given.data, Path(folder) / "run", given.budget, given.rounds)
        print(json.dumps(figures, indent=1))
        if given.json:
            given.json.write_text(json.dumps(figures))
        return
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "run"
        settings = SETTINGS if given.settings is None else (*shlex.split(given.settings), "-q", "--json")
        one = fit(given.data, place, 1, settings)
        two = fit_on_ray(given.data, place, settings) if given.ray else fit(given.data, place, 2, settings)
        same = one["rows"] == two["rows"]
        result = {"one_s": one["wall_s"], "two_s": two["wall_s"], "stages_one": one["stages_s"],
                  "stages_two": two["stages_s"], "same_rows": same, "rows": len(one["rows"])}  # fmt: skip
        kept = 0
        for turn in range(given.kills):
            again = fit(given.data, place, 2, settings, draw.uniform(0, 0.7 * float(str(two["wall_s"]))))
            kept += again["rows"] == one["rows"]
            print(f"kill {turn + 1}: {again['wall_s']:.0f} s, same rows: {again['rows'] == one['rows']}")
        result |= {"kills": given.kills, "kills_with_the_same_rows": kept}
    print(json.dumps(result, indent=1))
    if given.json:
        given.json.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
