"""Sound as a picture: the logarithm of its energy in mel bands, in numpy alone.

This file travels with exported models, so it imports nothing of the package.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]
Array = NDArray[Any]

RANGE_DB = 80.0
"""A picture shows what is at most so much quieter than the loudest moment."""
FRAMES_AT_ONCE = 4096


@dataclass(frozen=True)
class Mel:
    """How energy in bands is measured.

    Attributes:
        rate: samples a second.
        window, hop: in samples; windows are periodic Hann windows, without padding at the ends.
        fft: points of the Fourier transform; windows are padded at their end.
        bands: how many, equally wide on the mel scale (HTK's: 2595 lg(1 + f / 700)).
        low, high: Hz where the first band begins and the last one ends.
        power: 1 adds magnitudes up, 2 energies.
    """

    rate: int = 16_000
    window: int = 1024
    hop: int = 160
    fft: int = 1024
    bands: int = 128
    low: float = 20.0
    high: float = 8000.0
    power: int = 2


PICTURE = Mel()
"""Of pictures that networks of pictures are shown."""


def mel_of(hertz: Array | float) -> Array:
    """Frequencies on the mel scale."""
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hertz, np.float64) / 700.0))


def hertz_of(mel: Array | float) -> Array:
    """Where on the frequency scale mels lie."""
    return np.asarray(700.0 * (10.0 ** (np.asarray(mel, np.float64) / 2595.0) - 1.0))


@lru_cache(16)
def filters(mel: Mel) -> NDArray[np.float32]:
    """Triangles over the bins of the transform, float32 [fft / 2 + 1, bands]; straight on the mel scale."""
    bins = mel_of(np.linspace(0, mel.rate / 2, mel.fft // 2 + 1))
    edges = np.linspace(mel_of(mel.low), mel_of(mel.high), mel.bands + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - low) / (centre - low)
    falling = (high - bins[:, None]) / (high - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[0] = 0
    return np.asarray(weights, np.float32)


@lru_cache(16)
def hann(length: int) -> NDArray[np.float32]:
    """A periodic Hann window, float32 [length]."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length), np.float32)


def energies(wave: Wave, mel: Mel) -> NDArray[np.float32]:
    """Energy (or magnitude) in each band, float32 [t, bands]; shorter waves than a window are padded.

    Args:
        wave: float32 [samples] in -1..1.
    """
    if len(wave) < mel.window:
        wave = np.pad(wave, (0, mel.window - len(wave)))
    framed = np.lib.stride_tricks.sliding_window_view(wave, mel.window)[:: mel.hop]
    pieces = [
        _spectrum(framed[start : start + FRAMES_AT_ONCE], mel)
        for start in range(0, len(framed), FRAMES_AT_ONCE)
    ]
    return np.concatenate(pieces)


def _spectrum(frames: Array, mel: Mel) -> NDArray[np.float32]:
    magnitude = np.abs(np.fft.rfft(frames * hann(mel.window), mel.fft, axis=1)).astype(np.float32)
    return np.asarray((magnitude if mel.power == 1 else magnitude**2) @ filters(mel), np.float32)


def decibels(energy: Array, range_db: float = RANGE_DB) -> NDArray[np.float32]:
    """Energies in 0..1: 1 the loudest of them, 0 what is `range_db` quieter; silence is 0 throughout."""
    loudest = float(energy.max(initial=0.0))
    if loudest <= 1e-10:
        return np.zeros(energy.shape, np.float32)
    level = 10 * np.log10(np.maximum(energy, 1e-10) / loudest)
    return np.asarray((level / range_db + 1).clip(0, 1), np.float32)


def picture(wave: Wave, height: int, width: int, mel: Mel = PICTURE) -> NDArray[np.uint8]:
    """Time from left to right, low bands at the bottom: uint8 [height, width, 3], grey."""
    (shown,) = pictures_of(wave, height, width, (RANGE_DB,), mel)
    return np.asarray(shown)


def pictures_of(
    wave: Wave, height: int, width: int, ranges_db: tuple[float, ...], mel: Mel = PICTURE
) -> NDArray[np.uint8]:
    """As `picture`, once for each range: uint8 [ranges, height, width, 3].

    Args:
        ranges_db: how much quieter than the loudest what is black; 0 stands for the usual `RANGE_DB`.
    """
    measured = energies(wave, mel)
    upwards, onwards = stretching(height, mel.bands)[::-1], stretching(width, len(measured)).T
    sized = [upwards @ decibels(measured, range_db or RANGE_DB).T @ onwards for range_db in ranges_db]
    grey = (255 * np.stack(sized)).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3)


@lru_cache(32)
def stretching(out: int, length: int) -> NDArray[np.float32]:
    """Weights float32 [out, length] that bring an axis to another length.

    Each place is the average of what it covers, or between its neighbours where it covers less than one.
    """
    step = length / out
    centres = (np.arange(out) + 0.5) * step - 0.5
    reach = max(step, 1.0)
    weights = np.maximum(0.0, 1 - np.abs(np.arange(length) - centres[:, None].clip(0, length - 1)) / reach)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
