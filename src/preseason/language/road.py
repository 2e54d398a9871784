"""The road of a language model: read, hold out, judge, train within the budget, judge again."""

import hashlib
import platform
import shutil
import sys
import time
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preseason.errors import DataError, UsageError
from preseason.language import gemma
from preseason.language.record import ChatRecord, Judgement, Saying, Training
from preseason.progress import Progress, Stopwatch
from preseason.recipe import Recipe

if TYPE_CHECKING:
    from preseason.language.base import Base
    from preseason.language.judging import Bar
    from preseason.language.model import ChatModel
    from preseason.language.packing import Blocks
    from preseason.language.samples import Corpus
    from preseason.language.sides import Sides
    from preseason.language.training import Trained
    from preseason.language.tuning import Tuning

BUDGET_S = 300.0
"""Spent where the user names no budget: four minutes of training take a commentator's voice on, measured."""

EPOCHS = 4
LENGTHS = (128, 256, 512)
TEXT_LENGTH = 256
BLOCKS_A_STEP = 4
SAVING_S = 8.0
SAYINGS = 3
SAYING_TOKENS = 40
SAYINGS_SHARE = 0.03
"""Of the budget, for all answers shown, before and after alike."""

BEGINNING_TOKENS = 24
OF_PHOTOS = ("head", "image_size", "frames", "views", "folds")
"""Settings that a language model does not have."""


@dataclass(frozen=True)
class Fitted:
    """A fitted model, and the folder of its adapter (None where the whole network was trained)."""

    model: "ChatModel"
    adapter: Path | None
    checkpoints: Path


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

    def run(self, root: Path) -> Fitted:
        """Read, judge, train, judge again.

        Raises:
            DataError: nothing can be learnt from the data.
            WeightsError: the base model is not on this machine.
        """
        from preseason.engine.networks import device_for
        from preseason.language.base import load_base
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
        with self.watch.stage("loading the language model"):
            base = load_base(self.backbone, self.recipe.weights, cache, self.progress)
            base.network.to(device_for(self.recipe.device))
        with self.watch.stage("cutting texts into blocks"):
            learn, held, length = self._blocks(base, sides)
        before, sayings, bar, judging_s = self._judge_before(base, held, sides)
        run_id = self._run_id(base, corpus)
        checkpoints = cache / "fits" / run_id
        tuning, training = self._train(base, learn, bar, held, length, checkpoints, judging_s)
        adapter = self._adapter(tuning, base, checkpoints)
        network = tuning.merged().eval()
        after, sayings = self._judge_after(network, base, bar, sayings)
        record = self._record(base, corpus, sides, learn, before, after, sayings, training, run_id)
        return Fitted(_model(network, base, record), adapter, checkpoints)

    def _blocks(self, base: "Base", sides: "Sides") -> "tuple[Blocks, Blocks, int]":
        """Blocks to learn from and to judge on, and their length."""
        from preseason.language.packing import pack, pieces_of

        tokenizer = base.tokenizer
        length = min(self._length(base, sides), base.context)
        parts = [
            pack(pieces_of(tokenizer, side, length), length, int(tokenizer.pad_token_id))
            for side in (sides.learn, sides.held)
        ]
        if parts[0].learnt == 0 or parts[1].learnt == 0:
            raise DataError("The texts hold too few words to learn from and to judge on. Add more of them.")
        return parts[0], parts[1], length

    def _length(self, base: "Base", sides: "Sides") -> int:
        """Texts take the length that was measured to be fast; dialogues what nearly all of them need."""
        from preseason.language.template import encode_dialogue

        dialogues = [example.messages for example in sides.learn if example.messages]
        if not dialogues:
            return TEXT_LENGTH
        some = dialogues[:: -(-len(dialogues) // 200)]
        needed = np.quantile([len(encode_dialogue(base.tokenizer, messages)[0]) for messages in some], 0.99)
        return next((length for length in LENGTHS if length >= needed), LENGTHS[-1])

    def _judge_before(
        self, base: "Base", held: "Blocks", sides: "Sides"
    ) -> "tuple[Judgement, list[Saying], Bar, float]":
        from preseason.language.judging import affordable, judge

        questions = [example.quiz for example in sides.held if example.quiz is not None]
        with self.watch.stage("judging before"):
            bar = affordable(base.network, base.tokenizer, held, questions, self.budget_s, self.progress)
            start = time.monotonic()
            before = judge(base.network, base.tokenizer, bar, self.progress)
            sayings = self._sayings(base, sides, held)
            once = time.monotonic() - start
        return before, sayings, bar, once

    def _judge_after(
        self, network: Any, base: "Base", bar: "Bar", sayings: list[Saying]
    ) -> tuple[Judgement, list[Saying]]:
        from preseason.language.judging import judge

        with self.watch.stage("judging after"):
            after = judge(network, base.tokenizer, bar, self.progress)
            answered = [
                Saying(saying.prompt, saying.before, self._answer(network, base, saying.prompt), saying.truth)
                for saying in sayings
            ]
        return after, answered

    def _sayings(self, base: "Base", sides: "Sides", held: "Blocks") -> list[Saying]:
        """What the untouched model says to a few held-out beginnings."""
        found = []
        for prompt, truth in self._beginnings(base, sides, held):
            found.append(Saying(prompt, self._answer(base.network, base, prompt), "", truth))
        return found

    def _beginnings(self, base: "Base", sides: "Sides", held: "Blocks") -> list[tuple[str, str]]:
        dialogues = [example.messages for example in sides.held if example.messages]
        if dialogues:
            turns = [[turn for turn in messages if turn.role != "system"] for messages in dialogues]
            return [(each[0].content, each[1].content) for each in turns[:: -(-len(turns) // SAYINGS)]][
                :SAYINGS
            ]
        texts = []
        for row in held.ids[:: -(-len(held) // SAYINGS)][:SAYINGS]:
            begin = base.tokenizer.decode(row[1:BEGINNING_TOKENS], skip_special_tokens=True)
            rest = base.tokenizer.decode(
                row[BEGINNING_TOKENS : BEGINNING_TOKENS + SAYING_TOKENS], skip_special_tokens=True
            )
            texts.append((str(begin), str(rest)))
        return texts

    def _answer(self, network: Any, base: "Base", prompt: str) -> str:
        from preseason.language.conversation import answer_once

        most_s = SAYINGS_SHARE * self.budget_s / SAYINGS
        style, seed = self._style, self.recipe.seed
        return answer_once(network, base.tokenizer, style, prompt, SAYING_TOKENS, most_s, seed)

    _style = "text"

    def _train(
        self,
        base: "Base",
        learn: "Blocks",
        bar: "Bar",
        held: "Blocks",
        length: int,
        checkpoints: Path,
        judging_s: float,
    ) -> "tuple[Tuning, Training]":
        from preseason.language.scoring import head_is_plain
        from preseason.language.training import Plan, Run, fastest_type, timed_step
        from preseason.language.tuning import tune
        from preseason.language.vocabulary import Head

        if not head_is_plain(base.network, learn):
            raise UsageError(
                f"{base.name} computes its logits in a way of its own that preseason does not know. "
                "Choose another "
                "--backbone, e.g. gpt2 or a Gemma, Llama or Qwen model."
            )
        with self.watch.stage("measuring speed"):
            tuning = tune(base.network, self.recipe.unfreeze, self.recipe.seed)
            head = Head(base.network, learn)
            batch = min(self.recipe.batch_size, max(1, min(BLOCKS_A_STEP, len(learn) // 8)))
            some = learn.some(slice(0, batch))
            device = base.network.get_input_embeddings().weight.device.type
            autocast = fastest_type(lambda kind: timed_step(tuning, head, some, kind), device)
        left = self.budget_s - self.watch.elapsed() - 1.15 * judging_s - SAVING_S
        rate = self.recipe.learning_rate
        plan = Plan(
            epochs=EPOCHS if self.recipe.epochs == Recipe.epochs else self.recipe.epochs,
            batch=batch,
            learning_rate=tuning.learning_rate if rate is None else rate,
            seconds=max(left, 1.0),
            seed=self.recipe.seed,
            autocast=autocast,
        )
        self.progress.say(_plan_line(tuning, head, learn, plan))
        with self.watch.stage("training"):
            run = Run(tuning, head, learn, bar.held, plan)
            trained = run.run(checkpoints / "run.pt", self.progress)
        if trained.best_step == 0:
            self.warnings.append(
                "Training did not improve the held-out part: the model is the one it began as."
            )
        return tuning, _training(tuning, head, learn, plan, trained, length)

    def _adapter(self, tuning: "Tuning", base: "Base", checkpoints: Path) -> Path | None:
        """The adapter, kept aside before it is folded in; none where the model is saved whole."""
        from preseason.language.folder import save_adapter

        if tuning.adapted is None:
            return None
        folder = checkpoints / "adapter"
        shutil.rmtree(folder, ignore_errors=True)
        save_adapter(tuning.adapted, base.name, folder)
        return folder

    def _record(
        self,
        base: "Base",
        corpus: "Corpus",
        sides: "Sides",
        learn: "Blocks",
        before: Judgement,
        after: Judgement,
        sayings: list[Saying],
        training: Training,
        run_id: str,
    ) -> ChatRecord:
        self._warn(before, after)
        counts = {"examples": len(corpus.examples), "groups": len(corpus.groups), "tokens": learn.learnt}
        return ChatRecord(
            backbone=base.name,
            style=corpus.style,
            recipe=self.recipe.as_dict() | {"cache": None, "weights": None, "backbone": base.name},
            counts=counts,
            before=before,
            after=after,
            sayings=tuple(sayings),
            training=training,
            skipped=corpus.skipped,
            split={
                "by": sides.by,
                "train": len(sides.learn),
                "test": len(sides.held),
                "groups": len(corpus.groups),
                "seed": self.recipe.seed,
            },
            warnings=tuple(self.warnings),
            seconds=dict(self.watch.seconds),
            versions=_versions(),
            licence=base.licence,
            terms=base.terms,
            fingerprint=run_id,
        )

    def _warn(self, before: Judgement, after: Judgement) -> None:
        if after.general.perplexity > 1.5 * before.general.perplexity:
            self.warnings.append(
                f"General English got harder for it (perplexity {before.general.perplexity:.1f} to "
                f"{after.general.perplexity:.1f}): it has forgotten some of what it knew."
            )
        if before.quiz is not None and after.quiz is not None and after.quiz.low <= after.quiz.chance:
            self.warnings.append(
                "Its answers to held-out questions are no better than guessing: fine-tuning gives a "
                "voice, not facts. "
                "Let it look facts up with preseason chat MODEL --knowledge FOLDER."
            )

    def _announce(self, corpus: "Corpus", sides: "Sides") -> None:
        noun = "dialogues" if corpus.style == "dialogue" else "texts"
        self._style = corpus.style
        self.progress.say(f"Found {len(corpus.examples)} {noun} in {len(corpus.groups)} groups; {sides.by}.")
        for item in corpus.skipped[:5]:
            self.progress.say(f"Left out {item.path}: {item.reason}.")
        if len(corpus.skipped) > 5:
            self.progress.say(f"Left out {len(corpus.skipped) - 5} more; the report names them.")

    def _run_id(self, base: "Base", corpus: "Corpus") -> str:
        from preseason.language.folder import fingerprint

        digest = hashlib.blake2b(digest_size=12)
        for example in corpus.examples:
            digest.update(
                repr((example.group, example.text, example.messages)).encode("utf-8", "surrogatepass")
            )
        settings = {k: v for k, v in self.recipe.as_dict().items() if k not in ("cache", "cache_limit_gb")}
        digest.update(repr(sorted(settings.items())).encode())
        digest.update(fingerprint(base.network).encode())
        return digest.hexdigest()


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
            "(low-rank "
            "adapters), N (last blocks) or all; --epochs, --learning-rate, --batch-size, --budget, --seed."
        )


def _model(network: Any, base: "Base", record: ChatRecord) -> "ChatModel":
    from preseason.language.decoding import TorchDecoder
    from preseason.language.model import ChatModel

    return ChatModel(network, base.tokenizer, TorchDecoder(network), record)


def _plan_line(tuning: "Tuning", head: Any, learn: "Blocks", plan: Any) -> str:
    words = f"{head.size:,} of {len(head.layer.weight):,} words" if head.cut else "all words"
    kind = "bfloat16" if plan.autocast is not None else "float32"
    return (
        f"Plan: {tuning.kind}, at most {plan.epochs} passes over {learn.ids.size:,} tokens within "
        f"{plan.seconds:.0f} s, {words} in the softmax, {kind}."
    )


def _training(
    tuning: "Tuning", head: Any, learn: "Blocks", plan: Any, trained: "Trained", length: int
) -> Training:
    return Training(
        kind=tuning.kind,
        weights=sum(weight.numel() for weight in tuning.trained().values()),
        words=head.size,
        vocabulary=len(head.layer.weight),
        precision="float32" if plan.autocast is None else "bfloat16",
        length=length,
        batch=plan.batch,
        steps=trained.steps,
        best_step=trained.best_step,
        tokens=trained.tokens,
        tokens_per_s=trained.tokens_per_s,
        stopped=trained.stopped,
        curve=trained.curve,
    )


def _versions() -> dict[str, str]:
    names = ("preseason", "torch", "transformers", "peft", "tokenizers", "numpy")
    return {"python": platform.python_version(), "platform": sys.platform} | {n: version(n) for n in names}
