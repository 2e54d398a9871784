"""Answers of an exported model of texts: numpy, tokenizers and onnxruntime (or openvino) are all it needs.

    python run.py TEXT_OR_FILE... [--json]

or from a program of your own, with this folder on its path:

    from run import Exported
    Exported("FOLDER").predict("What a goal!")

The folder holds exported.json (settings), known.npz (vectors), tokenizer.json, one graph for each pass over
the tokens, and the counted words of ways that read no network. A graph takes windows of token numbers int64
[windows, l], -1 behind the end of a window. How the answers are put together stands in answers.py. Both files
were written by `preseason export` and need nothing of preseason.
"""

import codecs
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from preseason.exporting.answers import Array, Engine, Runner, engine, files, main, softmax

SUFFIXES = {".txt", ".text", ".md"}
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
NAMES = re.compile(r"(?:https?://|www\.)\S+|@\w+", re.IGNORECASE)
WORD, MARK, SPACES = re.compile(r"\b\w\w+\b"), re.compile(r"\w+|[^\w\s]"), re.compile(r"\s\s+")
LETTERS = (2, 5)
HASHED = 1024


class Exported(Runner):
    """An exported model of texts."""

    noun = "texts"

    def __init__(self, folder: "str | Path") -> None:
        self.tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        # A text that spells a special token means its letters.
        self.tokenizer.encode_special_tokens = True
        super().__init__(folder)

    def engine(self, stage: dict[str, Any]) -> Engine:
        """A graph, or what counts words."""
        path = self.folder / stage["file"]
        return Counted(path, stage) if path.suffix == ".npz" else engine(path, stage["outputs"])

    def sources(self, given: Sequence[str]) -> Iterator[str]:
        """Files and folders that are there; what is none is a text itself."""
        for each in given:
            if is_there(each):
                yield from (str(path) for path in files([each]) if path.suffix.lower() in SUFFIXES)
            else:
                yield each

    def content(self, source: str) -> str:
        """The text of a file, or the text that was given."""
        return decoded(Path(source).read_bytes()) if is_there(source) else source

    def inputs(self, content: str, stage: dict[str, Any], found: dict[str, Array]) -> dict[str, Any]:
        """Windows of tokens, or the text for what counts words."""
        if not content.strip():
            raise ValueError("an empty text")
        if Path(stage["file"]).suffix == ".npz":
            return {"text": content}
        tokens = self.tokenizer.encode(content, add_special_tokens=False).ids
        return {"tokens": windows(tokens, stage, self.settings["before"], self.settings["after"])}


def windows(tokens: Sequence[int], stage: dict[str, Any], before: list[int], after: list[int]) -> Array:
    """The windows of a text, spread evenly from its first token to its last, int64 [windows, l]."""
    room = stage["size"] - len(before) - len(after)
    starts = np.linspace(0, max(len(tokens) - room, 0), stage["windows"]).round().astype(int).tolist()
    cut = [[*before, *tokens[start : start + room], *after] for start in starts]
    out = np.full((len(cut), max(map(len, cut))), -1, np.int64)
    for row, window in zip(out, cut, strict=True):
        row[: len(window)] = window
    return out


class Counted:
    """Linear answers from counted words, pairs of words and runs of letters (TF-IDF), without a network."""

    def __init__(self, path: Path, stage: dict[str, Any]) -> None:
        self.stage = stage
        with np.load(path, allow_pickle=False) as arrays:
            self.temperature = float(arrays["temperature"])
            self.fold_models = [Member(arrays, number) for number in range(int(arrays["members"]))]

    def __call__(self, given: dict[str, Any]) -> dict[str, Array]:
        """Probabilities [1, c], and the text's vector where strangers are told by it."""
        text = plain(given["text"])
        counts = {"words": Counter(words_of(text)), "letters": Counter(letters_of(text))}
        each = [softmax(fold_model(counts) / self.temperature) for fold_model in self.fold_models]
        found = {name: np.mean(each, axis=0) for name in self.stage["outputs"] if name != "known_vector"}
        return found | (
            {"known_vector": hashed(text)[None]} if "known_vector" in self.stage["outputs"] else {}
        )


class Member:
    """The n-grams that one member counts, and their weights."""

    def __init__(self, arrays: Any, number: int) -> None:
        self.weight, self.bias = arrays[f"{number}.weight"], arrays[f"{number}.bias"]
        self.places: dict[str, dict[str, int]] = {}
        self.idf: dict[str, Array] = {}
        for kind in ("words", "letters"):
            if f"{number}.{kind}.idf" in arrays:
                terms = arrays[f"{number}.{kind}.terms"].tobytes().decode("utf-8").split("\n")
                self.places[kind] = {term: place for place, term in enumerate(terms)}
                self.idf[kind] = arrays[f"{number}.{kind}.idf"]

    def __call__(self, counts: "dict[str, Counter[str]]") -> Array:
        """Logits [1, c]."""
        logits: Array = self.bias[None].astype(np.float64)
        first = 0
        for kind, places in self.places.items():
            known = {places[term]: count for term, count in counts[kind].items() if term in places}
            if known:
                at = np.fromiter(known, np.int64, len(known))
                times = np.fromiter(known.values(), np.float64, len(known))
                values = (1 + np.log(times)) * self.idf[kind][at]
                logits = logits + values / np.linalg.norm(values) @ self.weight[first + at]
            first += len(places)
        return logits


def plain(text: str) -> str:
    """Small letters, without links and mentions."""
    return NAMES.sub(" ", text).lower()


def words_of(text: str) -> list[str]:
    """Words and pairs of neighbouring words."""
    words = WORD.findall(text)
    return words + [f"{one} {two}" for one, two in pairwise(words)]


def letters_of(text: str) -> Iterator[str]:
    """Runs of two to five letters within each word and the spaces around it; a shorter word counts once."""
    for word in SPACES.sub(" ", text).split():
        padded = f" {word} "
        for length in range(LETTERS[0], LETTERS[1] + 1):
            yield padded[:length]
            if length >= len(padded):
                break
            yield from (padded[at : at + length] for at in range(1, len(padded) - length + 1))


def hashed(text: str) -> Array:
    """Words hashed into float64 [1024], of length 1."""
    out = np.zeros(HASHED)
    for word in MARK.findall(text):
        number = murmur3(word.encode("utf-8"))
        signed = number - 2**32 if number >= 2**31 else number
        place = (2**31 - HASHED) if signed == -(2**31) else abs(signed)
        out[place % HASHED] += 1 if signed >= 0 else -1
    return out / max(float(np.linalg.norm(out)), 1e-12)


def murmur3(data: bytes) -> int:
    """MurmurHash3 of 32 bits (Appleby 2011, public domain), seed 0."""
    full, state = 0xFFFFFFFF, 0

    def mixed(value: int) -> int:
        value = value * 0xCC9E2D51 & full
        value = (value << 15 | value >> 17) & full
        return value * 0x1B873593 & full

    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        state ^= mixed(int.from_bytes(data[at : at + 4], "little"))
        state = (state << 13 | state >> 19) & full
        state = state * 5 + 0xE6546B64 & full
    state ^= mixed(int.from_bytes(data[whole:], "little")) ^ len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state ^= state >> shift
        state = state * factor & full
    return state ^ state >> 16


def is_there(source: str) -> bool:
    """Whether it names a file or folder; texts are longer than names may be, and hold other signs."""
    try:
        return bool(source.strip()) and Path(source).exists()
    except (OSError, ValueError):
        return False


def decoded(data: bytes) -> str:
    """A file's bytes as text, without spaces around it: by its mark, else UTF-8, else what Windows writes.

    Raises:
        ValueError: they are no text.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").strip()
    if b"\x00" in data:
        raise ValueError("no text but binary data, or UTF-16 without its mark")
    try:
        return data.decode("utf-8").strip()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace").strip()


if __name__ == "__main__":
    sys.exit(main(Exported))
