"""One row of a JSON Lines, JSON or CSV file as a dialogue or a piece of text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from preseason.data.column_names import TEXT_COLUMNS
from preseason.language.questions import dialogue_of, quiz_of
from preseason.language.samples import ROLES, Example, Message

GROUPS = ("group", "match", "game", "video", "document", "source")
PROMPTS = ("prompt", "question", "instruction", "user")
ANSWERS = ("response", "answer", "completion", "output", "assistant")
TEXTS = ("text", "content", "body")
LABELS = ("label", "labels", "class", "sentiment", "path", "stars", "rating", "score", *TEXT_COLUMNS["label"])
DIALOGUES = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns")
SPEAKERS = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}
SPEAKERS |= {"developer": "system", "customer": "user", "chatgpt": "assistant", "ai": "assistant"}
TOOLS = ("tool", "function", "ipython", "observation", "tool_response")
CALLERS = ("function_call", "tool_call", "tool_calls")
"""Roles of what a program says: it is context of the answer after it."""
CALLS = ("tool_calls", "function_call", "refusal")


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
    if names & set(DIALOGUES):
        return "messages"
    if {"chosen", "rejected"} <= names:
        return "preference"
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
        given = next(values[name] for name in DIALOGUES if name in values)
        return Example(_group(values, _first_question(given)), messages=_messages(given))
    if kind == "preference":
        preferred = _preferred(values)
        return Example(_group(values, _first_line(preferred[0].content)), messages=preferred)
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
    asked = next(values[name] for name in PROMPTS if name in values)
    said = next(values[name] for name in ANSWERS if name in values)
    if _is_turns(asked) or _is_turns(said):
        turns = [*_as_turns(asked, "user"), *_as_turns(said, "assistant")]
        return Example(_group(values, _first_question(turns)), messages=_messages(turns))
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
    if isinstance(given, str):
        given = _from_text(given)
    if not isinstance(given, Sequence) or not given:
        raise RowError("messages is no list of turns")
    turns = joined_turns([turn for item in given if (turn := _message(item)) is not None])
    if not any(turn.role == "assistant" and turn.learn for turn in turns):
        raise RowError("no turn of the assistant to learn from")
    return turns


def joined_turns(turns: Sequence[Message]) -> tuple[Message, ...]:
    """Turns in the order that templates of chat expect: system first, then user and assistant in turn.

    Several turns of one speaker are one; what is said before the first user's turn is context of it.
    """
    system = [turn.content for turn in turns if turn.role == "system"]
    found: list[Message] = []
    for turn in turns:
        last = found[-1] if found else None
        if turn.role == "system":
            continue
        if last is None and turn.role == "assistant":
            system.append(f"The assistant has said: {turn.content}")
        elif last is not None and last.role == turn.role and last.learn == turn.learn:
            found[-1] = replace(last, content=f"{last.content}\n\n{turn.content}")
        elif last is not None and last.role == turn.role:
            found[-1] = turn if turn.role == "assistant" and turn.learn else last
        else:
            found.append(turn)
    opening = (Message("system", "\n\n".join(system)),) if system else ()
    return (*opening, *found)


def _message(item: Any) -> Message | None:
    """A turn; None for a call of a tool, which says nothing by itself.

    What a tool gives back is something the assistant is told, so it is context and never learnt.
    """
    if not isinstance(item, Mapping):
        raise RowError("a turn is no object with role and content")
    role = str(item.get("role", item.get("from", ""))).lower()
    role = SPEAKERS.get(role, role)
    content = _said(item.get("content", item.get("value")))
    if role in CALLERS:
        return None
    if role in TOOLS and content:
        return Message("user", f"Result of {item.get('name') or 'a tool'}: {content}")
    if role not in ROLES and role not in TOOLS:
        raise RowError(f"a turn has the role {role!r}: expected one of {', '.join((*ROLES, 'tool'))}")
    if not content and (role in TOOLS or any(item.get(name) for name in CALLS)):
        return None
    if not content:
        raise RowError(f"a turn of the {role} is empty")
    return Message(role, content, role != "assistant" or item.get("weight", 1) != 0)


def _said(content: Any) -> str:
    """What a turn says: a text, or the texts among its parts; of another part its kind in brackets."""
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list | tuple):
        return content.strip() if isinstance(content, str) else ""
    parts = [part if isinstance(part, str) else _part(part) for part in content]
    return "\n".join(part.strip() for part in parts if part.strip())


def _part(part: Any) -> str:
    if not isinstance(part, Mapping):
        return ""
    text = part.get("text", part.get("content"))
    if isinstance(text, str):
        return text
    kind = str(part.get("type", "part")).removeprefix("input_").removesuffix("_url")
    return f"[{'picture' if kind.startswith('image') else kind}]"


def _from_text(text: str) -> Any:
    """Turns in a cell of a table, where they are written as JSON."""
    try:
        return json.loads(text)
    except ValueError:
        raise RowError("messages is no list of turns") from None


def _is_turns(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _as_turns(value: Any, role: str) -> list[Any]:
    return list(value) if _is_turns(value) else [{"role": role, "content": value}]


def _preferred(values: Mapping[str, Any]) -> tuple[Message, ...]:
    """The answer that was preferred, after what was asked; the rejected one is not learnt from."""
    chosen, prompt = values["chosen"], values.get("prompt", values.get("question"))
    before = prompt if _is_turns(prompt) else [{"role": "user", "content": prompt}] if prompt else []
    if _is_turns(chosen):
        return _messages([*before, *chosen] if chosen[0].get("role") == "assistant" else chosen)
    return _messages([*before, {"role": "assistant", "content": chosen}])


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
    items = given if isinstance(given, list | tuple) else []
    texts = [_said(item.get("content", item.get("value", ""))) for item in items if isinstance(item, Mapping)]
    return _first_line(" ".join(texts[:2]))


def _first_line(text: str) -> str:
    return " ".join(text.lower().split())[:200]
