"""The road of a language model: read, hold out, judge, train within the budget, judge again."""

import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preseason.data.dataset import list_skipped
from preseason.distributed.data_parallel import SingleProcess, is_spread
from preseason.distributed.ray_cluster import RayCluster
from preseason.engine.networks import device_for
from preseason.engine.upkeep import evict
from preseason.errors import DataError, UsageError
from preseason.heads.decisions import decide, decided
from preseason.language import gemma
from preseason.language.base import load_base
from preseason.language.conversation import answer_once
from preseason.language.decoding import TorchDecoder
from preseason.language.distributed_training import RayTraining, Trainers, TrainingCall
from preseason.language.evaluation import affordable, judge
from preseason.language.findings import record_of, run_id_of, training_of
from preseason.language.folder import save_adapter
from preseason.language.generations import (
    GENERATION_TOKENS,
    GENERATIONS,
    beginnings_of,
    said_after,
    said_before,
)
from preseason.language.model import ChatModel
from preseason.language.packing import pack, pieces_of
from preseason.language.reading import read_corpus
from preseason.language.record import EvalResult, SampleGeneration, Training
from preseason.language.scoring import head_is_plain
from preseason.language.speed import (
    device_of,
    fastest_type,
    name_of_type,
    seconds_of_forward,
    type_called,
)
from preseason.language.split import divide, fraction_of
from preseason.language.template import encode_dialogue
from preseason.language.training_setup import TrainingSetup, train
from preseason.language.tuning import count_trained, tune
from preseason.recipe import Recipe
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.launcher import process_info
from preseason.runtime.progress import Progress, Stopwatch
from preseason.runtime.threads import limit_torch

if TYPE_CHECKING:
    import torch

    from preseason.distributed.workers import Workers
    from preseason.language.base import Base
    from preseason.language.evaluation import EvalSet
    from preseason.language.model import ChatModel
    from preseason.language.packing import Blocks
    from preseason.language.samples import Corpus
    from preseason.language.split import Split
    from preseason.language.training_setup import Trained
    from preseason.language.tuning import Tuning

BUDGET_S = 300.0
"""Spent where the user names no budget: four minutes of training take a commentator's voice on, measured."""

LENGTHS = (64, 128, 256, 512)
TEXT_LENGTH = 256
SAVING_S = 8.0
ROOM_SHARE = 0.7
"""Of a graphics processor's free memory for weights and what belongs to them; the rest is for activations."""
GENERATIONS_SHARE = 0.02
"""Of the budget, for all answers shown, before and after alike."""

USED = (
    *("backbone", "weights", "device", "cache", "cache_limit_gb", "budget_s", "seed", "unfreeze", "epochs"),
    "task",
    *("learning_rate", "batch_size", "spread_weights", "merge"),
)
"""Settings that count in every fit of a language model on this machine."""


@dataclass(frozen=True)
class Fitted:
    """A fitted model, and the folder of its adapter (None where the whole network was trained)."""

    model: "ChatModel"
    adapter: Path | None
    checkpoints: Path


@dataclass(frozen=True)
class Before:
    """What is known before training: the bar, the untouched model's result, and seconds of judging once."""

    eval_set: "EvalSet"
    judgement: EvalResult
    sayings: list[SampleGeneration]
    seconds: float


class ChatFit:
    """One fit of a language model; `run` does the whole of it but saving."""

    def __init__(
        self, recipe: Recipe, progress: Progress, workers: "Workers | RayCluster | None" = None
    ) -> None:
        _refuse_odd(recipe)
        self.recipe, self.progress, self.workers = recipe, progress, workers
        self.watch = Stopwatch()
        self.warnings: list[str] = []
        self.backbone = base_of(recipe)
        self.device, self.spread = "cpu", False
        self.budget_s = BUDGET_S if recipe.budget_s is None else recipe.budget_s
        self.kind: torch.dtype | None = None

    def run(self, root: Path) -> Fitted:
        """Read, judge, train, judge again.

        Raises:
            DataError: nothing can be learnt from the data.
            WeightsError: the base model is not on this machine.
        """
        limit_torch()
        with self.watch.stage("reading"):
            corpus = read_corpus(root)
            split = divide(corpus, fraction_of(self.recipe, corpus, USED), self.recipe.seed)
        self._announce(corpus, split)
        cache = cache_folder(self.recipe.cache)
        base = self._base(cache)
        with self.watch.stage("cutting texts into blocks"):
            learn, held = self._blocks(base, split)
        call = self._called(base)
        try:
            run_id = run_id_of(self.recipe, base.network, corpus)
            checkpoints = cache / "fits" / run_id
            self._measure(base, learn, checkpoints)
            before = self._judge_before(base, corpus.style, held, split, checkpoints)
            tuning, training = self._train(base, learn, call, before, cache, checkpoints)
        finally:
            if call is not None:
                call.end()
        adapter = self._adapter(tuning, base, checkpoints)
        network = tuning.merged().eval()
        after, sayings = self._judge_after(network, base, corpus.style, before)
        record = record_of(
            self.recipe, base, corpus, split, learn.learnt, (before.judgement, after), sayings, training,
            self.warnings, self.watch.seconds, run_id,
        )  # fmt: skip
        return Fitted(_model(network, base, record, cache), adapter, checkpoints)

    def _base(self, cache: Path) -> "Base":
        with self.watch.stage("loading the language model"):
            base = load_base(self.backbone, self.recipe.weights, cache, self.progress)
            self.device = device_for(self.recipe.device)
            self.spread = self.workers is not None and wants_spread(self.recipe, base.network, self.device)
            if not self.spread:
                base.network.to(self.device)
        return base

    def _blocks(self, base: "Base", split: "Split") -> "tuple[Blocks, Blocks]":
        """Blocks to learn from and to judge on."""
        tokenizer = base.tokenizer
        length = min(self._length(base, split), base.context)
        parts = [
            pack(pieces_of(tokenizer, side, length), length, int(tokenizer.pad_token_id))
            for side in (split.learn, split.held)
        ]
        if parts[0].learnt == 0 or parts[1].learnt == 0:
            raise DataError("The texts hold too few words to train and evaluate on. Add more of them.")
        return parts[0], parts[1]

    def _length(self, base: "Base", split: "Split") -> int:
        """Texts take the length that was measured to be fast; dialogues what nearly all of them need."""
        dialogues = [example.messages for example in split.learn if example.messages]
        if not dialogues:
            return TEXT_LENGTH
        some = dialogues[:: -(-len(dialogues) // 200)]
        needed = np.quantile([len(encode_dialogue(base.tokenizer, messages)[0]) for messages in some], 0.99)
        return next((length for length in LENGTHS if length >= needed), LENGTHS[-1])

    def _measure(self, base: "Base", learn: "Blocks", checkpoints: Path) -> None:
        """Find out in which type this machine computes faster; a fit that is taken up keeps its own."""
        network = base.network
        known = decided(checkpoints, "type")
        if known is not None:
            self.kind = type_called(known)
            return
        with self.watch.stage("measuring speed"):
            self.kind = fastest_type(
                lambda kind: seconds_of_forward(network, learn, kind), device_of(network)
            )
        decide(checkpoints, "type", name_of_type(self.kind), self.watch.elapsed())

    def _judge_before(
        self, base: "Base", style: str, held: "Blocks", split: "Split", checkpoints: Path
    ) -> Before:
        questions = [example.quiz for example in split.held if example.quiz is not None]
        network, tokenizer = base.network, base.tokenizer
        with self.watch.stage("scoring before"):
            sizes = decided(checkpoints, "judged")
            eval_set = affordable(network, tokenizer, held, questions, self.budget_s, self.kind, sizes)
            decide(checkpoints, "judged", eval_set.sizes(), self.watch.elapsed())
            start = time.monotonic()
            judgement = judge(network, tokenizer, eval_set, self.progress, self.kind)
            beginnings = beginnings_of(tokenizer, split.held, held)
            sayings = said_before(beginnings, self._answering(network, base, style))
            once = time.monotonic() - start
        return Before(eval_set, judgement, sayings, once)

    def _judge_after(
        self, network: Any, base: "Base", style: str, before: Before
    ) -> tuple[EvalResult, list[SampleGeneration]]:
        with self.watch.stage("scoring after"):
            after = judge(network, base.tokenizer, before.eval_set, self.progress, self.kind)
            sayings = said_after(before.sayings, self._answering(network, base, style))
        return after, sayings

    def _answering(self, network: Any, base: "Base", style: str) -> Any:
        """What gives the network's answer to a prompt, in a part of the budget."""
        most_s = GENERATIONS_SHARE * self.budget_s / GENERATIONS
        seed = self.recipe.seed
        return lambda prompt: answer_once(
            network, base.tokenizer, style, prompt, GENERATION_TOKENS, most_s, seed
        )

    def _train(
        self,
        base: "Base",
        learn: "Blocks",
        call: "Trainers | None",
        before: Before,
        cache: Path,
        checkpoints: Path,
    ) -> "tuple[Tuning, Training]":
        """The tuning with its best weights, and how training went."""
        _refuse_odd_head(base, learn)
        with self.watch.stage("training"):
            file = checkpoints / "run.pt"
            kind = self._training_type()
            setup = TrainingSetup(self.recipe, base.network, learn, before.eval_set.held, kind, cache, file)
            left_s = partial(self._left, before)
            if call is None:
                taken = train(setup, SingleProcess(), left_s, self.progress)
            else:
                taken = call.train(setup, self.device, self.spread, left_s, self.progress)
            training = training_of(taken.tuning, taken.head, learn, taken.config, taken.trained)
            spread = any(map(is_spread, taken.tuning.trained().values()))
            tuning = self._whole_again(base, taken) if spread else taken.tuning
        self._evict(cache, taken.shelf)
        if taken.trained.best_step == 0:
            self.warnings.append("Training did not improve the held-out part: the model is unchanged.")
        return tuning, training

    def _called(self, base: "Base") -> "Trainers | None":
        """Those who share the training, called to it."""
        if self.workers is None:
            return None
        if isinstance(self.workers, RayCluster):
            return RayTraining(self.workers)
        return TrainingCall(self.workers, base.network)

    def _training_type(self) -> "torch.dtype | None":
        """As judging's; bfloat16 for weights spread over graphics processors: those are judged on the CPU."""
        import torch

        return torch.bfloat16 if self.spread and self.device == "cuda" else self.kind

    def _whole_again(self, base: "Base", taken: "Trained") -> "Tuning":
        """The network loaded again, with the trained weights: the one that was spread is of no more use."""
        again = load_base(self.backbone, self.recipe.weights, cache_folder(self.recipe.cache), self.progress)
        tuning = tune(again.network, self.recipe.unfreeze, self.recipe.seed)
        tuning.load(taken.best)
        return tuning

    def _left(self, before: Before) -> float:
        """Seconds for training: what the second judgement and saving need is kept back."""
        return self.budget_s - self.watch.elapsed() - 1.15 * before.seconds - SAVING_S

    def _evict(self, cache: Path, shelf: str | None) -> None:
        """Keep the bank below its size."""
        if shelf is not None:
            evict(cache, self.recipe.cache_limit_gb * 2**30, [shelf])

    def _adapter(self, tuning: "Tuning", base: "Base", checkpoints: Path) -> Path | None:
        """The adapter, kept aside before it is folded in; none where the model is saved whole."""
        if tuning.adapted is None:
            return None
        folder = checkpoints / "adapter"
        shutil.rmtree(folder, ignore_errors=True)
        save_adapter(tuning.adapted, base.name, folder)
        return folder

    def _announce(self, corpus: "Corpus", split: "Split") -> None:
        noun = "dialogues" if corpus.style == "dialogue" else "texts"
        self.progress.say(f"Found {len(corpus.examples)} {noun} in {len(corpus.groups)} groups; {split.by}.")
        for line in (*corpus.notes, *list_skipped(corpus.skipped)):
            self.progress.say(line)


def base_of(recipe: Recipe) -> str:
    """The name of the language model that is fine-tuned."""
    named = recipe.backbone != Recipe.backbone
    return recipe.backbone if named or recipe.weights else gemma.NAME


def wants_spread(recipe: Recipe, network: Any, device: str) -> bool:
    """Whether the weights are spread over the workers: as asked, else where one GPU is too small.

    Training needs 4 bytes a weight, and 12 more (its gradient, two means of AdamW) where it is trained.
    """
    import torch

    if recipe.spread_weights != "auto" or device == "cpu":
        return recipe.spread_weights == "yes"
    needed = 4 * sum(weight.numel() for weight in network.parameters())
    needed += 12 * count_trained(network, recipe.unfreeze)
    return bool(needed > ROOM_SHARE * torch.cuda.mem_get_info()[0])


def _refuse_odd(recipe: Recipe) -> None:
    """Values that other fits know, and this one cannot follow.

    Raises:
        UsageError: one of them was given.
    """
    if recipe.unfreeze == "0":
        raise UsageError(
            "--unfreeze 0: a language model has no separate head to train. Expected auto "
            "(low-rank adapters), N (last blocks) or all."
        )
    if recipe.spread_weights == "yes" and process_info().size == 1:
        raise UsageError(
            "--fsdp yes: there is only one worker. Start several, e.g. torchrun --nproc-per-node "
            "2 -m preseason fit ..."
        )


def _refuse_odd_head(base: "Base", learn: "Blocks") -> None:
    """Some families scale or shift their logits further than the cut head knows.

    Raises:
        UsageError: this is one of them.
    """
    if not head_is_plain(base.network, learn):
        raise UsageError(
            f"{base.name} computes its logits in a way preseason does not support. Choose another "
            "--backbone, e.g. gpt2 or a Gemma, Llama or Qwen model."
        )


def _model(network: Any, base: "Base", record: Any, cache: Path) -> "ChatModel":
    return ChatModel(network, base.tokenizer, TorchDecoder(network), record, cache)
