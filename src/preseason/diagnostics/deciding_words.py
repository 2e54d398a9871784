"""Words that decide alone, and how much of the answers rests on names and hashtags: for texts."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from preseason.arrays.types import Ints
from preseason.diagnostics.evidence import Evidence
from preseason.diagnostics.shortcuts import Shortcuts, Trial
from preseason.evaluation.metrics import wilson
from preseason.inference.features import Features
from preseason.inference.heads.tfidf import TfidfHead, texts_of

MAX_WORDS = 8
MIN_EXAMPLES = 8
"""Texts that a word must occur in before it can be said to decide."""
DECIDES = 0.8
"""Lower bound, at 95 %, of the share of one label among the texts with a word that decides alone."""
BEYOND = 0.3
"""By how much that bound must exceed the label's share of all texts."""
_WORD = re.compile(r"https?://\S+|www\.\S+|[@#]?\w[\w'’]*")
_MARKED = re.compile(r"https?://\S+|www\.\S+|[@#]\w+")
_CAPITAL = re.compile(r"(?<![.!?:…\"“(\s])(\s+)([A-Z][\w'’]+)")


@dataclass(frozen=True)
class Decider:
    """A word whose texts nearly all have one label.

    Attributes:
        word: as it is counted, in small letters.
        kind: `hashtag`, `name`, `link`, `number` or `word`.
        label: of `count` of the `total` texts that hold it.
    """

    word: str
    kind: str
    label: str
    count: int
    total: int


def deciders(texts: list[str], labels: list[str]) -> tuple[Decider, ...]:
    """Words that decide alone, those in most texts first, at most `MAX_WORDS`."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for text, label in zip(texts, labels, strict=True):
        for word in {_folded(word) for word in _WORD.findall(text)}:
            found[word][label] += 1
    shares = Counter(labels)
    least = max(MIN_EXAMPLES, len(texts) // 400)
    kept = []
    for word, counts in found.items():
        total = sum(counts.values())
        label, count = counts.most_common(1)[0]
        low = wilson(count, total)[0]
        if total >= least and low >= DECIDES and low > shares[label] / len(texts) + BEYOND:
            kept.append(Decider(word, _kind(word), label, count, total))
    return tuple(sorted(kept, key=lambda each: (-each.total, each.word))[:MAX_WORDS])


def without_names(text: str) -> str:
    """A text without links, mentions, hashtags, numbers and capitalised words inside sentences.

    Example:
        >>> without_names("What a goal by Messi #WorldCup, https://t.co/x").split()
        ['What', 'a', 'goal', 'by', ',']
    """
    plain = _MARKED.sub("", text)
    return re.sub(r"\d+", "", _CAPITAL.sub(r"\1", plain))


def names_alone(text: str) -> str:
    """Only the hashtags, capitalised words and numbers of a text, joined by spaces."""
    tags = re.findall(r"#\w+", text)
    names = [found[1] for found in _CAPITAL.findall(_MARKED.sub("", text))]
    return " ".join([*tags, *names, *re.findall(r"\b\d+\b", text)])


SHOWN: tuple[Callable[[str], str], ...] = (str, without_names, names_alone)


def hidden_words(evidence: Evidence) -> Shortcuts | None:
    """Counted words judged again without names, and with them alone; None where none were counted."""
    fit = evidence.candidate("tfidf")
    if fit is None:
        return None
    features = evidence.trials.features[fit.fitted.candidate.name]
    few = set(evidence.few.tolist())
    right: list[list[bool]] = [[], [], []]
    truth: list[Ints] = []
    for fold_model, (_, held) in zip(fit.fitted.fold_models, evidence.folds, strict=False):
        asked = np.array([place for place in held.tolist() if place in few], np.int64)
        if not isinstance(fold_model, TfidfHead) or not len(asked):
            continue
        texts = texts_of(features.take(asked))
        for number, change in enumerate(SHOWN):
            said = fold_model.logits(_rows([change(text) for text in texts])).argmax(axis=1)
            right[number] += (said == evidence.targets[asked]).tolist()
        truth.append(evidence.targets[asked])
    if not truth:
        return None
    targets = np.concatenate(truth)
    full, without, alone = (float(np.mean(each)) for each in right)
    trials = (
        Trial("without names", "without names, hashtags, links and numbers", without, full),
        Trial("names", "only names, hashtags and numbers", alone, full),
    )
    return Shortcuts(float(np.bincount(targets).max() / len(targets)), trials)


def _rows(texts: list[str]) -> Features:
    return Features.of([np.array([[text] for text in texts], object)])


def _folded(word: str) -> str:
    return "a link" if word.startswith(("http", "www.")) else word.lower()


def _kind(word: str) -> str:
    if word == "a link":
        return "link"
    marks = {"#": "hashtag", "@": "name"}
    return marks.get(word[0], "number" if word.isdigit() else "word")
