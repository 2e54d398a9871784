"""What a pretrained network is to preseason: an ordered list of blocks with a cut between any two."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from preseason import backbones
from preseason.backbones.facts import Preprocessing
from preseason.errors import UsageError
from preseason.registry import Registry

Layout = Literal["NCHW", "NHWC", "NLC", "NCTHW", "NTHWC", "NTLC", "NLTC", "NLM"]


@dataclass(frozen=True)
class Split:
    """A network as blocks.

    Attributes:
        names: one for each block, input first.
        blocks: each maps a tensor to the next one's input.
        layout: of the blocks' outputs: NCHW or NHWC maps or NLC tokens of pictures; NCTHW or NTHWC maps
            of clips, or tokens: NTLC where axis 1 is T x L (all places of one step of time, then the next
            step), NLTC where it is L x T; NLM tokens of texts, whose last channel is 1 for a token and 0
            for padding.
        prefix_tokens: class and register tokens in front of the map's tokens (NLC only).
        embed: the last block's output to one vector [n, d] for each example.
        steps: of time among the tokens (NTLC and NLTC only).
        bands: of frequency among the tokens of a sound (NLC only): all times of one band, then the next.
    """

    names: tuple[str, ...]
    blocks: tuple[nn.Module, ...]
    layout: Layout
    prefix_tokens: int
    embed: nn.Module
    steps: int = 1
    bands: int = 1


class Family(Protocol):
    """One architecture family; a file in `preseason.backbones.families` registers it by class name."""

    def __call__(self, network: nn.Module) -> Split:
        """The blocks of `network`; they share its parameters."""


families = Registry[Family]("network family", "preseason.backbones.families")
clip_families = Registry[Family]("video network family", "preseason.backbones.video")


class Backbone(nn.Module):
    """A pretrained network in eval mode, as an ordered list of blocks.

    Attributes:
        name: registered or timm name.
        network: the whole network as its library built it; saving it keeps that library's keys.
        library: name of that library in `preseason.backbones.library.libraries`.
        modality: what it reads: "image", "video", "text", or what a plug-in registers.
        weights_id: hex digest of all weights; part of every key of the feature bank.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        split: Split,
        preprocessing: Preprocessing,
        licence: str,
        library: str = "timm",
        modality: str = "",
    ) -> None:
        """Names of library and modality; the modality is "video" where frames are fed, else "image"."""
        super().__init__()
        self.network = network.eval()
        self.split = split
        self.name = name
        self.preprocessing = preprocessing
        self.licence = licence
        self.library = library
        self.modality = modality or ("video" if preprocessing.frames else "image")
        self.weights_id = weights_digest(network)

    def __len__(self) -> int:
        return len(self.split.blocks)

    def loaded(self) -> "Backbone":
        """Itself."""
        return self

    def facts(self) -> dict[str, Any]:
        """Name, library, architecture, preprocessing, licence and digest as plain values."""
        return backbones.backbone_facts(self)

    def save(self, folder: Path) -> None:
        """Write architecture and weights to a folder that its library opens by itself."""
        backbones.save_network(self, folder)

    @cached_property
    def width(self) -> int:
        """Length d of the vectors that the network embeds to; found by shapes alone."""
        tensors = {k: v.to("meta") for k, v in (*self.named_parameters(), *self.named_buffers())}
        with torch.inference_mode():
            vector: Tensor = torch.func.functional_call(self, tensors, (self.blank("meta"),))
        return int(vector.shape[1])

    def blank(self, device: str = "cpu") -> Tensor:
        """An input of zeros for one example: float32 [1, 3, h, w], of a video network [1, 3, t, h, w]."""
        own = self.preprocessing
        time = (own.frames,) if own.frames else ()
        return torch.zeros(1, 3, *time, own.size, own.size, device=device)

    def with_frames(self, frames: int) -> "Backbone":
        """The same network, fed another number of frames at once.

        Raises:
            UsageError: it takes no clips, or not so few.
        """
        own = self.preprocessing
        fewest = own.fewest_frames or own.frames
        if frames != own.frames and (frames < fewest or not own.fewest_frames):
            allowed = f"{fewest} or more" if own.fewest_frames else f"exactly {own.frames}"
            raise UsageError(f"{self.name} cannot be fed {frames} frames at once: it takes {allowed}.")
        other = copy.copy(self)
        other.preprocessing = replace(own, frames=frames)
        return other

    def with_random_weights(self, network: nn.Module, split: Split) -> "Backbone":
        """The same architecture as `network` has it, of which nothing was trained."""
        name = f"{self.name} with random weights"
        return Backbone(name, network, split, self.preprocessing, "none", self.library, self.modality)

    def maps(self, x: Tensor, blocks: Sequence[int]) -> list[Tensor]:
        """The chosen blocks' outputs for a normalised batch [n, 3, (t,) h, w], as maps."""
        out, last = [], max(blocks)
        for index, block in enumerate(self.split.blocks[: last + 1]):
            x = block(x)
            if index in blocks:
                out.append(as_map(x, self.split))
        return out

    def run(self, x: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Blocks `start` to `stop` applied to the input of block `start`."""
        for block in self.split.blocks[start:stop]:
            x = block(x)
        return x

    def token_rows(self, tokens: int) -> int:
        """Rows of the grid that so many tokens of a map lie on, row by row; of pictures a square."""
        return math.isqrt(tokens)

    def trimmed(self, x: Tensor, start: int) -> Tensor:
        """The input of block `start` without padding that no example of the batch needs."""
        return x

    def forward(self, x: Tensor) -> Tensor:
        """One vector [n, d] for each picture or clip of a normalised batch float32 [n, 3, (t,) h, w]."""
        embedded: Tensor = self.split.embed(self.run(x))
        return embedded


class Normalise(nn.Module):
    """Pictures uint8 [n, h, w, 3] to the network's input float32 [n, 3, h, w], inside the graph.

    Clips uint8 [n, t, h, w, 3] become float32 [n, 3, t, h, w].
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        axes = (1, 3, 1, 1, 1) if preprocessing.frames else (1, 3, 1, 1)
        mean, std = (torch.tensor(v).view(axes) for v in (preprocessing.mean, preprocessing.std))
        self.bgr = preprocessing.bgr
        self.register_buffer("scale", 1 / (255 * std))
        self.register_buffer("shift", -mean / std)

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised batch."""
        channels_first = pictures.movedim(-1, 1)
        ordered = channels_first.flip(1) if self.bgr else channels_first
        return ordered.float() * self.scale + self.shift


def as_map(x: Tensor, split: Split) -> Tensor:
    """A block's output as maps [n, c, h, w] or, of clips, [n, c, t, h, w]; tokens as squares."""
    if split.layout == "NTHWC" and x.ndim == 5:
        return x.permute(0, 4, 1, 2, 3)
    if split.layout in {"NTLC", "NLTC"} and x.ndim == 3:
        tokens = x[:, split.prefix_tokens :].transpose(1, 2)
        side = math.isqrt(int(tokens.shape[2]) // split.steps)
        if split.layout == "NTLC":
            return tokens.reshape(x.shape[0], x.shape[2], split.steps, side, side)
        return tokens.reshape(x.shape[0], x.shape[2], side, side, split.steps).permute(0, 1, 4, 2, 3)
    if split.layout == "NHWC" and x.ndim == 4:
        return x.permute(0, 3, 1, 2)
    if split.layout == "NLC" and x.ndim == 3:
        tokens = x[:, split.prefix_tokens :]
        side = math.isqrt(int(tokens.shape[1]))
        return tokens.transpose(1, 2).reshape(x.shape[0], x.shape[2], side, side)
    return x


def weights_digest(network: nn.Module) -> str:
    """Hex digest (BLAKE2b, 16 bytes) over names and values of all parameters and buffers."""
    import hashlib

    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
