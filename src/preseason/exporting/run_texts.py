"""Answers of an exported model of texts: numpy, tokenizers and onnxruntime (or openvino) are all it needs.

    python run.py TEXT_OR_FILE... [--json]

or from a program of your own, with this folder on its path:

    from run import Exported
    Exported("FOLDER").predict("What a goal!")

The folder holds exported.json (settings), known.npz (vectors), tokenizer.json, one graph for each pass over
the tokens, and the counted words of ways that read no network. A graph takes windows of token numbers int64
[windows, l], -1 behind the end of a window. The folder `parts` holds the files of preseason that this
program takes; preseason itself need not be installed.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from preseason.backbones.tokenizers import TOKENIZER, read_tokenizer
from preseason.engine.tokens import Windows
from preseason.errors import MediaError
from preseason.exporting.answers import Runner
from preseason.exporting.program import Array, Engine, engine, files, main
from preseason.inference.mood_words import mood_words_from
from preseason.inference.probabilities import softmax
from preseason.inference.words import hashed, logits_of, plain, terms_from
from preseason.media.text import SUFFIXES, read_text


class Exported(Runner):
    """An exported model of texts."""

    noun = "texts"

    def __init__(self, folder: "str | Path") -> None:
        self.tokenizer = read_tokenizer(Path(folder) / TOKENIZER)
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
        return read_text(Path(source)) if is_there(source) else source

    def inputs(self, content: str, stage: dict[str, Any], found: dict[str, Array]) -> dict[str, Any]:
        """Windows of tokens, or the text for what counts words."""
        if not content.strip():
            raise MediaError("an empty text")
        if Path(stage["file"]).suffix == ".npz":
            return {"text": content}
        windows = Windows(self, stage["size"], stage["windows"])
        return {"tokens": windows.padded(windows.of([content]))}


class Counted:
    """Linear answers from the words of a text without a network: counted (TF-IDF), or their moods."""

    def __init__(self, path: Path, stage: dict[str, Any]) -> None:
        self.stage, self.ways = stage, {}
        with np.load(path, allow_pickle=False) as arrays:
            for name in (name for name in arrays.files if name.endswith(".members")):
                way = name.partition(".")[0]
                fold_models = [_member(arrays, f"{way}.{n}.") for n in range(int(arrays[name]))]
                self.ways[f"probabilities_{way}"] = (fold_models, float(arrays[f"{way}.temperature"]))

    def __call__(self, given: dict[str, Any]) -> dict[str, Array]:
        """Probabilities [1, c] of each way, and the text's vector where strangers are told by it."""
        found = {}
        for name, (fold_models, temperature) in self.ways.items():
            if name in self.stage["outputs"]:
                each = [softmax(member([given["text"]]), temperature) for member in fold_models]
                found[name] = np.mean(each, axis=0)
        vector = hashed(plain(given["text"]))[None]
        return found | ({"known_vector": vector} if "known_vector" in self.stage["outputs"] else {})


def _member(arrays: Any, start: str) -> Callable[[Sequence[str]], Array]:
    """What gives logits [n, c] of texts."""
    own = {name.removeprefix(start): arrays[name] for name in arrays.files if name.startswith(start)}
    if "mood.words" in own:
        words = mood_words_from(own)
        return lambda texts: words.figures(texts) @ own["weight"] + own["bias"]
    terms = terms_from(own)
    return lambda texts: logits_of(texts, terms, own["weight"], own["bias"])


def is_there(source: str) -> bool:
    """Whether it names a file or folder; texts are longer than names may be, and hold other signs."""
    try:
        return bool(source.strip()) and Path(source).exists()
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(main(Exported(Path(__file__).parent)))
