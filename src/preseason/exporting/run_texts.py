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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from preseason.backbones.tokenizers import TOKENIZER, read_tokenizer
from preseason.engine.tokens import Windows
from preseason.errors import MediaError
from preseason.exporting.answers import Runner
from preseason.exporting.program import Array, Engine, engine, files, main
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
    """Linear answers from counted words, pairs of words and runs of letters (TF-IDF), without a network."""

    def __init__(self, path: Path, stage: dict[str, Any]) -> None:
        self.stage, self.fold_models = stage, []
        with np.load(path, allow_pickle=False) as arrays:
            self.temperature = float(arrays["temperature"])
            for number in range(int(arrays["members"])):
                own = {n.partition(".")[2]: arrays[n] for n in arrays.files if n.startswith(f"{number}.")}
                self.fold_models.append((terms_from(own), own["weight"], own["bias"]))

    def __call__(self, given: dict[str, Any]) -> dict[str, Array]:
        """Probabilities [1, c], and the text's vector where strangers are told by it."""
        each = [softmax(logits_of([given["text"]], *own), self.temperature) for own in self.fold_models]
        found = {name: np.mean(each, axis=0) for name in self.stage["outputs"] if name != "known_vector"}
        vector = hashed(plain(given["text"]))[None]
        return found | ({"known_vector": vector} if "known_vector" in self.stage["outputs"] else {})


def is_there(source: str) -> bool:
    """Whether it names a file or folder; texts are longer than names may be, and hold other signs."""
    try:
        return bool(source.strip()) and Path(source).exists()
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(main(Exported(Path(__file__).parent)))
