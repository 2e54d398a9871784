"""Which examples are learnt from and which are only judged on: whole groups, or the end of a single text."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from preseason.errors import DataError, UsageError
from preseason.language.samples import Corpus, Example
from preseason.recipe import Recipe, refuse_unread

HELD_OUT = 0.1
MIN_CHARACTERS = 200


@dataclass(frozen=True)
class Split:
    """Examples to learn from and examples held out; `by` says in words how they were told apart."""

    learn: tuple[Example, ...]
    held: tuple[Example, ...]
    by: str


def fraction_of(recipe: Recipe, corpus: Corpus, used: Sequence[str]) -> float:
    """The share to hold out; of no account where the files declare what is held out.

    Args:
        used: what else counts of the recipe.

    Raises:
        UsageError: nothing would be held out, or the user gave a setting that does not count.
    """
    declared = any(example.held for example in corpus.examples)
    refuse_unread(recipe, [*used, *([] if declared else ["test_fraction"])], "a fit of a language model")
    if recipe.test_fraction is None or declared:
        return HELD_OUT
    if recipe.test_fraction == 0:
        raise UsageError(
            "--test-fraction 0: a chat model is evaluated on a part it was not trained on. "
            f"Expected more than 0, e.g. {HELD_OUT}."
        )
    return recipe.test_fraction


def divide(corpus: Corpus, fraction: float, seed: int) -> Split:
    """Hold out whole groups, about `fraction` of all characters; of one single text its end.

    Where files declare what is held out, it is that, and copies of it are not learnt from.

    Raises:
        DataError: there is too little to hold anything out.
    """
    if any(example.held for example in corpus.examples):
        return _declared(corpus)
    if len(corpus.groups) < 2:
        return _divided_text(corpus, fraction)
    sizes: Counter[str] = Counter()
    for example in corpus.examples:
        sizes[example.group] += example.size
    held = _drawn(sizes, fraction * sizes.total(), seed)
    learn = tuple(example for example in corpus.examples if example.group not in held)
    judge = tuple(example for example in corpus.examples if example.group in held)
    return Split(learn, judge, f"{len(held)} of {len(sizes)} groups held out")


def _declared(corpus: Corpus) -> Split:
    held = tuple(example for example in corpus.examples if example.held)
    copies = {(example.text, example.messages) for example in held}
    learn = tuple(
        example
        for example in corpus.examples
        if not example.held and (example.text, example.messages) not in copies
    )
    if not learn:
        raise DataError(
            "All training examples are copies of held-out ones, so nothing is left to learn "
            "from. Add other examples."
        )
    names = ", ".join(dict.fromkeys(example.held for example in held))
    return Split(learn, held, f"{names} held out")


def _drawn(sizes: Counter[str], wished: float, seed: int) -> set[str]:
    """Groups in an order drawn from their names, until the wish is met; at least one, never all."""
    held: set[str] = set()
    taken = 0
    for name in sorted(sizes, key=lambda name: _place(name, seed)):
        if held and (taken >= wished or taken + sizes[name] > 2 * wished or len(held) + 1 >= len(sizes)):
            continue
        held.add(name)
        taken += sizes[name]
    return held


def _place(name: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed} {name}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _divided_text(corpus: Corpus, fraction: float) -> Split:
    last = corpus.examples[-1]
    if last.messages or last.size < MIN_CHARACTERS:
        raise DataError(
            f"There is only one group ({corpus.groups[0][:60]!r}), so nothing can be held out to "
            "evaluate the model. Add dialogues that begin with other questions, or texts of "
            "other matches."
        )
    cut = last.text.rfind(" ", 0, int(len(last.text) * (1 - fraction))) + 1
    begin, end = replace(last, text=last.text[:cut]), replace(last, text=last.text[cut:])
    return Split((*corpus.examples[:-1], begin), (end,), "the end of the text held out")
