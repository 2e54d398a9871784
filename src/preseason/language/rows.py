"""One row of a JSON Lines, JSON or CSV file as a dialogue or a piece of text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from preseason.language.questions import dialogue_of, quiz_of
from preseason.language.samples import ROLES, Example, Message

GROUPS = ("group", "match", "game", "video", "document", "source")
PROMPTS = ("prompt", "question", "instruction", "user")
ANSWERS = ("response", "answer", "completion", "output", "assistant")
TEXTS = ("text", "content", "body")
LABELS = ("label", "labels", "class", "sentiment", "path")
SPEAKERS = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}


@dataclass(frozen=True)
class Segment:
    """A piece of text with its place: segments of one document are joined in order."""

    text: str
    group: str
    document: str
    start: float


class RowError(ValueError):
    """A row that cannot be used; the message says why."""


def kind_of(row: Mapping[str, Any]) -> str | None:
    """`messages`, `answer` or `text` by the row's columns; None for labelled or unknown rows."""
    names = {key.lower() for key in row}
    if names & {"messages", "conversations"}:
        return "messages"
    if names & set(PROMPTS) and names & set(ANSWERS):
        return "answer"
    return "text" if names & set(TEXTS) and not names & set(LABELS) else None


def read_row(row: Mapping[str, Any], place: str) -> Example | Segment:
    """What the row holds.

    Args:
        place: names the row where it has no group of its own.

    Raises:
        RowError: nothing can be learnt from it.
    """
    values = {key.lower(): value for key, value in row.items()}
    kind = kind_of(values)
    if kind == "messages":
        given = values["messages"] if "messages" in values else values["conversations"]
        return Example(_group(values, _first_question(given)), messages=_messages(given))
    if kind == "answer":
        return _answered(values)
    if kind is None:
        raise RowError(
            f"columns {', '.join(map(str, row)) or 'none'}: expected messages, prompt and response, or text"
        )
    text = _filled(values, TEXTS)
    group = _group(values, place)
    start = values.get("start_s", values.get("start", 0))
    document = f"{group} {values.get('half', '')}"
    return Segment(text, group, document, float(start) if isinstance(start, int | float) else 0.0)


def _answered(values: Mapping[str, Any]) -> Example:
    prompt, answer = _filled(values, PROMPTS), _filled(values, ANSWERS)
    if "instruction" in values and str(values.get("input", "")).strip():
        prompt = f"{prompt}\n{values['input']}"
    group = _group(values, _first_line(prompt))
    quiz = quiz_of(prompt, answer)
    if isinstance(quiz, str):
        raise RowError(quiz)
    if quiz is not None:
        return dialogue_of(quiz, _group(values, _first_line(quiz.question)))
    return Example(group, messages=(Message("user", prompt), Message("assistant", answer)))


def _messages(given: Any) -> tuple[Message, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise RowError("messages is no list of turns")
    turns = tuple(_message(item) for item in given)
    if not any(turn.role == "assistant" and turn.learn for turn in turns):
        raise RowError("no turn of the assistant to learn from")
    spoken = [turn.role for turn in turns if turn.role != "system"]
    if spoken != ["user" if at % 2 == 0 else "assistant" for at in range(len(spoken))]:
        raise RowError(f"turns in the order {', '.join(spoken)}: expected user and assistant in turn")
    return turns


def _message(item: Any) -> Message:
    if not isinstance(item, Mapping):
        raise RowError("a turn is no object with role and content")
    role = str(item.get("role", item.get("from", ""))).lower()
    role = SPEAKERS.get(role, role)
    content = item.get("content", item.get("value"))
    if role not in ROLES:
        raise RowError(f"a turn has the role {role!r}: expected one of {', '.join(ROLES)}")
    if not isinstance(content, str) or not content.strip():
        raise RowError(f"a turn of the {role} is empty")
    return Message(role, content.strip(), item.get("weight", 1) != 0)


def _filled(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    value = next(values[name] for name in names if name in values)
    if not isinstance(value, str):
        raise RowError(f"{next(name for name in names if name in values)} is no text")
    if not value.strip():
        raise RowError(f"an empty {next(name for name in names if name in values)}")
    return value.strip()


def _group(values: Mapping[str, Any], otherwise: str) -> str:
    named = next((str(values[name]) for name in GROUPS if values.get(name) not in (None, "")), None)
    return otherwise if named is None else named


def _first_question(given: Any) -> str:
    """Dialogues that begin with the same question are kept together."""
    texts = [str(item.get("content", item.get("value", ""))) for item in given if isinstance(item, Mapping)]
    return _first_line(" ".join(texts[:2]))


def _first_line(text: str) -> str:
    return " ".join(text.lower().split())[:200]
