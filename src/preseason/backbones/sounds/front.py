"""From the wave to what a network of sounds reads, as modules: the front end travels with the graph."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.media.mel import Mel, filters, hann


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
        angles = 2 * np.pi * np.outer(np.arange(mel.fft // 2 + 1), np.arange(mel.window)) / mel.fft
        waves = np.concatenate([np.cos(angles), np.sin(angles)]) * hann(mel.window)
        self.register_buffer("basis", torch.tensor(waves[:, None], dtype=torch.float32), persistent=False)
        self.register_buffer("bands", torch.from_numpy(filters(mel)), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """Log-mel."""
        turned = functional.conv1d(waves[:, None], self.basis, stride=self.mel.hop)
        real, imaginary = turned.chunk(2, dim=1)
        energy = real * real + imaginary * imaginary
        measured = energy.sqrt() if self.mel.power == 1 else energy
        return torch.log(measured.transpose(1, 2) @ self.bands + self.floor)[:, None]


class Standardised(nn.Module):
    """Waves [n, samples] of mean 0 and deviation 1 each."""

    def forward(self, waves: Tensor) -> Tensor:
        """Scaled waves."""
        centred = waves - waves.mean(1, keepdim=True)
        return centred * torch.rsqrt(centred.square().mean(1, keepdim=True) + 1e-7)
