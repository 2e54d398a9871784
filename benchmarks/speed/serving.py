"""A server under load with bad requests among the good: lost, wrong, memory, throughput, waiting.

    python benchmarks/speed/serving.py DATA [--requests 10000] [--connections 32] [--json FILE]

DATA holds a folder of photos for each label. A linear head is fitted on twelve of each (or `--model FOLDER`).
Then `predict` is called in a loop, one photo a call, and after that the server of the command line gets the
requests. Every request is a photo whose file nobody has sent before: none is answered from the feature bank.
One in twenty is bad: half a file, a body or a picture beyond the limits, a client that stalls, a client
that goes away.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

import preseason

EACH = 12
BAD = ("broken", "huge body", "huge picture", "slow", "cancelled")
EXPECTED = {"broken": {422}, "huge body": {413}, "huge picture": {413}, "slow": {408, 0}, "cancelled": {0}}
"""Statuses that a bad request may get; 0 where the connection is closed without one."""
HUGE_BYTES = 70_000_000
BOUNDARY = "photo-of-a-player"


@dataclass
class Seen:
    """What came back."""

    seconds: list[float] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)
    different: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)


class Photos:
    """Files to send, each different from all before it: bytes behind the end of a picture change no pixel."""

    def __init__(self, paths: list[Path]) -> None:
        self._files = [path.read_bytes() for path in paths]
        self._numbers = itertools.count()

    def next(self) -> tuple[int, bytes]:
        """Which photo it is, and a file of it that is new."""
        number = next(self._numbers)
        which = number % len(self._files)
        return which, self._files[which] + number.to_bytes(8, "big")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, help="a fitted model of photos in place of a linear head")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--loop", type=int, default=200, help="calls of predict in the loop")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PRESEASON_CACHE"] = str(Path(folder, "cache"))
        photos = [path for each in labels(asked.data) for path in each]
        model = asked.model or fitted(asked.data, Path(folder))
        looped, known = loop(model, photos, asked.loop, Path(folder))
        found = asyncio.run(served(model, photos, known, asked.requests, asked.connections))
    found |= {"loop_photos_per_s": looped, "over_loop": found["photos_per_s"] / looped}
    print(json.dumps(found, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, **found}, indent=1), "utf-8")


def labels(data: Path) -> list[list[Path]]:
    folders = sorted(path for path in data.iterdir() if path.is_dir())
    return [sorted(path for path in each.iterdir() if path.is_file())[:EACH] for each in folders]


def fitted(data: Path, place: Path) -> Path:
    """A model with a linear head on a few photos of each label."""
    for paths in labels(data):
        target = place / "photos" / paths[0].parent.name
        target.mkdir(parents=True)
        for path in paths:
            shutil.copy(path, target)
    preseason.fit(place / "photos", place / "model", head="linear", unfreeze=0)
    return place / "model"


def loop(folder: Path, paths: list[Path], count: int, place: Path) -> tuple[float, list[str]]:
    """Photos a second of `predict`, one new photo a call, and the label of each photo."""
    model = preseason.load(folder)
    known = [each.label for each in model.predict(*paths).predictions]
    photos = Photos(paths)
    files = []
    for number in range(count):
        files.append(place / f"{number}.jpg")
        files[-1].write_bytes(b"".join([photos.next()[1], b"loop"]))
    begin = time.monotonic()
    for path in files:
        model.predict(path)
    return count / (time.monotonic() - begin), known


async def served(
    model: Path, paths: list[Path], known: list[str], count: int, width: int
) -> dict[str, object]:
    """The figures of `count` requests by `width` clients."""
    command = [sys.executable, "-m", "preseason", "serve", f"it={model}", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split(" at ")[1].split()[0]
            return await load(address, Photos(paths), known, count, width) | {
                "crashed": process.poll() is not None
            }
        finally:
            process.terminate()


async def load(address: str, photos: Photos, known: list[str], count: int, width: int) -> dict[str, object]:
    kinds = ["good"] * count
    for place, number in enumerate(random.Random(0).sample(range(count), count // 20)):
        kinds[number] = BAD[place % len(BAD)]
    seen, queue, beside = Seen(), iter(kinds), set()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=120, trust_env=False, limits=limits) as client:

        async def work() -> None:
            for kind in queue:
                if kind == "good":
                    await ask(client, photos, known, seen)
                elif kind == "slow":
                    # On a connection of its own, so that as many as were asked for go on asking.
                    beside.add(asyncio.create_task(misbehave(client, kind, photos, seen)))
                else:
                    await misbehave(client, kind, photos, seen)

        memory = {"start": await resident_mb(client)}
        begin = time.monotonic()
        clients = [asyncio.create_task(work()) for _ in range(width)]
        while len(seen.seconds) < count // 5 and not all(each.done() for each in clients):
            await asyncio.sleep(0.2)
        memory["after a fifth"] = await resident_mb(client)
        await asyncio.gather(*clients)
        seconds = time.monotonic() - begin
        memory["end"] = await resident_mb(client)
        await asyncio.gather(*beside)
        under_way = await figure(client, "preseason_requests_under_way")
        batches = await figure(client, 'preseason_batch_examples_count{model="it"}')
    half, late = np.percentile(seen.seconds, [50, 99])
    return {
        "requests": count, "connections": width, "answered": len(seen.seconds), "lost": dict(seen.lost),
        "different_labels": seen.different, "bad": dict(seen.bad),
        "bad_with_another_end": dict(seen.unexpected),
        "left_under_way": under_way - 1, "photos_per_batch": len(seen.seconds) / batches,
        "photos_per_s": len(seen.seconds) / seconds, "seconds": seconds, "p50_s": half, "p99_s": late,
        "memory_mb": memory,
    }  # fmt: skip


async def ask(client: httpx.AsyncClient, photos: Photos, known: list[str], seen: Seen) -> None:
    """One good request."""
    which, data = photos.next()
    begin = time.monotonic()
    try:
        reply = await client.post("/v1/predict", files={"file": ("photo.jpg", data)})
    except httpx.HTTPError as error:
        seen.lost[type(error).__name__] += 1
        return
    if reply.status_code != 200:
        seen.lost[str(reply.status_code)] += 1
        return
    seen.seconds.append(time.monotonic() - begin)
    seen.different += reply.json()["predictions"][0]["label"] != known[which]


async def misbehave(client: httpx.AsyncClient, kind: str, photos: Photos, seen: Seen) -> None:
    """One bad request; its end is counted."""
    data = photos.next()[1]
    if kind in ("broken", "huge picture"):
        sent = bomb() if kind == "huge picture" else data[: len(data) // 2]
        status = (await client.post("/v1/predict", files={"file": ("photo.jpg", sent)})).status_code
    else:
        status = await by_hand(client.base_url, kind, data)
    seen.bad[kind] += 1
    if status not in EXPECTED[kind]:
        seen.unexpected[f"{kind}: {status}"] += 1


def bomb() -> bytes:
    """A small file of a picture of 400 million pixels."""
    out = BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    return out.getvalue()


async def by_hand(address: httpx.URL, kind: str, data: bytes) -> int:
    """A request whose client stalls, goes away, or sends more than it may; the status, 0 for none."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    body = (
        f"--{BOUNDARY}\r\ncontent-disposition: form-data; name=file; filename=photo.jpg\r\n\r\n".encode()
        + data
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )
    length = HUGE_BYTES if kind == "huge body" else len(body)
    head = (
        f"POST /v1/predict HTTP/1.1\r\nhost: {address.netloc.decode()}\r\ncontent-length: {length}\r\n"
        f"content-type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    try:
        writer.write(head.encode() + (body if kind == "cancelled" else body[: len(body) // 2]))
        await writer.drain()
        if kind == "cancelled":
            await asyncio.sleep(0.02)
            return 0
        line = await asyncio.wait_for(reader.readline(), 120)
        return int(line.split()[1]) if line else 0
    except ConnectionError:
        return 0
    finally:
        writer.close()


async def figure(client: httpx.AsyncClient, name: str) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} "))


async def resident_mb(client: httpx.AsyncClient) -> float:
    return await figure(client, "process_resident_memory_bytes") / 1e6


if __name__ == "__main__":
    main()
