"""Sounds: digits by unseen speakers, everyday sounds by unseen recordings, and an hour of sound, measured.

python benchmarks/sounds.py digits ../shared/data/spoken-digits [NETWORK] [--takes 8]
python benchmarks/sounds.py everyday ../shared/data/everyday-sounds [NETWORK ...]
python benchmarks/sounds.py hour
python benchmarks/sounds.py planted ../shared/data/everyday-sounds [NETWORK] [--minutes 60]
"""

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import preseason
from preseason.media import sound

TAKES = (4, 8, 20, 50)


def table(path: Path, rows: list[tuple[Path, str, str]]) -> Path:
    """A table of files, labels and groups."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "group"))
        writer.writerows((str(each.resolve()), label, group) for each, label, group in rows)
    return path


def digits(folder: Path, networks: list[str], budget: str | None, counts: list[int]) -> None:
    """Learn one speaker's takes, judge another's, both ways."""
    files = sorted(folder.glob("*.wav"))
    said = [path.stem.split("_") for path in files]
    speakers = sorted({fields[1] for fields in said})
    with tempfile.TemporaryDirectory() as made:
        for takes in counts:
            figures = []
            for speaker in speakers:
                learnt, judged = [], []
                for path, (digit, who, take) in zip(files, said, strict=True):
                    if who != speaker:
                        judged.append((path, digit, who))
                    elif int(take) < takes:
                        learnt.append((path, digit, f"take {take}"))
                settings = {"backbone": networks[0]} if networks else {}
                model = preseason.fit(table(Path(made) / "learnt.csv", learnt), budget_s=budget, **settings)
                score = model.evaluate(table(Path(made) / "judged.csv", judged)).score
                figures.append(score.value)
                print(f"{takes} takes of {speaker}: {100 * score.value:.1f} % on the others", flush=True)
            print(f"{takes} a digit: {100 * np.mean(figures):.1f} % ({model.record.backbone})", flush=True)


def everyday(folder: Path, networks: list[str], budget: str | None) -> None:
    """The published folds, each judged by a model of the others."""
    files = sorted(folder.glob("*/*.ogg"))
    rows = [(path, path.parent.name, path.name.split("-")[1]) for path in files]
    folds = sorted({path.name[0] for path in files})
    with tempfile.TemporaryDirectory() as made:
        for network in networks or ["auto"]:
            right = total = 0
            begin = time.monotonic()
            for fold in folds:
                learnt = [row for row in rows if row[0].name[0] != fold]
                judged = [row for row in rows if row[0].name[0] == fold]
                model = preseason.fit(
                    table(Path(made) / "learnt.csv", learnt), budget_s=budget, backbone=network
                )
                score = model.evaluate(table(Path(made) / "judged.csv", judged)).score
                right, total = right + round(score.value * len(judged)), total + len(judged)
                print(f"fold {fold}: {100 * score.value:.1f} % ({model.record.backbone})", flush=True)
            seconds = time.monotonic() - begin
            print(f"{network}: {100 * right / total:.1f} % of {total}, {seconds:.0f} s", flush=True)


def hour(budget: str | None, networks: list[str]) -> None:
    """Three kinds of tones learnt, and an hour of them in noise listened to."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from tones import RATE, chirp, rustle, three_kinds, write_wav

    with tempfile.TemporaryDirectory() as made:
        folder = three_kinds(Path(made) / "kinds", 12)
        for number in range(12):
            write_wav(folder / "background" / f"{number}.wav", rustle(1.0, number))
        settings = {"backbone": networks[0]} if networks else {}
        model = preseason.fit(folder, budget_s=budget, **settings)
        wave = 0.3 * rustle(3600.0, 99)
        starts = np.arange(30, 3600, 60)
        for start in starts:
            wave[start * RATE : (start + 1) * RATE] += chirp(300, 2000)
        path = write_wav(Path(made) / "hour.wav", wave)
        begin = time.monotonic()
        found = preseason.spot(model, path)
        seconds = time.monotonic() - begin
        hits = sum(any(abs(a.moment_s - start - 0.5) < 1 for a in found.actions) for start in starts)
        print(
            f"{model.record.backbone}: an hour in {seconds:.0f} s, {3600 / seconds:.0f} times real time; "
            f"{hits} of {len(starts)} found, {len(found.actions) - hits} besides; "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most",
            flush=True,
        )


def planted(folder: Path, networks: list[str], budget: str | None, minutes: int) -> None:
    """Sounds of folds 1 to 4 and noise learnt; `spot` finds those of fold 5 in an hour of other noise."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from tones import RATE, write_wav

    rng = np.random.default_rng(0)

    def rumble(seconds: float) -> np.ndarray:
        """Noise whose power falls with its frequency."""
        white = np.fft.rfft(rng.normal(0, 1, round(seconds * RATE)))
        hertz = np.fft.rfftfreq(round(seconds * RATE), 1 / RATE)
        made = np.fft.irfft(white / np.sqrt(np.maximum(hertz, 50)))
        return np.asarray(0.02 * made / made.std(), np.float32)

    files = sorted(folder.glob("*/*.ogg"))
    with tempfile.TemporaryDirectory() as made:
        learnt = [(p, p.parent.name, p.name.split("-")[1]) for p in files if p.name[0] != "5"]
        for number in range(40):
            noise = write_wav(Path(made) / f"noise-{number}.wav", rumble(5.0))
            learnt.append((noise, "background", f"noise {number}"))
        model = preseason.fit(
            table(Path(made) / "learnt.csv", learnt),
            Path(made) / "model",
            budget_s=budget,
            backbone=(networks or ["auto"])[0],
        )
        judged = [path for path in files if path.name[0] == "5"]
        wave = np.concatenate([rumble(60.0) for _ in range(minutes)])
        apart = len(wave) // len(judged)
        truths = []
        for place, path in enumerate(rng.permutation(len(judged))):
            heard = sound.read(judged[path])
            start = place * apart + apart // 3
            wave[start : start + len(heard)] += 0.1 * heard / np.sqrt(np.square(heard).mean())
            truths.append((judged[path].parent.name, start / RATE, (start + len(heard)) / RATE))
        recording = write_wav(Path(made) / "recording.wav", wave)
        report(spotted(Path(made) / "model", recording, minutes), truths, model.record.backbone, minutes)


def spotted(model: Path, recording: Path, minutes: int) -> list[dict[str, str]]:
    """What the command `spot` finds, with what it took told."""
    out = recording.with_suffix(".csv")
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "preseason", "spot", str(model), str(recording), "-o", str(out), "-q"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begin
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{minutes} min in {wall:.0f} s ({60 * minutes / wall:.0f} times real time), {processor:.0f} s of "
        f"processor; {after.ru_maxrss / 1024:.0f} MB at most"
    )
    with out.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def report(
    found: list[dict[str, str]], truths: list[tuple[str, float, float]], name: str, minutes: int
) -> None:
    """Precision and recall: an event is right where it bears the label of a sound that it overlaps."""

    def same(event: dict[str, str], truth: tuple[str, float, float]) -> bool:
        label, start, end = truth
        return event["label"] == label and float(event["time"]) < end and float(event["end"]) > start

    right = [any(same(event, truth) for truth in truths) for event in found]
    hit = [any(same(event, truth) for event in found) for truth in truths]
    print(
        f"{name}: {len(found)} events in {minutes} min, precision {100 * np.mean(right):.0f} %, "
        f"recall {100 * np.mean(hit):.0f} % ({sum(hit)} of {len(truths)})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("digits", "everyday", "hour", "planted"))
    parser.add_argument("names", nargs="*")
    parser.add_argument("--budget", help="in place of the fit's own")
    parser.add_argument("--takes", type=int, nargs="*", default=TAKES, help="of each digit")
    parser.add_argument("--minutes", type=int, default=60, help="of the recording")
    given = parser.parse_args()
    if given.what == "hour":
        hour(given.budget, given.names)
        return
    folder, *networks = given.names
    if given.what == "planted":
        planted(Path(folder), networks, given.budget, given.minutes)
    elif given.what == "digits":
        digits(Path(folder), networks, given.budget, given.takes)
    else:
        everyday(Path(folder), networks, given.budget)


if __name__ == "__main__":
    main()
