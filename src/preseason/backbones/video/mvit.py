"""MViT of torchvision (Fan et al. 2021, arXiv 2104.11227; Li et al. 2022, arXiv 2112.01526)."""

from typing import Any

from torch import Tensor, nn

from preseason.backbones.base import Split, clip_families
from preseason.backbones.families.chains import Borrowing, Chain
from preseason.backbones.video.pooling import FirstToken

Grid = tuple[int, int, int]


class ClipTokens(Borrowing):
    """Clips to tokens with positions, as torchvision's `forward` begins."""

    borrowed = ("conv_proj", "pos_encoding")

    def forward(self, x: Tensor) -> Tensor:
        """Tokens [n, 1 + t x l, d]."""
        network = self.network
        tokens: Tensor = network.pos_encoding(network.conv_proj(x).flatten(2).transpose(1, 2))
        return tokens


class OnGrid(nn.Module):
    """A block that has to be told how its tokens lie in time, height and width."""

    def __init__(self, block: nn.Module, grid: Grid) -> None:
        super().__init__()
        self.block = block
        self.grid = grid

    def forward(self, x: Tensor) -> Tensor:
        """Tokens."""
        tokens: Tensor = self.block(x, self.grid)[0]
        return tokens


def split(network: Any) -> Split:
    """Clip tokens and attention blocks (17 in MViTv2-S); the final norm goes with the last one."""
    time, (height, width) = network.pos_encoding.temporal_size, network.pos_encoding.spatial_size
    grid: Grid = (time, height, width)
    blocks: list[nn.Module] = [ClipTokens(network)]
    for block in network.blocks:
        blocks.append(OnGrid(block, grid))
        grid = _after(block, grid)
    blocks[-1] = Chain(blocks[-1], network.norm)
    names = ("patches", *(f"blocks.{index}" for index in range(len(network.blocks))))
    return Split(names, tuple(blocks), "NTLC", 1, FirstToken(), steps=time)


def _after(block: Any, grid: Grid) -> Grid:
    """The grid that a block makes of `grid`: its pooling of queries rounds up."""
    if block.pool_skip is None:
        return grid
    strides = block.pool_skip.pool.stride
    time, height, width = (-(-side // stride) for side, stride in zip(grid, strides, strict=True))
    return time, height, width


clip_families.add("MViT", split)
