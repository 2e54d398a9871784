"""C3D (Tran et al. 2015, arXiv 1412.0767).

Module names are those of the repository DavideA/c3d-pytorch; those of mmaction2 are renamed. Scale, mean and
order of the channels belong to the checkpoint, so they follow from the layout that a file has.
"""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from preseason.backbones.base import Split, clip_families
from preseason.backbones.facts import Preprocessing
from preseason.backbones.families.chains import Chain
from preseason.backbones.video.drawing import draw_for_relu

WIDTHS = {"1": (3, 64), "2": (64, 128), "3a": (128, 256), "3b": (256, 256)} | {
    "4a": (256, 512), "4b": (512, 512), "5a": (512, 512), "5b": (512, 512)
}  # fmt: skip
GROUPS = (("1",), ("2",), ("3a", "3b"), ("4a", "4b"), ("5a", "5b"))
FOREIGN = re.compile(r"(?:backbone\.)?conv(\d)([ab])\.conv\.(weight|bias)")
"""mmaction2's names of the convolutions; it calls the single ones of the first two groups 1a and 2a."""

PLAIN = Preprocessing(112, (0.0, 0.0, 0.0), (1 / 255,) * 3, resizable=False, frames=16)
"""Pixels 0..255 as they are: how DavideA/c3d-pytorch feeds its checkpoint."""
LESS_MEAN = Preprocessing(112, (104 / 255, 117 / 255, 128 / 255), (1 / 255,) * 3, resizable=False, frames=16)
"""Pixels 0..255 less mmaction2's mean. That mean is one of blue, green, red, and mmaction2 subtracts it from
red, green, blue: the checkpoint's published accuracy was measured so, and so it is kept."""


class C3D(nn.Module):
    """The network: [n, 3, 16, 112, 112] on the scale 0..255 to logits [n, classes]."""

    def __init__(self, classes: int = 487) -> None:
        super().__init__()
        self.pretrained_cfg = {"architecture": "c3d", "classifier": "fc8"}
        for name, (given, out) in WIDTHS.items():
            self.add_module(f"conv{name}", nn.Conv3d(given, out, 3, padding=1))
        self.pool1 = nn.MaxPool3d((1, 2, 2))
        self.pool2, self.pool3, self.pool4 = (nn.MaxPool3d(2) for _ in range(3))
        self.pool5 = nn.MaxPool3d(2, padding=(0, 1, 1))
        self.fc6, self.fc7 = nn.Linear(8192, 4096), nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, classes)
        self.relu, self.dropout = nn.ReLU(), nn.Dropout(0.5)
        draw_for_relu(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        parts = split(self)
        for block in parts.blocks:
            x = block(x)
        logits: Tensor = self.fc8(parts.embed(x))
        return logits


def translate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of either published layout under our names."""
    return {_our_name(key): value for key, value in tensors.items()}


def preprocessing_of(tensors: Mapping[str, Tensor]) -> Preprocessing:
    """What the checkpoint that holds `tensors`, under its own names, was fed."""
    return LESS_MEAN if any(FOREIGN.fullmatch(key) for key in tensors) else PLAIN


def _our_name(key: str) -> str:
    if match := FOREIGN.fullmatch(key):
        number, letter, kind = match.groups()
        return f"conv{number}{'' if number in '12' else letter}.{kind}"
    if key.startswith("cls_head.fc_cls."):
        return key.replace("cls_head.fc_cls", "fc8", 1)
    return key.removeprefix("backbone.")


def split(network: Any) -> Split:
    """Five groups of convolutions, each with its pooling; the two large dense layers are the embedding."""
    blocks = []
    for number, group in enumerate(GROUPS, start=1):
        layers = [layer for name in group for layer in (getattr(network, f"conv{name}"), network.relu)]
        blocks.append(Chain(*layers, getattr(network, f"pool{number}")))
    dense = (network.fc6, network.relu, network.dropout, network.fc7, network.relu, network.dropout)
    names = tuple(f"block{number}" for number in range(1, 6))
    return Split(names, tuple(blocks), "NCTHW", 0, Chain(nn.Flatten(), *dense))


clip_families.add("C3D", split)
