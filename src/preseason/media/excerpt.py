"""A short piece of a sound that a page can carry and play: one channel, 8 kHz, 8 bits."""

import io
import wave as wav_files

import numpy as np

from preseason.media.mel import Wave

RATE = 8000
LONGEST_S = 2.0
PEAK = 0.9


def excerpt(wave: Wave, rate: int) -> bytes:
    """A WAV file of the loudest `LONGEST_S` seconds, at most 16 kB, brought to one loudness.

    Args:
        wave: float32 [samples], at least one.
        rate: samples a second, at least 8,000.

    Example:
        >>> len(excerpt(np.ones(16000, np.float32), 16000))
        8044
    """
    piece = _loudest(wave, round(LONGEST_S * rate))
    count = max(1, round(len(piece) * RATE / rate))
    spectrum = np.fft.rfft(piece)[: count // 2 + 1]
    lower = np.fft.irfft(spectrum, count) * count / len(piece)
    loud = PEAK * lower / max(float(np.abs(lower).max()), 1e-4)
    out = io.BytesIO()
    with wav_files.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(RATE)
        file.writeframes((127.5 + 127.5 * loud).round().astype(np.uint8).tobytes())
    return out.getvalue()


def _loudest(wave: Wave, size: int) -> Wave:
    if len(wave) <= size:
        return wave
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    start = int((energy[size:] - energy[:-size]).argmax())
    return wave[start : start + size]
