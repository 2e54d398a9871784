"""From the wave to what a network of sounds reads, as modules: the front end travels with the graph."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from preseason.media.mel import Mel, filters, hann

PREEMPHASIS = 0.97
KALDI_FLOOR = 1.192092955078125e-07
WHISPER_WINDOW, WHISPER_HOP = 400, 160


class LogMel(nn.Module):
    """Waves float32 [n, samples] to the logarithm of mel bands float32 [n, 1, t, bands].

    The Fourier transform is a convolution with windowed waves, which every engine runs.

    Args:
        mel: what is measured.
        floor: added before the logarithm.
    """

    basis: Tensor
    bands: Tensor

    def __init__(self, mel: Mel, floor: float) -> None:
        super().__init__()
        self.mel, self.floor = mel, floor
        waves = _waves(mel.fft, mel.window) * hann(mel.window)
        self.register_buffer("basis", torch.tensor(waves[:, None], dtype=torch.float32), persistent=False)
        self.register_buffer("bands", torch.from_numpy(filters(mel)), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """Log-mel."""
        energy = _energy(waves, self.basis, self.mel.hop)
        measured = energy.sqrt() if self.mel.power == 1 else energy
        return torch.log(measured @ self.bands + self.floor)[:, None]

    def within(self, bands: Tensor, range_db: float) -> Tensor:
        """Log-mel of which nothing lies more than `range_db` below the loudest of its window; 0 leaves it."""
        if not range_db:
            return bands
        nats = range_db * math.log(10) * self.mel.power / 20
        return torch.maximum(bands, bands.amax((1, 2, 3), keepdim=True) - nats)


class KaldiBands(nn.Module):
    """Waves float32 [n, samples] to log-mel bands as Kaldi measures them, float32 [n, t, bands].

    Every frame loses its mean and is pre-emphasised; both are linear and so part of the transform.

    Args:
        mel: what is measured; windows are symmetric.
        centre, spread: taken off the logarithms, and what they are then divided by.
    """

    basis: Tensor
    bands: Tensor

    def __init__(self, mel: Mel, centre: float, spread: float) -> None:
        super().__init__()
        self.hop, self.centre, self.spread = mel.hop, centre, spread
        length = mel.window
        centred = np.eye(length) - 1 / length
        emphasised = np.eye(length) - PREEMPHASIS * np.eye(length, k=-1)
        emphasised[0, 0] = 1 - PREEMPHASIS
        waves = _waves(mel.fft, length) * np.hanning(length) @ emphasised @ centred
        self.register_buffer("basis", torch.tensor(waves[:, None], dtype=torch.float32), persistent=False)
        self.register_buffer("bands", torch.from_numpy(filters(mel)), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """Log-mel."""
        energy = _energy(waves, self.basis, self.hop) @ self.bands
        return (torch.log(energy.clamp_min(KALDI_FLOOR)) - self.centre) / self.spread


class WhisperBands(nn.Module):
    """Waves float32 [n, samples] to log-mel bands as Whisper reads them, float32 [n, bands, samples / 160].

    Nothing lies more than 80 dB below the loudest moment.

    Args:
        filters: float32 [201, bands].
    """

    basis: Tensor
    bands: Tensor

    def __init__(self, filters: NDArray[np.float32]) -> None:
        super().__init__()
        waves = _waves(WHISPER_WINDOW, WHISPER_WINDOW) * hann(WHISPER_WINDOW)
        self.register_buffer("basis", torch.tensor(waves[:, None], dtype=torch.float32), persistent=False)
        self.register_buffer("bands", torch.from_numpy(filters), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """Log-mel."""
        half = WHISPER_WINDOW // 2
        centred = functional.pad(waves[:, None], (half, half), mode="reflect")[:, 0]
        energy = _energy(centred, self.basis, WHISPER_HOP)[:, :-1] @ self.bands
        level = torch.log10(energy.clamp_min(1e-10)).transpose(1, 2)
        return (torch.maximum(level, level.amax((1, 2), keepdim=True) - 8.0) + 4.0) / 4.0


class Standardised(nn.Module):
    """Waves [n, samples] of mean 0 and deviation 1 each; silence that fills a window counts for nothing."""

    def forward(self, waves: Tensor) -> Tensor:
        """Scaled waves."""
        heard = (waves != 0).to(waves.dtype)
        count = heard.sum(1, keepdim=True).clamp_min(1.0)
        centred = (waves - waves.sum(1, keepdim=True) / count) * heard
        return centred * torch.rsqrt(centred.square().sum(1, keepdim=True) / count + 1e-7)


def _waves(fft: int, length: int) -> NDArray[np.float64]:
    """Cosines, then sines, of a Fourier transform's bins, [2 (fft / 2 + 1), length]."""
    angles = 2 * np.pi * np.outer(np.arange(fft // 2 + 1), np.arange(length)) / fft
    return np.concatenate([np.cos(angles), np.sin(angles)])


def _energy(waves: Tensor, basis: Tensor, hop: int) -> Tensor:
    """Energy in each bin, [n, t, bins]."""
    real, imaginary = functional.conv1d(waves[:, None], basis, stride=hop).chunk(2, dim=1)
    return (real * real + imaginary * imaginary).transpose(1, 2)
