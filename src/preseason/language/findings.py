"""The record of a fit, put together from what its stages found."""

import hashlib
from typing import Any

from preseason.language.base import Base
from preseason.language.folder import fingerprint
from preseason.language.packing import Blocks
from preseason.language.record import ChatRecord, EvalResult, SampleGeneration, Training
from preseason.language.samples import Corpus
from preseason.language.split import Split
from preseason.language.training import TrainingConfig, TrainingResult
from preseason.language.tuning import Tuning
from preseason.language.vocabulary import Head
from preseason.recipe import Recipe
from preseason.runtime.versions import versions_of

LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "numpy")
FORGOTTEN = 1.5
"""General English counts as forgotten where its perplexity rose by this factor."""


def training_of(
    tuning: "Tuning", head: "Head", learn: "Blocks", config: "TrainingConfig", trained: "TrainingResult"
) -> Training:
    """How training went."""
    return Training(
        kind=tuning.kind,
        weights=sum(weight.numel() for weight in tuning.trained().values()),
        words=head.size,
        vocabulary=len(head.layer.weight),
        precision="float32" if config.autocast is None else "bfloat16",
        length=learn.ids.shape[1],
        batch=config.batch,
        steps=trained.steps,
        best_step=trained.best_step,
        tokens=trained.tokens,
        tokens_per_s=trained.tokens_per_s,
        stopped=trained.stopped,
        curve=trained.curve,
        cut=tuning.cut,
        workers=trained.workers,
    )


def record_of(
    recipe: Recipe,
    base: "Base",
    corpus: "Corpus",
    split: "Split",
    learnt_tokens: int,
    judged: tuple[EvalResult, EvalResult],
    sayings: list[SampleGeneration],
    training: Training,
    warnings: list[str],
    seconds: dict[str, float],
    fingerprint: str,
) -> ChatRecord:
    """Everything that the fit found."""
    groups = len(corpus.groups)
    return ChatRecord(
        backbone=base.name,
        style=corpus.style,
        recipe=recipe.as_dict() | {"cache": None, "weights": None, "backbone": base.name},
        counts={"examples": len(corpus.examples), "groups": groups, "tokens": learnt_tokens},
        before=judged[0],
        after=judged[1],
        sayings=tuple(sayings),
        training=training,
        skipped=corpus.skipped,
        split={
            "by": split.by,
            "train": len(split.learn),
            "test": len(split.held),
            "groups": groups,
            "seed": recipe.seed,
        },
        warnings=(*warnings, *warnings_of(*judged)),
        seconds=dict(seconds),
        versions=versions_of(*LIBRARIES),
        licence=base.licence,
        terms=base.terms,
        fingerprint=fingerprint,
    )


def warnings_of(before: EvalResult, after: EvalResult) -> list[str]:
    """What the judgements should make the user careful about."""
    found = []
    if after.general.perplexity > FORGOTTEN * before.general.perplexity:
        found.append(
            f"General English got harder for it (perplexity {before.general.perplexity:.1f} to "
            f"{after.general.perplexity:.1f}): the model forgot some of what it knew."
        )
    if before.quiz is not None and after.quiz is not None and after.quiz.low <= after.quiz.chance:
        found.append(
            "Its answers to held-out questions are no better than guessing: fine-tuning teaches "
            "a voice, not facts. Let it look facts up with preseason chat MODEL --knowledge "
            "FOLDER."
        )
    return found


def run_id_of(recipe: Recipe, network: Any, corpus: "Corpus") -> str:
    """The name of a fit: the same data, settings and base weights go on where they were stopped."""
    named = run_id_of_data(recipe, corpus) + fingerprint(network)
    return hashlib.blake2b(named.encode(), digest_size=12).hexdigest()


def run_id_of_data(recipe: Recipe, corpus: "Corpus") -> str:
    """A digest of data and settings."""
    digest = hashlib.blake2b(digest_size=12)
    for example in corpus.examples:
        content = (example.group, example.text, example.messages, example.held)
        digest.update(repr(content).encode("utf-8", "surrogatepass"))
    digest.update(recipe.identity().encode())
    return digest.hexdigest()
