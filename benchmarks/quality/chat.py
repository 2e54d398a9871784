"""A chat model before and after on real data: `python benchmarks/quality/chat.py DATA [DATA ...]`.

Each DATA is a folder or file of dialogues, questions or texts as `preseason fit` reads them. Told are the
perplexity of the held-out part (whole vocabulary), that of general English (descriptions of data sets in
scikit-learn), how often the right one of four endings of a beginning is found there, and the share of
held-out multiple-choice questions answered rightly, each before and after. With `--knowledge PATH`, held-out
questions are also asked with lookup, in PATH or in what was learnt (`--knowledge learnt`): how often right,
wrong, or not known.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import preseason
from preseason.cli.chat_words import fields_of_fit
from preseason.cli.shapes import plain
from preseason.language.conversation import MAX_PASSAGES
from preseason.language.dense_retrieval import best_retriever
from preseason.language.knowledge import Passage, Retriever, read_passages
from preseason.language.quiz import likelihoods, score_of
from preseason.language.reading import read_corpus
from preseason.language.samples import Example, Quiz
from preseason.language.split import HELD_OUT, divide
from preseason.runtime.cache_dir import cache_folder

LEARNT = "learnt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--budget", default="5m")
    parser.add_argument("--backbone")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--knowledge", help="where facts are looked up: a path, or `learnt`")
    parser.add_argument("--questions", type=int, default=200, help="held-out questions asked with lookup")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    asked = parser.parse_args()
    print("python " + " ".join(sys.argv))
    rows = [row_of(data, seed, asked) for data in asked.data for seed in range(asked.seeds)]
    if asked.json:
        asked.json.write_text(json.dumps({"command": sys.argv, "fits": rows}, indent=1), "utf-8")


def row_of(data: Path, seed: int, asked: Any) -> dict[str, Any]:
    """Fit once, print what it brought and give its figures."""
    settings = {"backbone": asked.backbone} if asked.backbone else {}
    model = preseason.fit(data, seed=seed, budget_s=asked.budget, **settings)
    record = model.record
    before, after, training = record.before, record.after, record.training
    print(f"{data.name}, seed {seed}: {training.tokens:,} tokens at {training.tokens_per_s:.0f}/s")
    print(f"  held-out perplexity {of(before.held_out)} -> {of(after.held_out)}, {after.held_out.n:,} tokens")
    print(f"  general perplexity  {of(before.general)} -> {of(after.general)}, {after.general.n:,} tokens")
    print(
        f"  endings of general prose {rate(before.general_quiz)} -> {rate(after.general_quiz)}, "
        f"{after.general_quiz.n} of four options"
    )
    if after.quiz is not None:
        print(
            f"  quiz {rate(before.quiz)} -> {rate(after.quiz)}, {after.quiz.n} questions, chance "
            f"{after.quiz.chance:.2f}"
        )
    found: dict[str, Any] = plain(fields_of_fit(data.name, record))
    if asked.knowledge is not None:
        found["lookup"] = with_lookup(model, data, seed, asked)
    return found


def with_lookup(model: Any, data: Path, seed: int, asked: Any) -> dict[str, Any]:
    """Held-out questions with passages before them; without a good one the answer is that it is not known."""
    sides = divide(read_corpus(data), HELD_OUT, seed)
    questions = [example.quiz for example in sides.held if example.quiz is not None][: asked.questions]
    if asked.knowledge == LEARNT:
        passages = tuple(Passage(text_of(example), example.group) for example in sides.learn)
    else:
        passages = read_passages(Path(asked.knowledge))[0]
    retriever = best_retriever(passages, cache_folder(None))
    found = [answered(model, quiz, retriever) for quiz in questions]
    right, unknown = found.count("right"), found.count("unknown")
    plainly = [answered(model, quiz, None) == "right" for quiz in questions]
    share = score_of(plainly, [1 / len(quiz.options) for quiz in questions])
    print(
        f"  lookup in {asked.knowledge}: right {right}, wrong {found.count('wrong')}, not known "
        f"{unknown} of "
        f"{len(found)}; without lookup right {share.right}, wrong {share.n - share.right}"
    )
    return {"right": right, "wrong": found.count("wrong"), "unknown": unknown, "without": plain(share)}


def text_of(example: Example) -> str:
    """The example as a passage."""
    return example.text or "\n".join(message.content for message in example.messages)


def answered(model: Any, quiz: Quiz, retriever: Retriever | None) -> str:
    """`right`, `wrong` or `unknown`."""
    hits = retriever.find(quiz.question, MAX_PASSAGES) if retriever is not None else []
    if retriever is not None and not hits:
        return "unknown"
    notes = "\n".join(hit.passage.text for hit in hits)
    values = likelihoods(model.network, model.tokenizer, quiz, notes)
    return "right" if int(np.argmax(values)) == quiz.right else "wrong"


def of(reading: Any) -> str:
    return f"{reading.perplexity:.1f} ({reading.low:.1f} to {reading.high:.1f})"


def rate(score: Any) -> str:
    return f"{100 * score.accuracy:.1f} % ({100 * score.low:.0f} to {100 * score.high:.0f})"


if __name__ == "__main__":
    main()
