"""Runs of training of tiny language models on a few dialogues: each takes a second."""

import torch

import tiny_language as tiny
from preseason.language.packing import pack, pieces_of
from preseason.language.samples import Example, Message
from preseason.language.template import prepare
from preseason.language.training import Run, TrainingConfig
from preseason.language.trunk import Trunk
from preseason.language.tuning import tune
from preseason.language.vocabulary import Head
from preseason.runtime.progress import Silent

PLAN = TrainingConfig(epochs=3, batch=2, learning_rate=0.01, seconds=1e6, seed=0)


def examples(first: int, last: int) -> list[Example]:
    names = ("Salah", "Kane", "Son", "Messi")
    return [
        Example(
            str(at),
            messages=(
                Message("user", f"Who scored in match {at}?"),
                Message("assistant", f"{names[at % 4]} scored."),
            ),
        )
        for at in range(first, last)
    ]


def prepared(
    family: str = "gpt2", unfreeze: str = "auto", config: TrainingConfig = PLAN, flipped: bool = False
) -> Run:
    tokenizer = prepare(tiny.tokenizer())
    network = tiny.FAMILIES[family](2000)
    tuning = tune(network, unfreeze, seed=0)
    learn = pack(pieces_of(tokenizer, examples(0, 24), 64), 64, 1)
    held = pack(pieces_of(tokenizer, examples(24, 30), 64), 64, 1)
    if flipped:  # what is held out contradicts what is learnt
        held.targets[held.targets >= 0] = learn.targets[learn.targets >= 0].min()
    trunk = Trunk(network, tuning.cut, None, torch.float32, 64, Silent())
    return Run(tuning, Head(network, learn), learn, held, config, trunk)


class Interrupting(Silent):
    """Ctrl-C in the middle of the training."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, steps: int = 1) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
