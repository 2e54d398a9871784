"""Sets of pictures out of other data: `python benchmarks/quality/picture_sets.py SHARED OUT`.

SHARED is the folder of data sets (see CONTRIBUTING.md). OUT gets one folder for each set, with one folder for
each label: `footballers` (links), `plays` (middle frames of basketball clips), `robots` (boxes cut out of
robot football) and `digits` (spectrograms of spoken digits).
"""

import argparse
import wave
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

MOST_OF_A_CLASS = 80
LEAST_SIDE = 12
"""Pixels: smaller boxes show nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    footballers(asked.shared / "footballers", asked.out / "footballers")
    plays(asked.shared / "basketball-actions", asked.out / "plays")
    robots(asked.shared / "robocup-detection", asked.out / "robots")
    digits(asked.shared / "spoken-digits", asked.out / "digits")
    for folder in sorted(asked.out.iterdir()):
        print(folder.name, {label.name: len(list(label.iterdir())) for label in sorted(folder.iterdir())})


def footballers(source: Path, target: Path) -> None:
    """The photos as they are."""
    for path in sorted(source.glob("*/*")):
        place = target / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(path.resolve())


def plays(source: Path, target: Path) -> None:
    """The middle frame of every clip."""
    from preseason.media import video

    for path in sorted(source.glob("*/*")):
        if video.check(path) is None:
            frame = video.evenly(path, 3, None, 480)[1]
            _save(Image.fromarray(frame), target / path.parent.name / f"{path.stem}.png")


def robots(source: Path, target: Path) -> None:
    """Labelled boxes with a margin; every third picture, so that neighbours in time are few."""
    names = (source / "obj.names").read_text().split()
    count: Counter[str] = Counter()
    for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in (".jpg", ".png"))[::3]:
        labels = path.with_suffix(".txt")
        if not labels.exists():
            continue
        image = Image.open(path).convert("RGB")
        for number, line in enumerate(labels.read_text().splitlines()):
            kind, x, y, w, h = (float(value) for value in line.split()[:5])
            name = names[int(kind)]
            box = np.array([x - 0.6 * w, y - 0.6 * h, x + 0.6 * w, y + 0.6 * h])
            box *= (*image.size, *image.size)
            if count[name] < MOST_OF_A_CLASS and min(box[2] - box[0], box[3] - box[1]) >= LEAST_SIDE:
                count[name] += 1
                _save(image.crop(tuple(box.round().astype(int))), target / name / f"{path.stem}-{number}.png")
    for name, found in count.items():
        if found < 20:
            for path in (target / name).iterdir():
                path.unlink()
            (target / name).rmdir()


def digits(source: Path, target: Path) -> None:
    """Log spectrograms, time to the right, pitch upwards, grey."""
    count: Counter[str] = Counter()
    for path in sorted(source.rglob("*.wav"), key=lambda p: p.stem[::-1]):
        name = path.stem.split("_")[0]
        if count[name] < MOST_OF_A_CLASS // 2:
            count[name] += 1
            _save(Image.fromarray(_spectrogram(path)), target / f"digit-{name}" / f"{path.stem}.png")


def _spectrogram(path: Path) -> np.ndarray:
    from scipy.signal import stft

    with wave.open(str(path)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
    values = np.abs(stft(sound, nperseg=256, noverlap=224)[2])[::-1]
    loud = np.log10(values + 1e-5)
    return (255 * (loud - loud.min()) / np.ptp(loud)).astype(np.uint8)


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


if __name__ == "__main__":
    main()
