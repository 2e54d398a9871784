"""Windows of a wave: where a sound is looked at, what is hidden of it, and how views of it differ."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preseason.arrays.types import Floats
from preseason.engine.passes import WHOLE, Box, FeatureSpec
from preseason.media.mel import Wave, pictures_of

SILENCE_BESIDE = 1e-4
"""Noise in place of what is hidden, so that no network sees a silence that recordings never have."""
LOUDER, NOISE_DB = 2.0, (20.0, 5.0)


def spread(wave: Wave, count: int, size: int) -> Floats:
    """`count` windows of `size` samples from first to last, float32 [count, size]; overlapping where short.

    A wave shorter than a window lies in the middle of it, with silence on both sides.
    """
    filled = padded(wave, size)
    starts = np.linspace(0, len(filled) - size, count).round().astype(int)
    if count == 1:
        starts = np.array([(len(filled) - size) // 2])
    return np.stack([filled[start : start + size] for start in starts])


def chained(wave: Wave, count: int, size: int) -> Floats:
    """One window of `size` samples, float32 [1, size]; of a longer wave `count` stretches of it in a row."""
    if len(wave) <= size:
        return padded(wave, size)[None]
    each = -(-size // max(count, 1))
    return spread(wave, max(count, 1), each).reshape(1, -1)[:, :size]


def padded(wave: Wave, size: int) -> Wave:
    """The wave with silence on both sides, at least `size` samples long."""
    missing = max(size - len(wave), 0)
    return np.pad(wave, (missing // 2, missing - missing // 2))


def hidden(wave: Wave, place: str, rate: int) -> Wave:
    """The wave without what `place` names: `time 0.25 0.5` of its length, or `band 500 1000` in Hz.

    Example:
        >>> bool(hidden(np.ones(8, np.float32), "time 0 0.5", 16000)[:4].max() < 0.01)
        True
    """
    kind, low, high = place.split()
    left = wave.copy()
    if kind == "time":
        start, end = (round(float(edge) * len(wave)) for edge in (low, high))
        noise = np.random.default_rng(0).normal(0, SILENCE_BESIDE, max(end - start, 0))
        left[start:end] = noise.astype(np.float32)
        return left
    spectrum = np.fft.rfft(left)
    hertz = np.fft.rfftfreq(len(left), 1 / rate)
    spectrum[(hertz >= float(low)) & (hertz < float(high))] = 0
    return np.asarray(np.fft.irfft(spectrum, len(left)), np.float32)


def wave_views(count: int) -> tuple[Box, ...]:
    """The sound itself, then views of it, as boxes that `viewed` reads.

    x0 says by what share of a second it is shifted, y0 how much of what is heard is noise.
    """
    drawn = [WHOLE, Box(0.1, 0.0, 1.1, 1.0), Box(-0.1, 0.3, 0.9, 1.0), Box(0.05, 0.6, 1.05, 1.0)]
    return tuple(drawn[place % len(drawn)] for place in range(count))


def viewed(wave: Wave, view: Box, rate: int) -> Wave:
    """The wave shifted by up to a tenth of a second, louder or quieter, with noise mixed in."""
    if view == WHOLE:
        return wave
    moved = round(view.x0 * rate)
    shifted = np.pad(wave, (max(moved, 0), max(-moved, 0)))
    shifted = shifted[: len(wave)] if moved >= 0 else shifted[-moved:]
    level = LOUDER if moved > 0 else 1 / LOUDER
    if view.y0 <= 0:
        return np.asarray(shifted * level, np.float32)
    power = float(np.square(wave).mean()) or SILENCE_BESIDE**2
    db = np.interp(view.y0, (0.0, 1.0), NOISE_DB)
    noise = np.random.default_rng(round(100 * view.y0)).normal(0, np.sqrt(power / 10 ** (db / 10)), len(wave))
    return np.asarray((shifted + noise) * level, np.float32)


def windows_fed(wave: Wave, spec: FeatureSpec, rate: int, pictures: bool, any_length: bool) -> NDArray[Any]:
    """What a pass over a sound feeds to its network.

    Args:
        rate: samples a second of the wave.
        pictures: whether the network sees spectrograms; else it hears the wave.
        any_length: whether it reads waves of any length.

    Returns:
        Pictures uint8 [moments x views x ranges, h, w, 3], or windows float32 [moments x views, samples].
    """
    count = max(spec.frames, 1)
    each = []
    for view in all_views(wave, spec.crops, rate):
        if pictures:
            each.append(spread(view, count, round(rate / spec.rate)))
        else:
            each.append(chained(view, count, spec.size) if any_length else spread(view, count, spec.size))
    windows = np.stack(each, axis=1)
    flat = windows.reshape(-1, windows.shape[-1])
    if not pictures:
        return np.asarray(flat, np.float32)
    drawn = [pictures_of(window, *spec.shape, tuple(spec.ranges) or (0.0,)) for window in flat]
    return np.concatenate(drawn)


def all_views(wave: Wave, views: Sequence[Box], rate: int) -> list[Wave]:
    """Every view of a wave."""
    return [viewed(wave, view, rate) for view in views]
