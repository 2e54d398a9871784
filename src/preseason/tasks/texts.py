"""Texts into classes: sentiment, topics, or anything else that a text says."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from preseason.backbones.embedded import ENCODER
from preseason.backbones.facts import BackboneSource, require
from preseason.data import layouts
from preseason.data.audit import Signature
from preseason.data.dataset import Dataset, Sample
from preseason.data.files import Accept, files_in, folders_in
from preseason.data.layouts import texts as tables
from preseason.data.layouts.several_tables import parts_at
from preseason.engine.extract import Decoder
from preseason.engine.passes import Box, FeatureSpec
from preseason.engine.tokens import Windows
from preseason.errors import DataError, MediaError, UsageError
from preseason.heads.base import config_of
from preseason.heads.moods import MoodsConfig, moods_installed
from preseason.inference.candidates import Candidate
from preseason.media.content import digest, kind, read_head
from preseason.media.text import SUFFIXES, check, check_head, essence, is_numbered
from preseason.modalities.base import modalities
from preseason.recipe import Recipe, Unfreeze
from preseason.tasks.base import refuse_photo_recipe, tasks

if TYPE_CHECKING:
    from preseason.backbones.base import Backbone
    from preseason.backbones.encoders import Encoder

SIZES = (64, 128, 256)
"""Tokens of a window: few sizes, so that data sets share rows of the bank."""
MAX_WINDOWS = 8
OVERLAP = 0.75
"""Windows begin this share of a window apart, so that a sentence is whole in one of them."""
MAX_FEATURES = 9000
"""Values of a pooled row: of deep or wide networks not every block is kept."""
FEW = 600
"""Examples up to which pairs of them teach more than their labels."""
NAMED = 150
"""Examples a class up to which the names of the labels add to what is learnt from them."""
GOOD = frozenset({"good", "happy", "joy", "pos", "positive", "praise"})
BAD = frozenset({"anger", "angry", "bad", "complaint", "neg", "negative", "sad", "unhappy"})
"""Labels of both kinds make it a question of mood, for which words that are good or bad were judged."""
PAIRED_LAYERS, TUNED_LAYERS, TUNED_EPOCHS = 3, 3, 6
OTHERS = 8
"""Texts for each other file, at least."""
LOOKED_AT = 40
"""Files that are looked at to recognise a folder of texts."""


class TextDecoder:
    """Texts as they are; tokens are made of them by the network's own tokenizer."""

    def decode(self, sample: Sample, spec: FeatureSpec) -> NDArray[np.object_]:
        """An array [1] with the text.

        Raises:
            MediaError: the file cannot be read as text.
        """
        return np.array([sample.source.read()], object)


class Texts:
    """The task of classifying texts."""

    name = "texts"
    noun = "texts"
    singular = "text"
    modality = modalities.get("text")
    problem = "classification"
    rank = 60
    heads: tuple[str, ...] = (
        "linear",
        "attention",
        "names",
        "mlp",
        "prototype",
        "tfidf",
        "contrastive",
        "lora",
    )
    seconds_each = 0.02
    backbone = ENCODER
    networks: tuple[str, ...] = ("text",)
    scouted = networks

    @property
    def accept(self) -> Accept:
        """Files of plain text, and tables of texts."""
        return Accept(check, "texts", cells=True, member=check_head)

    def read(self, root: Path, accept: Accept) -> Dataset:
        """Texts in any registered layout."""
        return layouts.read(root, accept)

    def fingerprint(self, sample: Sample) -> str:
        """Digest of the text or of its file."""
        return digest(sample.source.content())

    def signature(self, sample: Sample) -> Signature:
        """The fingerprint of a text, and what it says apart from who passed it on."""
        text = sample.source.read()
        return Signature(digest(sample.source.content()), essence=_essence(text))

    def recognises(self, root: Path) -> bool:
        """A table with a column of texts, or class folders that hold text files and nothing else."""
        return tables.matches(root) or _are_tables_of_texts(root) or _is_folder_of_texts(root)

    def decoder(self, backbone: BackboneSource) -> Decoder:
        """Texts as they are."""
        return TextDecoder()

    def candidates(
        self, recipe: Recipe, backbone: "Backbone", samples: Sequence[Sample] = ()
    ) -> tuple[Candidate, ...]:
        """Linear, counted words, attention over windows; or what the recipe names, and counted words."""
        encoder = _encoder(backbone)
        refuse_photo_recipe(recipe, self.noun)
        size, count, caution = _windows(encoder, samples)
        pooled = FeatureSpec(size, frames=count if count > 1 else 0, blocks=_blocks(encoder))
        words = Candidate("tfidf", "tfidf", FeatureSpec(1, kept="raw"), always=True)

        def head(name: str, kind: str, trusted: bool = False, **own: Any) -> Candidate:
            config = config_of(kind, recipe, **own)
            return Candidate(name, kind, pooled, config=config, caution=caution, trusted=trusted)

        if recipe.unfreeze not in ("auto", "0") or recipe.head in ("lora", "contrastive"):
            return (head("linear", "linear", True), words, _asked_tuning(recipe, encoder, samples))
        labels = sorted({sample.label for sample in samples if sample.label is not None})
        own: dict[str, dict[str, Any]] = {
            "attention": {"part_types": (0, *[1] * count)},
            "names": {"names": tuple(labels), "width": encoder.width},
        }
        # Attention over a single window is a linear head.
        single = {"attention": "linear"} if count == 1 else {}
        if recipe.head == "tfidf":
            return (words,)
        if recipe.head != "auto":
            kind = single.get(recipe.head, recipe.head)
            name = "label names" if kind == "names" else recipe.head
            return (head(name, kind, kind in ("linear", "names"), **own.get(kind, {})), words)
        few = len(samples) <= NAMED * len(labels)
        found = [head("linear", "linear", True)]
        found += [head("label names", "names", True, **own["names"])] if few else []
        found += [words]
        found += [_moods(labels, few)] if moods_installed() else []
        found += [head("attention", "attention", **own["attention"])] if count > 1 else []
        found += [_tuned(recipe, encoder, samples)] if recipe.unfreeze == "auto" and len(encoder) > 1 else []
        return tuple(found)

    def describe(self, recipe: Recipe, backbone: "Backbone") -> str:
        """What is tried when nothing is asked for."""
        return (
            f"a linear head on every layer of {backbone.name}, word counts (TF-IDF), words that are good or "
            "bad as such, for long texts attention over their windows, then fine-tuning of its last "
            "layers; cross-validation decides what is kept"
        )

    def baseline(self, backbone: "Backbone") -> Candidate:
        """A linear head on the beginning of each text."""
        encoder = _encoder(backbone)
        size = min(128, encoder.preprocessing.tokens)
        return Candidate("linear", "linear", FeatureSpec(size, blocks=_blocks(encoder)))

    def picture(self, sample: Sample) -> bytes | None:
        """There is nothing to see of a text; the report quotes it."""
        return None

    def span_s(self, samples: Sequence[Sample]) -> None:
        """Time plays no part in texts."""

    def boxes(self, spec: FeatureSpec) -> tuple[Box, ...]:
        """Windows have no place in a picture."""
        return ()


def _moods(labels: Sequence[str], few: bool) -> Candidate:
    """Words that are good or bad: kept unless they hurt where labels are moods and few, else if they help.

    Where there are many they count as much as makes the answers likeliest.
    """
    known = {label.casefold().strip() for label in labels}
    moods = bool(known & GOOD) and bool(known & BAD)
    config, spec = MoodsConfig(tuple(labels) if moods else ()), FeatureSpec(1, kept="raw")
    return Candidate(
        "mood words", "moods", spec, config=config, always=True, trusted=moods and few, partial=not few
    )


def _essence(text: str) -> str:
    bare = essence(text)
    return digest(bare.encode()) if bare else ""


def _are_tables_of_texts(root: Path) -> bool:
    with suppress(DataError):
        found = parts_at(root)
        return found is not None and found.texts
    return False


def _is_folder_of_texts(root: Path) -> bool:
    """Whether two or more folders hold text files, and among the first files are hardly any others.

    A picture, sound or video among them makes it another folder.
    """
    if not root.is_dir():
        return False
    root, _ = layouts.innermost(root)
    inside = [list(islice(_files_under(folder), LOOKED_AT)) for folder in folders_in(root)[:LOOKED_AT]]
    files = [path for each in inside for path in each]
    others = [path for path in files if path.suffix.lower() not in SUFFIXES and not _is_bare_text(path)]
    if sum(bool(each) for each in inside) < 2 or OTHERS * len(others) > len(files):
        return False
    return all(_tells_nothing(path) for path in others)


def _is_bare_text(path: Path) -> bool:
    return is_numbered(path.name) and check(path) is None


def _tells_nothing(path: Path) -> bool:
    """Whether a file beside texts is a text too, such as counts of words."""
    try:
        return kind(read_head(path)) in ("text file", "empty file")
    except MediaError:
        return False


def _files_under(folder: Path) -> "list[Path]":
    return [*files_in(folder), *(path for inner in folders_in(folder) for path in files_in(inner))]


def _encoder(backbone: "Backbone") -> "Encoder":
    require(backbone, ("text",), "texts")
    return cast("Encoder", backbone)


def _windows(encoder: "Encoder", samples: Sequence[Sample]) -> tuple[int, int, str]:
    """Size and number of windows for these texts, and what to say of texts that are longer."""
    most = min(SIZES[-1], encoder.preprocessing.tokens)
    texts = _texts(samples)
    if not texts:
        return most, 1, ""
    window = Windows(encoder, most, 1)
    lengths = window.lengths(texts)
    margin = most - window.room
    if lengths.max() <= window.room:
        return next(size for size in (*SIZES, most) if size >= min(lengths.max() + margin, most)), 1, ""
    common = float(np.quantile(lengths, 0.98))
    size = min(128, most)
    if common > MAX_WINDOWS * OVERLAP * (size - margin):
        size = most
    count = int(np.clip(np.ceil(common / (OVERLAP * (size - margin))), 2, MAX_WINDOWS))
    long = np.flatnonzero(lengths > count * (size - margin))
    if not len(long):
        return size, count, ""
    longest = samples[int(lengths.argmax())]
    return size, count, (
        f"{len(long)} of {len(samples)} texts are longer than {count} windows of {size} tokens, "
        f"the longest has {lengths.max():,}: {longest.source.shown()}. Of these, {count} "
        "stretches from beginning to end are read. Split such texts if that matters."
    )  # fmt: skip


def _tuned(recipe: Recipe, encoder: "Encoder", samples: Sequence[Sample]) -> Candidate:
    """The last layers, tuned by pairs where labels are few and by their labels where they are many."""
    few = len(samples) <= FEW
    cut = max(1, len(encoder) - (PAIRED_LAYERS if few else TUNED_LAYERS))
    spec = _maps(encoder, samples, cut)
    if few:
        return Candidate("contrastive", "contrastive", spec, config=config_of("contrastive", recipe))
    config = config_of("tail", recipe, epochs=TUNED_EPOCHS, fixed_epochs=True)
    return Candidate(f"last {len(encoder) - cut} layers", "tail", spec, config=config)


def _asked_tuning(recipe: Recipe, encoder: "Encoder", samples: Sequence[Sample]) -> Candidate:
    """`--unfreeze N` or `all`, with `--head lora` or `contrastive` where one is named."""
    if recipe.head not in ("auto", "lora", "contrastive"):
        raise UsageError(
            f"--head {recipe.head} trains on the frozen network and --unfreeze {recipe.unfreeze} "
            "trains the network itself: use one of them, or --head lora or contrastive."
        )
    kind = "tail" if recipe.head == "auto" else recipe.head
    # The table of words is the largest part of a small encoder; only `all` trains it, LoRA never does.
    asked = Unfreeze.parse(recipe.unfreeze).cut(len(encoder))
    open_or_none = asked in (None, len(encoder))
    cut = min(1, len(encoder) - 1) if open_or_none else max(asked or 0, int(kind == "lora"))
    name = "whole network" if cut == 0 else f"last {len(encoder) - cut} layers"
    named = name if kind == "tail" else f"{kind}, {name}"
    spec, config = _maps(encoder, samples, cut), config_of(kind, recipe)
    return Candidate(named, kind, spec, config=config, fold_models=1, always=True)


def _maps(encoder: "Encoder", samples: Sequence[Sample], cut: int) -> FeatureSpec:
    """States at the cut, of windows long enough for 99 texts in 100."""
    size, count, _ = _windows(encoder, samples)
    if count == 1 and samples:
        window = Windows(encoder, size, 1)
        usual = np.quantile(window.lengths(_texts(samples)), 0.99) + size - window.room
        size = next((each for each in SIZES if usual <= each <= size), size)
    return FeatureSpec(size, frames=count if count > 1 else 0, kept="map", cut=cut)


def _texts(samples: Sequence[Sample]) -> list[str]:
    return [str(TextDecoder().decode(sample, FeatureSpec(1))[0]) for sample in samples]


def _blocks(encoder: "Encoder") -> tuple[int, ...]:
    """Every block, or as many as `MAX_FEATURES` allows, the last one always."""
    most = max(1, MAX_FEATURES // (3 * encoder.width))
    if len(encoder) <= most:
        return ()
    return tuple(int(place) for place in np.linspace(len(encoder) - 1, 1, most).round()[::-1])


tasks.add("texts", Texts())
