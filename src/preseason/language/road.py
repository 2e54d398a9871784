"""The road of a language model: read, hold out, judge, train within the budget, judge again."""

import shutil
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preseason.errors import DataError, UsageError
from preseason.language import gemma
from preseason.language.record import Judgement, Saying, Training
from preseason.progress import Progress, Stopwatch
from preseason.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from preseason.language.base import Base
    from preseason.language.judging import Bar
    from preseason.language.model import ChatModel
    from preseason.language.packing import Blocks
    from preseason.language.samples import Corpus
    from preseason.language.sides import Sides
    from preseason.language.trunk import Trunk
    from preseason.language.tuning import Tuning
    from preseason.language.vocabulary import Head

BUDGET_S = 300.0
"""Spent where the user names no budget: four minutes of training take a commentator's voice on, measured."""

EPOCHS = 4
LENGTHS = (64, 128, 256, 512)
TEXT_LENGTH = 256
TOKENS_A_STEP = 1024
FEWEST_STEPS = 60
"""Steps that should fit into the time."""
SAVING_S = 8.0
SAYINGS_SHARE = 0.02
"""Of the budget, for all answers shown, before and after alike."""

OF_PHOTOS = ("head", "image_size", "frames", "views", "folds")
"""Settings that a language model does not have."""


@dataclass(frozen=True)
class Fitted:
    """A fitted model, and the folder of its adapter (None where the whole network was trained)."""

    model: "ChatModel"
    adapter: Path | None
    checkpoints: Path


@dataclass(frozen=True)
class Before:
    """What is known before training: the bar, the untouched model's result, and seconds of judging once."""

    bar: "Bar"
    judgement: Judgement
    sayings: list[Saying]
    seconds: float


class ChatFit:
    """One fit of a language model; `run` does the whole of it but saving."""

    def __init__(self, recipe: Recipe, progress: Progress) -> None:
        refuse_foreign(recipe)
        self.recipe, self.progress = recipe, progress
        self.watch = Stopwatch()
        self.warnings: list[str] = []
        named = recipe.backbone != Recipe.backbone
        self.backbone = recipe.backbone if named or recipe.weights else gemma.NAME
        self.budget_s = BUDGET_S if recipe.budget_s is None else recipe.budget_s
        self.kind: torch.dtype | None = None

    def run(self, root: Path) -> Fitted:
        """Read, judge, train, judge again.

        Raises:
            DataError: nothing can be learnt from the data.
            WeightsError: the base model is not on this machine.
        """
        from preseason.language.findings import record_of, run_id_of
        from preseason.language.reading import read_corpus
        from preseason.language.sides import HELD_OUT, divide
        from preseason.places import cache_folder
        from preseason.threads import limit_torch

        limit_torch()
        with self.watch.stage("reading"):
            corpus = read_corpus(root)
            sides = divide(corpus, self.recipe.test_fraction or HELD_OUT, self.recipe.seed)
        self._announce(corpus, sides)
        cache = cache_folder(self.recipe.cache)
        base = self._base(cache)
        with self.watch.stage("cutting texts into blocks"):
            learn, held = self._blocks(base, sides)
        self._measure(base, learn)
        before = self._judge_before(base, corpus.style, held, sides)
        run_id = run_id_of(self.recipe, base.network, corpus)
        checkpoints = cache / "fits" / run_id
        tuning, training = self._train(base, learn, before, cache, checkpoints)
        adapter = self._adapter(tuning, base, checkpoints)
        network = tuning.merged().eval()
        after, sayings = self._judge_after(network, base, corpus.style, before)
        record = record_of(
            self.recipe, base, corpus, sides, learn.learnt, (before.judgement, after), sayings, training,
            self.warnings, self.watch.seconds, run_id,
        )  # fmt: skip
        return Fitted(_model(network, base, record), adapter, checkpoints)

    def _base(self, cache: Path) -> "Base":
        from preseason.engine.networks import device_for
        from preseason.language.base import load_base

        with self.watch.stage("loading the language model"):
            base = load_base(self.backbone, self.recipe.weights, cache, self.progress)
            base.network.to(device_for(self.recipe.device))
        return base

    def _blocks(self, base: "Base", sides: "Sides") -> "tuple[Blocks, Blocks]":
        """Blocks to learn from and to judge on."""
        from preseason.language.packing import pack, pieces_of

        tokenizer = base.tokenizer
        length = min(self._length(base, sides), base.context)
        parts = [
            pack(pieces_of(tokenizer, side, length), length, int(tokenizer.pad_token_id))
            for side in (sides.learn, sides.held)
        ]
        if parts[0].learnt == 0 or parts[1].learnt == 0:
            raise DataError("The texts hold too few words to learn from and to judge on. Add more of them.")
        return parts[0], parts[1]

    def _length(self, base: "Base", sides: "Sides") -> int:
        """Texts take the length that was measured to be fast; dialogues what nearly all of them need."""
        from preseason.language.template import encode_dialogue

        dialogues = [example.messages for example in sides.learn if example.messages]
        if not dialogues:
            return TEXT_LENGTH
        some = dialogues[:: -(-len(dialogues) // 200)]
        needed = np.quantile([len(encode_dialogue(base.tokenizer, messages)[0]) for messages in some], 0.99)
        return next((length for length in LENGTHS if length >= needed), LENGTHS[-1])

    def _measure(self, base: "Base", learn: "Blocks") -> None:
        """Find out in which type this machine computes faster."""
        from preseason.language.speed import device_of, fastest_type, seconds_of_forward

        network = base.network
        with self.watch.stage("measuring speed"):
            self.kind = fastest_type(
                lambda kind: seconds_of_forward(network, learn, kind), device_of(network)
            )

    def _judge_before(self, base: "Base", style: str, held: "Blocks", sides: "Sides") -> Before:
        from preseason.language.judging import affordable, judge
        from preseason.language.sayings import beginnings_of, said_before

        questions = [example.quiz for example in sides.held if example.quiz is not None]
        network, tokenizer = base.network, base.tokenizer
        with self.watch.stage("judging before"):
            bar = affordable(network, tokenizer, held, questions, self.budget_s, self.kind)
            start = time.monotonic()
            judgement = judge(network, tokenizer, bar, self.progress, self.kind)
            beginnings = beginnings_of(tokenizer, sides.held, held)
            sayings = said_before(beginnings, self._answering(network, base, style))
            once = time.monotonic() - start
        return Before(bar, judgement, sayings, once)

    def _judge_after(
        self, network: Any, base: "Base", style: str, before: Before
    ) -> tuple[Judgement, list[Saying]]:
        from preseason.language.judging import judge
        from preseason.language.sayings import said_after

        with self.watch.stage("judging after"):
            after = judge(network, base.tokenizer, before.bar, self.progress, self.kind)
            sayings = said_after(before.sayings, self._answering(network, base, style))
        return after, sayings

    def _answering(self, network: Any, base: "Base", style: str) -> Any:
        """What gives the network's answer to a prompt, in a part of the budget."""
        from preseason.language.conversation import answer_once
        from preseason.language.sayings import SAYING_TOKENS, SAYINGS

        most_s = SAYINGS_SHARE * self.budget_s / SAYINGS
        seed = self.recipe.seed
        return lambda prompt: answer_once(network, base.tokenizer, style, prompt, SAYING_TOKENS, most_s, seed)

    def _train(
        self, base: "Base", learn: "Blocks", before: Before, cache: Path, checkpoints: Path
    ) -> "tuple[Tuning, Training]":
        from preseason.language.findings import training_of
        from preseason.language.training import Run
        from preseason.language.trunk import matrices_in
        from preseason.language.vocabulary import Head

        _refuse_odd_head(base, learn)
        with self.watch.stage("training"):
            tuning, trunk = self._tuning(base, learn, cache)
            head = Head(base.network, learn)
            with matrices_in(base.network, self.kind):
                plan = self._plan(tuning, trunk, head, learn, before)
                self.progress.say(_plan_line(tuning, head, learn, plan))
                run = Run(tuning, head, learn, before.bar.held, plan, trunk)
                trained = run.run(checkpoints / "run.pt", self.progress)
        self._evict(cache, trunk)
        if trained.best_step == 0:
            self.warnings.append(
                "Training did not improve the held-out part: the model is the one it began as."
            )
        return tuning, training_of(tuning, head, learn, plan, trained)

    def _tuning(self, base: "Base", learn: "Blocks", cache: Path) -> "tuple[Tuning, Trunk]":
        """The network made ready for training, and its trunk."""
        import torch

        from preseason.language.trunk import Trunk
        from preseason.language.tuning import tune

        tuning = tune(base.network, self.recipe.unfreeze, self.recipe.seed)
        kind = self.kind or torch.float32
        trunk = Trunk(base.network, tuning.cut, cache, kind, learn.ids.shape[1], self.progress)
        if not trunk.is_faithful(learn):
            trunk = Trunk(base.network, 0, None, kind, learn.ids.shape[1], self.progress)
        return tuning, trunk

    def _plan(self, tuning: "Tuning", trunk: "Trunk", head: "Head", learn: "Blocks", before: Before) -> Any:
        """What fits into the time: a step has fewer blocks where few steps of the usual size would fit."""
        from preseason.language.training import Plan, timed_step

        left = self.budget_s - self.watch.elapsed() - 1.15 * before.seconds - SAVING_S
        rate = self.recipe.learning_rate
        several = max(1, TOKENS_A_STEP // learn.ids.shape[1])
        tried = learn.some(slice(0, min(several, len(learn))))
        seconds = timed_step(trunk, head, tried, self.kind) / len(tried) * several
        several = max(1, int(several * min(1.0, left / seconds / FEWEST_STEPS)))
        return Plan(
            epochs=EPOCHS if self.recipe.epochs == Recipe.epochs else self.recipe.epochs,
            batch=min(self.recipe.batch_size, max(1, min(several, len(learn) // 8))),
            learning_rate=tuning.learning_rate if rate is None else rate,
            seconds=max(left, 1.0),
            seed=self.recipe.seed,
            autocast=self.kind,
        )

    def _evict(self, cache: Path, trunk: "Trunk") -> None:
        """Keep the bank below its size."""
        from preseason.engine.upkeep import evict

        if trunk.shelf_name is not None:
            evict(cache, self.recipe.cache_limit_gb * 2**30, [trunk.shelf_name])

    def _adapter(self, tuning: "Tuning", base: "Base", checkpoints: Path) -> Path | None:
        """The adapter, kept aside before it is folded in; none where the model is saved whole."""
        from preseason.language.folder import save_adapter

        if tuning.adapted is None:
            return None
        folder = checkpoints / "adapter"
        shutil.rmtree(folder, ignore_errors=True)
        save_adapter(tuning.adapted, base.name, folder)
        return folder

    def _announce(self, corpus: "Corpus", sides: "Sides") -> None:
        noun = "dialogues" if corpus.style == "dialogue" else "texts"
        self.progress.say(f"Found {len(corpus.examples)} {noun} in {len(corpus.groups)} groups; {sides.by}.")
        for item in corpus.skipped[:5]:
            self.progress.say(f"Left out {item.path}: {item.reason}.")
        if len(corpus.skipped) > 5:
            self.progress.say(f"Left out {len(corpus.skipped) - 5} more; the report names them.")


def refuse_foreign(recipe: Recipe) -> None:
    """Settings that a language model does not have are not passed over in silence.

    Raises:
        UsageError: one of them was set.
    """
    standard = {item.name: item.default for item in fields(Recipe)}
    named = [name for name in OF_PHOTOS if getattr(recipe, name) != standard[name]]
    if recipe.unfreeze == "0":
        named.append("unfreeze=0")
    if named:
        raise UsageError(
            f"Fine-tuning a language model does not know {', '.join(named)}. Expected --unfreeze auto "
            "(low-rank adapters), N (last blocks) or all; --epochs, --learning-rate, --batch-size, --budget, "
            "--seed."
        )


def _refuse_odd_head(base: "Base", learn: "Blocks") -> None:
    """Some families scale or shift their logits further than the cut head knows.

    Raises:
        UsageError: this is one of them.
    """
    from preseason.language.scoring import head_is_plain

    if not head_is_plain(base.network, learn):
        raise UsageError(
            f"{base.name} computes its logits in a way of its own that preseason does not know. Choose "
            "another --backbone, e.g. gpt2 or a Gemma, Llama or Qwen model."
        )


def _model(network: Any, base: "Base", record: Any) -> "ChatModel":
    from preseason.language.decoding import TorchDecoder
    from preseason.language.model import ChatModel

    return ChatModel(network, base.tokenizer, TorchDecoder(network), record)


def _plan_line(tuning: "Tuning", head: "Head", learn: "Blocks", plan: Any) -> str:
    words = f"{head.size:,} of {len(head.layer.weight):,} words" if head.cut else "all words"
    kind = "bfloat16" if plan.autocast is not None else "float32"
    above = f" from block {tuning.cut} on" if tuning.cut else ""
    return (
        f"Plan: {tuning.kind}{above}, at most {plan.epochs} passes over {learn.ids.size:,} tokens within "
        f"{plan.seconds:.0f} s, {words} in the softmax, {kind}."
    )
