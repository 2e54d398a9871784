"""A walk over long videos: times real time and peak memory, `python benchmarks/speed/spotting.py`.

A minute of moving shapes at 1280 x 720 and 25 frames a second is encoded once and repeated by copying
packets, so that a video of two hours costs no encoding. Each length is watched in a process of its own,
by the walk that `spot` and `spot --like` share. Peak memory is of anonymous pages (Linux): what is seen is
mapped from the disk, and those pages go when memory is short. It must not grow with the length.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from peaks import PEAK

FPS, HEIGHT, WIDTH = 25, 720, 1280
WATCH = f"""{PEAK}
import sys, time
from preseason.spotting.alike import Search, features_of
from preseason.runtime.progress import Silent

begin = time.perf_counter()
found = features_of(Path(sys.argv[1]), Search(cache=sys.argv[2], rate=float(sys.argv[3])), Silent())
over.set()
print(len(found), time.perf_counter() - begin, peak[0] / 1000)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", default="2,20,120", help="lengths to watch")
    parser.add_argument("--rate", default="2", help="frames a second that are looked at")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv))
    print(
        f"{'minutes':>8} {'steps':>7} {'seconds':>8} {'x real time':>12} {'decode only x':>14} {'peak MB':>8}"
    )
    rows = []
    with tempfile.TemporaryDirectory(prefix="preseason-spotting-") as folder:
        minute = encoded(Path(folder) / "minute.mp4")
        # The first run converts the network, which later ones find in the cache.
        watched(minute, folder, asked.rate)
        for minutes in map(int, asked.minutes.split(",")):
            video = repeated(minute, Path(folder) / f"{minutes}.mp4", minutes)
            steps, seconds, peak = watched(video, folder, asked.rate)
            decoding = decoded_s(video)
            row = {
                "minutes": minutes,
                "steps": steps,
                "seconds": seconds,
                "peak_mb": peak,
                "decode_s": decoding,
            }
            rows.append(row | {"over_decoding": seconds / decoding})
            print(
                f"{minutes:8} {steps:7} {seconds:8.0f} {60 * minutes / seconds:12.1f} "
                f"{60 * minutes / decoding:14.1f} {peak:8.0f}",
                flush=True,
            )
            video.unlink()
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "videos": rows}, indent=1), "utf-8")


def encoded(path: Path) -> Path:
    """A minute of squares that wander over noise."""
    noise = np.random.default_rng(0).integers(40, 120, (HEIGHT, WIDTH, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=FPS, options={"preset": "ultrafast", "g": "50", "bf": "0"}
        )
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for number in range(60 * FPS):
            shown = noise.copy()
            for player in range(8):
                x, y = (number * (player + 2)) % (WIDTH - 60), (number + 80 * player) % (HEIGHT - 80)
                shown[y : y + 80, x : x + 60] = (200, 30 * player, 60)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def repeated(minute: Path, path: Path, minutes: int) -> Path:
    """The same minute over and over, its packets copied."""
    with av.open(str(path), "w") as target:
        shift, out = 0, None
        for _ in range(minutes):
            with av.open(str(minute)) as source:
                video = source.streams.video[0]
                out = out or target.add_stream_from_template(video)
                last = shift
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    last = max(last, packet.pts + packet.duration)
                    packet.stream = out
                    target.mux(packet)
                shift = last
    return path


def watched(video: Path, cache: str, rate: str) -> tuple[int, float, float]:
    """Steps, seconds with start-up, and peak memory in MB."""
    command = [sys.executable, "-c", WATCH, str(video), f"{cache}/cache", rate]
    steps, seconds, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(steps), float(seconds), float(peak)


def decoded_s(video: Path) -> float:
    """Seconds to decode every frame and do nothing with it."""
    begin = time.perf_counter()
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
