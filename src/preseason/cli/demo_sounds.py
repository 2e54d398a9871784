"""Labelled sounds for `preseason demo sounds`: made here by formulas, none of them recorded.

Sounds to learn from and held-out ones share neither pitches nor halls: those held out lie in between the
pitches that are learnt, are quieter against the crowd and echo longer.
"""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
LEARNT, HELD_OUT = 8, 6
"""Sounds of a kind."""
MATCH_S = 60
WHISTLES, HORNS = (6, 21, 34, 47), (13, 40)
"""Seconds of the recording at which they begin."""
Wave = NDArray[np.float64]
KINDS = ("clapping", "horn", "siren", "whistle")
STRANGERS = ("bell", "beeps")


@dataclass(frozen=True)
class Hall:
    """Where sounds are heard: how loud the crowd is against them in dB, and how long echoes take."""

    quieter_db: tuple[float, float]
    echo_s: tuple[float, float]
    pitches: tuple[float, ...]
    """Shares of a kind's range that its pitches are taken from."""


TRAINING = Hall((14.0, 26.0), (0.02, 0.05), (0.0, 0.35, 0.7, 1.0))
OTHER = Hall((8.0, 18.0), (0.06, 0.1), (0.2, 0.5, 0.85))


@dataclass(frozen=True)
class Sounds:
    """What was made: a folder of each kind, further ones to judge by, strangers, and a recording."""

    sounds: Path
    new_sounds: Path
    strangers: Path
    recording: Path


def make(folder: Path, seed: int = 0) -> Sounds:
    """Write all of them below `folder` as WAV files, the same for the same seed."""
    rng = np.random.default_rng(seed)
    made = Sounds(
        folder / "sounds", folder / "new sounds", folder / "strangers", folder / "recording" / "match.wav"
    )
    for place, kinds, count, hall in (
        (made.sounds, (*KINDS, "background"), LEARNT, TRAINING),
        (made.new_sounds, (*KINDS, "background"), HELD_OUT, OTHER),
        (made.strangers, STRANGERS, HELD_OUT, OTHER),
    ):
        for kind in kinds:
            for number in range(count):
                length_s = rng.uniform(0.7, 1.0)
                pitch = hall.pitches[number % len(hall.pitches)]
                _write(place / kind / f"{number}.wav", heard(kind, length_s, pitch, hall, rng))
    _write(made.recording, _match(rng))
    return made


def heard(kind: str, length_s: float, pitch: float, hall: Hall, rng: np.random.Generator) -> Wave:
    """A sound in a hall with a crowd, float64 [samples] in -1..1.

    Args:
        pitch: where in the range of its kind it lies, 0..1.
    """
    noise = crowd(length_s, rng)
    if kind == "background":
        return rng.uniform(0.1, 0.4) * noise
    clean = FORMULAS[kind](np.arange(round(length_s * RATE)) / RATE, pitch, rng)
    behind = round(rng.uniform(*hall.echo_s) * RATE)
    echo = np.concatenate([np.zeros(behind), clean[:-behind]])
    sound = clean + rng.uniform(0.2, 0.4) * echo
    level = 10 ** (-rng.uniform(*hall.quieter_db) / 20)
    mixed = sound / np.sqrt(np.mean(sound**2)) + level * noise / np.sqrt(np.mean(noise**2))
    return np.asarray(rng.uniform(0.3, 0.7) * mixed / np.abs(mixed).max())


def crowd(length_s: float, rng: np.random.Generator) -> Wave:
    """Noise that grows quieter upwards and swells, at most 1."""
    spectrum = np.fft.rfft(rng.normal(size=round(length_s * RATE)))
    hertz = np.fft.rfftfreq(round(length_s * RATE), 1 / RATE)
    noise = np.fft.irfft(spectrum / np.sqrt(1 + (hertz / 400) ** 2), round(length_s * RATE))
    time = np.arange(len(noise)) / RATE
    swelling = noise * (1 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.2, 0.8) * time + rng.uniform(0, 6)))
    return np.asarray(swelling / np.abs(swelling).max())


def _whistle(time: Wave, pitch: float, rng: np.random.Generator) -> Wave:
    """A referee's whistle: two close tones whose loudness the pea makes tremble."""
    hertz, trill = 2300 + 900 * pitch, rng.uniform(18, 35)
    tones = np.sin(2 * np.pi * hertz * time) + 0.6 * np.sin(2 * np.pi * (hertz + 90) * time)
    return _softly(time, tones * (1 + 0.7 * np.sin(2 * np.pi * trill * time)))


def _horn(time: Wave, pitch: float, rng: np.random.Generator) -> Wave:
    """An air horn: a low tone with many overtones."""
    hertz = 170 + 150 * pitch
    tones = [np.sin(2 * np.pi * hertz * k * time + rng.uniform(0, 6)) / k**0.7 for k in range(1, 12)]
    return _softly(time, np.sum(tones, axis=0))


def _siren(time: Wave, pitch: float, rng: np.random.Generator) -> Wave:
    """A tone that rises and falls."""
    low, high = 450 + 150 * pitch, 1100 + 500 * pitch
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * rng.uniform(1.0, 1.8) * time)
    return _softly(time, np.sin(2 * np.pi * np.cumsum(low + (high - low) * swing) / RATE))


def _clapping(time: Wave, pitch: float, rng: np.random.Generator) -> Wave:
    """Short bursts of noise, four to eight a second."""
    each = 1 / (4 + 4 * pitch)
    since = np.mod(time + rng.uniform(0, each), each)
    return np.asarray(rng.normal(size=len(time)) * np.exp(-since * 60))


def _bell(time: Wave, pitch: float, rng: np.random.Generator) -> Wave:
    """A bell: overtones that are no multiples, dying away."""
    hertz = 500 + 300 * pitch
    tones = [np.sin(2 * np.pi * hertz * k * time) * np.exp(-2 * k * time) for k in (1, 2.0, 2.4, 3.8, 5.2)]
    return np.asarray(np.sum(tones, axis=0))


def _beeps(time: Wave, pitch: float, rng: np.random.Generator) -> Wave:
    """A tone switched on and off."""
    on = np.mod(time, 0.2) < 0.1
    return np.asarray(np.sin(2 * np.pi * (900 + 400 * pitch) * time) * on)


FORMULAS = {
    "whistle": _whistle,
    "horn": _horn,
    "siren": _siren,
    "clapping": _clapping,
    "bell": _bell,
    "beeps": _beeps,
}
"""How each kind sounds: from seconds, pitch and chance to a wave."""


def _softly(time: Wave, sound: Wave) -> Wave:
    """Without clicks at either end."""
    return np.asarray(sound * np.minimum(1, 30 * np.minimum(time, time[-1] - time)))


def _match(rng: np.random.Generator) -> Wave:
    """A minute of crowd with whistles and horns in it."""
    sound = 0.25 * crowd(MATCH_S, rng)
    for kind, starts in (("whistle", WHISTLES), ("horn", HORNS)):
        for start in starts:
            piece = _softly(np.arange(RATE) / RATE, heard(kind, 1.0, rng.uniform(0, 1), OTHER, rng))
            sound[start * RATE :][: len(piece)] += piece
    return np.asarray(sound / np.abs(sound).max())


def _write(path: Path, sound: Wave) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound.clip(-1, 1) * 32767).astype("<i2").tobytes())
