"""Multiple-choice questions as dialogues: the question without its options, the answer in words."""

import re

from preseason.language.samples import Example, Message, Quiz

OPTION = re.compile(r"^\s*\(?([A-H])[).:]\s*(.+?)\s*$")
NEEDS_OPTIONS = re.compile(r"\b([Ff]ollowing|EXCEPT|NOT)\b|[Ww]hich (option|statement)|of these\b")


def quiz_of(question: str, answer: str) -> Quiz | str | None:
    """The quiz in a question with lettered lines and an answer letter.

    Returns None where the question has no lettered options, a text that says what is wrong where it has.

    Example:
        >>> quiz_of("Who won?\\nA) Salah\\nB) Son", "B")
        Quiz(question='Who won?', options=('Salah', 'Son'), right=1, continued=False)
    """
    lines = question.strip().splitlines()
    found = [OPTION.match(line) for line in lines]
    first = next((at for at, match in enumerate(found) if match), len(lines))
    matches = [match for match in found[first:] if match]
    if len(matches) < 2:
        return None
    letters = [match[1] for match in matches]
    letter = answer.strip().strip("().:").upper()[:1]
    stem = " ".join(line.strip() for line in lines[:first]).strip()
    if not stem:
        return "a list of options without a question"
    if letters != list("ABCDEFGH"[: len(letters)]):
        return f"options lettered {', '.join(letters)}: expected A, B, C, ..."
    if letter not in letters:
        return f"the answer {answer.strip()[:40]!r} names none of the options {', '.join(letters)}"
    return Quiz(stem, tuple(match[2] for match in matches), letters.index(letter))


def asked(quiz: Quiz) -> str:
    """What a user asks: the question, with its options only where it cannot be understood without them."""
    if not NEEDS_OPTIONS.search(quiz.question):
        return quiz.question
    return f"{quiz.question} ({'; '.join(quiz.options)})"


def dialogue_of(quiz: Quiz, group: str) -> Example:
    """The question and its right answer in words as a dialogue."""
    turns = (Message("user", asked(quiz)), Message("assistant", quiz.options[quiz.right]))
    return Example(group=group, messages=turns, quiz=quiz)
