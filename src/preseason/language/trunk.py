"""The blocks below a cut: run once for each block of tokens, their states kept in the feature bank.

Only the blocks above the cut are trained, so what reaches them never changes: a second pass over the texts,
another seed or another rate begins at the cut. Around the blocks all is transformers' own code: those below
are stood in for by modules that hand on what was kept, so masks and positions are built as ever.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from preseason.engine.bank import Loose, Shelf
from preseason.errors import CacheError
from preseason.language.packing import Blocks
from preseason.language.scoring import hidden_states
from preseason.language.tuning import blocks_of
from preseason.runtime.progress import Progress

SAMPLED = 4096
"""Weights of each matrix that make up the name of a shelf."""


class _ReachedError(Exception):
    """The cut is reached: what comes above need not be computed."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


class _Recall(nn.Module):
    """Stands for a block below the cut; the last of them gives the states that were kept."""

    def __init__(self, block: nn.Module, states: Tensor | None, tupled: bool) -> None:
        super().__init__()
        object.__setattr__(self, "block", block)
        self.states, self.tupled = states, tupled

    def forward(self, hidden: Tensor, *_: Any, **__: Any) -> Any:
        """`hidden` as it came, or the states."""
        found = hidden if self.states is None else self.states
        return (found,) if self.tupled else found

    def __getattr__(self, name: str) -> Any:
        """What a model asks of its block besides running it, e.g. its kind of attention."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(object.__getattribute__(self, "block"), name)


class Trunk:
    """States at the cut.

    Args:
        network: a transformers model; what lies below the cut must not be trained.
        cut: index of the first block above it; 0 for no trunk.
        cache: folder of the bank, None to keep the states in memory.
        kind: the type in which the network is run and the states are kept.
        length: tokens of a block.
        shared: other workers keep states as well; theirs are looked for.

    Raises:
        CacheError: the bank cannot be written.
    """

    def __init__(
        self,
        network: Any,
        cut: int,
        cache: Path | None,
        kind: torch.dtype,
        length: int,
        progress: Progress,
        shared: bool = False,
    ) -> None:
        self.shared = shared
        self.network, self.cut, self.kind, self.progress = network, cut, kind, progress
        self.layers = blocks_of(network)
        self.tupled = False
        self._shelf = self._opened(cache, length) if cut else Loose((length, 1))

    @property
    def shelf_name(self) -> str | None:
        """Name of its shelf in the bank, None where the states are in memory."""
        return self._shelf.folder.name if isinstance(self._shelf, Shelf) else None

    def eval(self) -> None:
        """Put what lies below the cut into evaluation mode: no dropout there."""
        for layer in self.layers[: self.cut]:
            layer.eval()

    def hidden_states(self, blocks: Blocks) -> tuple[Tensor, Tensor]:
        """As `scoring.hidden_states`, from the cut on."""
        if self.cut == 0:
            return hidden_states(self.network, blocks)
        with self._recalled(self.states(blocks)):
            return hidden_states(self.network, blocks)

    def is_faithful(self, blocks: Blocks) -> bool:
        """Whether going on from the cut gives what the whole network gives, tried on one block."""
        if self.cut == 0:
            return True
        one = Blocks(blocks.ids[:1, :32], blocks.positions[:1, :32], blocks.targets[:1, :32])
        try:
            kept = torch.from_numpy(self._computed(one))
            states = kept.view(torch.bfloat16) if self.kind == torch.bfloat16 else kept
            self.network.eval()
            with torch.no_grad():
                whole, _ = hidden_states(self.network, one)
                with self._recalled(states.to(whole.device)):
                    ours, _ = hidden_states(self.network, one)
        except (RuntimeError, AttributeError, TypeError, ValueError, IndexError):
            return False
        away = float((ours.float() - whole.float()).abs().max())
        return away < 0.05 * float(whole.abs().max())

    def states(self, blocks: Blocks) -> Tensor:
        """States [m, length, d] of the blocks at the cut; those that are not kept yet are computed."""
        keys = [_key(blocks, at) for at in range(len(blocks))]
        missing = self._missing(keys)
        if missing:
            wanted = [at for at, key in enumerate(keys) if key in missing]
            found = self._computed(blocks.some(wanted))
            fresh = {keys[at]: row for at, row in zip(wanted, found, strict=True)}
            if not self._keep(fresh):
                return self.states(blocks)
        device = self.network.get_input_embeddings().weight.device
        kept = torch.from_numpy(np.array(self._shelf.rows(keys)[:]))
        return (kept.view(torch.bfloat16) if self.kind == torch.bfloat16 else kept).to(device)

    def _missing(self, keys: list[str]) -> set[str]:
        """Those of which nobody has kept the states."""
        missing = set(self._shelf.missing(keys))
        if missing and self.shared and isinstance(self._shelf, Shelf):
            self._shelf.refresh()
            missing = set(self._shelf.missing(keys))
        return missing

    def _opened(self, cache: Path | None, length: int) -> Shelf | Loose:
        width = int(self.network.get_input_embeddings().weight.shape[1])
        dtype = "uint16" if self.kind == torch.bfloat16 else "float32"
        if cache is None:
            return Loose((length, width), dtype)
        name = f"chat-{_weights_key(self.network, self.layers[: self.cut])}-{self.cut}-{length}-{dtype}"
        what = f"states of a language model at block {self.cut}, {length} tokens a row"
        return Shelf(cache / "bank" / name, (length, width), what, dtype)

    def _keep(self, fresh: dict[str, NDArray[Any]]) -> bool:
        """Store rows; False where the disk is full, from when on they are kept in memory."""
        if isinstance(self._shelf, Loose):
            for key, row in fresh.items():
                self._shelf.append(key, row)
            return True
        try:
            with self._shelf.writer() as writer:
                for key, row in fresh.items():
                    writer.append(key, row)
        except CacheError as error:
            self.progress.say(f"{error} States of the language model are kept in memory from here on.")
            self._shelf = Loose(self._shelf.row_shape, self._shelf.dtype.name)
            return False
        return True

    def _computed(self, blocks: Blocks) -> Any:
        """Run what lies below the cut: array [m, length, d] as it is kept."""
        below = self.layers[self.cut - 1]
        modes = [layer.training for layer in self.layers]
        self.network.eval()
        handle = below.register_forward_hook(self._stop)
        try:
            with torch.no_grad():
                hidden_states(self.network, blocks)
        except _ReachedError as reached:
            states = reached.states.to(self.kind).cpu()
        finally:
            handle.remove()
            if any(modes):
                self.network.train()
                self.eval()
        return (states.view(torch.uint16) if self.kind == torch.bfloat16 else states).numpy()

    def _stop(self, block: nn.Module, given: Any, output: Any) -> None:
        self.tupled = isinstance(output, tuple)
        raise _ReachedError(output[0] if self.tupled else output)

    @contextmanager
    def _recalled(self, states: Tensor) -> Iterator[None]:
        """The blocks below the cut stood in for, the last of them by `states`."""
        plain = list(self.layers[: self.cut])
        for at, block in enumerate(plain):
            self.layers[at] = _Recall(block, states if at == self.cut - 1 else None, self.tupled)
        try:
            yield
        finally:
            for at, block in enumerate(plain):
                self.layers[at] = block


@contextmanager
def matrices_in(network: Any, kind: torch.dtype | None, trained: bool = False) -> Iterator[None]:
    """The network with its frozen matrices in another type for a while, so that no step converts them anew.

    Args:
        kind: None leaves everything as it is.
        trained: those that are trained as well; for judging only.
    """
    kept = []
    if kind is not None:
        for weight in network.parameters():
            if weight.dim() > 1 and weight.dtype == torch.float32 and (trained or not weight.requires_grad):
                kept.append((weight, weight.data))
                weight.data = weight.data.to(kind)
    try:
        yield
    finally:
        for weight, data in kept:
            weight.data = data


def _key(blocks: Blocks, at: int) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(blocks.ids[at].tobytes())
    digest.update(blocks.positions[at].tobytes())
    return digest.hexdigest()


def _weights_key(network: Any, layers: nn.ModuleList) -> str:
    """A digest of some weights of every matrix below the cut."""
    digest = hashlib.blake2b(digest_size=8)
    embeddings = network.get_input_embeddings().weight
    for weight in (embeddings, *layers.parameters()):
        flat = weight.detach().flatten()
        some = flat[:: max(1, len(flat) // SAMPLED)].float().cpu()
        digest.update(repr(tuple(weight.shape)).encode() + some.numpy().tobytes())
    return digest.hexdigest()
