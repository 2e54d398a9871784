"""Sounds that tests make themselves: tones, chirps and noise, written as WAV or by PyAV."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 16_000


def tone(hertz: float, seconds: float = 1.0, seed: int = 0, rate: int = RATE) -> NDArray[np.float32]:
    """A tone with a little noise, which begins and ends softly."""
    time = np.arange(round(seconds * rate)) / rate
    soft = np.minimum(1, 20 * np.minimum(time, seconds - time))
    noise = np.random.default_rng(seed).normal(0, 0.01, len(time))
    return (0.5 * soft * np.sin(2 * np.pi * hertz * time) + noise).astype(np.float32)


def chirp(low: float, high: float, seconds: float = 1.0, seed: int = 0) -> NDArray[np.float32]:
    """A tone that rises or falls."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).normal(0, 0.01, len(time))
    phase = 2 * np.pi * (low * time + (high - low) * time**2 / (2 * seconds))
    return (0.5 * np.sin(phase) + noise).astype(np.float32)


def rustle(seconds: float = 1.0, seed: int = 0) -> NDArray[np.float32]:
    """Noise."""
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def write_wav(path: Path, *channels: NDArray[np.float32], rate: int = RATE) -> Path:
    """16 bits a sample."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = (np.stack(channels, axis=1).clip(-1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def write_coded(
    path: Path, codec: str, sound: NDArray[np.float32], container: Any = None, rate: int = RATE
) -> Path:
    """By PyAV's encoder."""
    import av

    with av.open(str(path), "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate)
        stream.layout = "mono"
        stream.bit_rate = 12_200 if codec.endswith("amrnb") else 48_000
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        context = stream.codec_context
        resampler = av.AudioResampler(context.format, "mono", rate, context.frame_size or 1024)
        for made in (*resampler.resample(frame), *resampler.resample(None)):
            out.mux(stream.encode(made))
        out.mux(stream.encode(None))
    return path


def three_kinds(folder: Path, count: int = 6, seed: int = 0) -> Path:
    """A folder for each of three kinds of sound: low, high, and rising."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        low, high = rng.uniform(250, 400), rng.uniform(1500, 2500)
        length = rng.uniform(0.6, 1.0)
        write_wav(folder / "low" / f"{number}.wav", tone(low, length, number))
        write_wav(folder / "high" / f"{number}.wav", tone(high, length, number))
        write_wav(folder / "rising" / f"{number}.wav", chirp(low, high, length, number))
    return folder
