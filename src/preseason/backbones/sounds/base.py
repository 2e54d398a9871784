"""A pretrained network of sounds: it reads waves, and its maps lie in time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from preseason.backbones.base import Backbone, Split
from preseason.backbones.facts import Preprocessing
from preseason.backbones.families.chains import Chain
from preseason.backbones.sounds.front import LogMel

MODALITY = "sound"


class SoundBackbone(Backbone):
    """A network that reads waves float32 [n, samples], 16,000 a second; `preprocessing.size` of them at once.

    Its first block is the front end. Blocks give [n, c, t, bands] or, where nothing is left of the bands,
    [n, t, c], or tokens as `split` describes them. One whose `preprocessing.resizable` is true reads waves of
    any length.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        split: Split,
        size: int,
        resizable: bool,
        licence: str,
        library: str,
    ) -> None:
        own = Preprocessing(size, (0.0,) * 3, (1.0,) * 3, resizable)
        super().__init__(name, network, split, own, licence, library, MODALITY)

    def blank(self, device: str = "cpu") -> Tensor:
        """An input of silence, float32 [1, samples]."""
        return torch.zeros(1, self.preprocessing.size, device=device)

    @property
    def front(self) -> LogMel | None:
        """What measures bands of the wave at the beginning of the first block; None where none does so."""
        first = self.split.blocks[0]
        found = first[0] if isinstance(first, Chain) else None
        return found if isinstance(found, LogMel) else None

    def maps(self, x: Tensor, blocks: "tuple[int, ...] | list[int] | range") -> list[Tensor]:  # type: ignore[override]
        """The chosen blocks' outputs for waves [n, samples], as [n, c, t, bands]."""
        return self._maps(x, self.split.blocks, blocks)

    def maps_within(
        self, x: Tensor, blocks: "tuple[int, ...] | list[int] | range", ranges: Sequence[float]
    ) -> list[list[Tensor]]:
        """As `maps`, for each of `ranges`: nothing lies more than so many dB below a wave's loudest moment.

        Raises:
            ValueError: no front end measures bands.
        """
        if self.front is None:
            raise ValueError(f"{self.name} measures no bands whose range could be narrowed.")
        first, *others = self.split.blocks
        bands = self.front(x)
        rest = Chain(*list(first.children())[1:])
        return [self._maps(self.front.within(bands, each), [rest, *others], blocks) for each in ranges]

    def _maps(
        self, x: Tensor, layers: Sequence[nn.Module], blocks: "tuple[int, ...] | list[int] | range"
    ) -> list[Tensor]:
        out, last = [], max(blocks)
        for index, block in enumerate(layers[: last + 1]):
            x = block(x)
            if index in blocks:
                out.append(x if x.ndim == 4 else self._in_time(x))
        return out

    def _in_time(self, x: Tensor) -> Tensor:
        """Tokens [n, l, c] as [n, c, t, bands]."""
        tokens = x[:, self.split.prefix_tokens :]
        return torch.unflatten(tokens, 1, (self.split.bands, -1)).permute(0, 3, 2, 1)

    def token_rows(self, tokens: int) -> int:
        """Bands of frequency, with all times of one after the other."""
        return self.split.bands

    def with_random_weights(self, network: nn.Module, split: Split) -> "SoundBackbone":
        """The same architecture as `network` has it, of which nothing was trained."""
        own, name = self.preprocessing, f"{self.name} with random weights"
        return SoundBackbone(name, network, split, own.size, own.resizable, "none", self.library)


class MeanOverTime(nn.Module):
    """[n, c, t, bands] or [n, t, c] to [n, c]."""

    def forward(self, x: Tensor) -> Tensor:
        """Averages."""
        return x.mean((2, 3)) if x.ndim == 4 else x.mean(1)
