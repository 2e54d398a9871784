"""The trunk: what lies below the cut runs once, and training from there is training of the whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny_language as tiny
from preseason.errors import CacheError
from preseason.language.packing import Blocks, pack, pieces_of
from preseason.language.samples import Example
from preseason.language.scoring import hidden_states
from preseason.language.template import prepare
from preseason.language.trunk import Trunk, matrices_in
from preseason.language.tuning import blocks_of, tune
from preseason.runtime.progress import Silent


def blocks(count: int = 12, length: int = 48) -> Blocks:
    texts = [
        Example(str(at), text=f"Match {at}: " + "Salah scored twice. " * (at % 4 + 1)) for at in range(count)
    ]
    return pack(pieces_of(prepare(tiny.tokenizer()), texts, length), length, 1)


class Counted(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def calls_below(network: Any) -> list[int]:
    """Filled with the rows that go through the first block."""
    seen: list[int] = []
    blocks_of(network)[0].register_forward_pre_hook(lambda block, given: seen.append(len(given[0])))
    return seen


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
@pytest.mark.parametrize("kept", [True, False])
def test_going_on_from_the_cut_is_the_whole_network(family: str, kept: bool, tmp_path: Path) -> None:
    network, some = tiny.FAMILIES[family](500), blocks()
    trunk = Trunk(network, 1, tmp_path if kept else None, torch.float32, 48, Silent())
    assert trunk.is_faithful(some)
    with torch.no_grad():
        whole, targets = hidden_states(network, some)
        seen = calls_below(network)
        first, same = trunk.hidden_states(some)
        again, _ = trunk.hidden_states(some.some(slice(0, 3)))
    assert torch.allclose(first, whole, atol=1e-6)
    assert torch.equal(same, targets)
    assert torch.equal(again, first[: len(again)])
    assert sum(seen) == len(some), "the second time nothing below the cut was run"


def test_a_second_fit_finds_the_states_and_other_weights_do_not(tmp_path: Path) -> None:
    some = blocks()
    first = Trunk(tiny.gemma3(500), 1, tmp_path, torch.bfloat16, 48, Silent())
    states = first.states(some)
    network = tiny.gemma3(500)
    seen = calls_below(network)
    second = Trunk(network, 1, tmp_path, torch.bfloat16, 48, Silent())
    assert torch.equal(second.states(some), states)
    assert seen == []
    with torch.no_grad():
        next(iter(blocks_of(network)[0].parameters())).mul_(1.5)
    assert Trunk(network, 1, tmp_path, torch.bfloat16, 48, Silent()).shelf_name != first.shelf_name


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
def test_gradients_are_those_of_the_whole_network(family: str) -> None:
    some = blocks()

    def gradients(cut_off: bool) -> list[torch.Tensor]:
        network = tiny.FAMILIES[family](500)
        tuning = tune(network, "auto", seed=0, cut=1)
        trunk = Trunk(network, 1 if cut_off else 0, None, torch.float32, 48, Silent())
        states, _ = trunk.hidden_states(some)
        states.square().mean().backward()
        return [weight.grad for weight in tuning.trained().values() if weight.grad is not None]

    theirs, ours = gradients(False), gradients(True)
    assert len(ours) == len(theirs) > 4
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(ours, theirs, strict=True))


def test_adapters_stand_above_the_cut_only() -> None:
    names = list(tune(tiny.gemma3(500), "auto", seed=0, cut=1).trained())
    assert names
    assert not any(".layers.0." in name for name in names)


def test_a_full_disk_is_said_and_states_stay_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, some, told = tiny.gemma3(500), blocks(), Counted()
    trunk = Trunk(network, 1, tmp_path, torch.float32, 48, told)

    def full(*_: Any) -> None:
        raise CacheError("The disk is full.")

    monkeypatch.setattr("preseason.engine.bank.Writer.append", full)
    with torch.no_grad():
        expected, _ = hidden_states(network, some)
        found, _ = trunk.hidden_states(some)
    assert torch.allclose(found, expected, atol=1e-6)
    assert told.lines == ["The disk is full. States of the language model are kept in memory from here on."]
    assert trunk.shelf_name is None


def test_matrices_come_back_as_they_were() -> None:
    network = tiny.gemma3(500)
    tune(network, "1", seed=0)
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    with matrices_in(network, torch.bfloat16):
        kinds = {weight.dtype for weight in network.parameters() if weight.requires_grad}
        assert kinds == {torch.float32}
        assert network.get_input_embeddings().weight.dtype == torch.bfloat16
    assert all(torch.equal(weight, before[name]) for name, weight in network.named_parameters())
    assert np.all([weight.dtype == torch.float32 for weight in network.parameters()])
