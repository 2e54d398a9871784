"""What a language model is fine-tuned on: dialogues and texts, and what reading them found."""

from dataclasses import dataclass

from preseason.data.dataset import Skipped
from preseason.media.text import encodable

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Message:
    """One turn of a dialogue.

    Attributes:
        role: system, user or assistant.
        learn: whether the model is taught to say it; only an assistant's turns are.
    """

    role: str
    content: str
    learn: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", encodable(self.content))


@dataclass(frozen=True)
class Quiz:
    """A multiple-choice question: its text, the options' texts, and which of them is right.

    Attributes:
        continued: the question is the beginning of a text, and the options are ways in which it may go on.
    """

    question: str
    options: tuple[str, ...]
    right: int
    continued: bool = False


@dataclass(frozen=True)
class Example:
    """A dialogue (`messages`) or a piece of domain text (`text`).

    Attributes:
        group: what it belongs to (match, document); one group never lies on both sides of a split.
        quiz: the multiple-choice question that the dialogue was made from.
        held: name of the file that declares it as one to be judged on, "" where none does.
    """

    group: str
    text: str = ""
    messages: tuple[Message, ...] = ()
    quiz: Quiz | None = None
    held: str = ""

    @property
    def size(self) -> int:
        """Characters."""
        return len(self.text) + sum(len(message.content) for message in self.messages)


@dataclass(frozen=True)
class Corpus:
    """Examples in a stable order, and what was left out."""

    examples: tuple[Example, ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences on how the files were read, where that was not plain."""

    @property
    def style(self) -> str:
        """`dialogue` where there are dialogues, else `text`."""
        return "dialogue" if any(example.messages for example in self.examples) else "text"

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, each once, in order."""
        return tuple(dict.fromkeys(example.group for example in self.examples))
