"""What all models that talk have in common, whether they lie on this machine or with a service."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from preseason.data.given import Inputs
from preseason.errors import UsageError
from preseason.language.conversation import Conversation
from preseason.language.decoding import GenerationConfig
from preseason.language.generation import Generation, Prompt
from preseason.language.record import TASK
from preseason.results import Evaluation, Predictions, Update
from preseason.runtime.progress import Progress
from preseason.trained_model import TALKS, TrainedModel


class TalkingModel(ABC):
    """A model that answers in words and has no classes."""

    @property
    def task(self) -> str:
        """Name of the job."""
        return TASK

    @property
    def labels(self) -> tuple[str, ...]:
        """A language model has no labels."""
        return ()

    @property
    def capabilities(self) -> frozenset[str]:
        """It talks."""
        return frozenset({TALKS})

    @property
    @abstractmethod
    def style(self) -> str:
        """`dialogue`: it answers; `text`: it goes on with what is written."""

    @abstractmethod
    def generate(self, turns: Prompt, style: GenerationConfig, context: int) -> Generation:
        """Begin an answer; `conversation` is the easier door."""

    def conversation(
        self, *, knowledge: str | Path | None = None, seed: int | None = None, max_new_tokens: int = 160
    ) -> Conversation:
        """A conversation that remembers; `say` gives an answer piece by piece, `ask` as a whole."""
        return Conversation(self, knowledge, GenerationConfig(seed=seed, max_new_tokens=max_new_tokens))

    def chat(self, text: str, *, knowledge: str | Path | None = None, seed: int | None = None) -> str:
        """One answer, without history.

        Raises:
            DataError: `knowledge` holds no text.
            ServiceError: the service that has the model refuses or does not answer.

        Example:
            preseason.load("fan").chat("Who plays on the left?")
        """
        return self.conversation(knowledge=knowledge, seed=seed).ask(text).text

    def predict(self, *inputs: Inputs, progress: Progress | None = None) -> Predictions:
        """Not of a model without classes.

        Raises:
            UsageError: always.
        """
        raise _refusal("predict")

    def evaluate(
        self,
        data: str | Path,
        progress: Progress | None = None,
        *,
        text: str | None = None,
        label: str | None = None,
        path: str | None = None,
        rename: Sequence[str] = (),
    ) -> Evaluation:
        """Not of a model without classes; see `judge` of those on this machine.

        Raises:
            UsageError: always.
        """
        raise _refusal("evaluate")

    def add(self, name: str, *inputs: Inputs) -> tuple[TrainedModel, Update]:
        """Not of a model without classes.

        Raises:
            UsageError: always.
        """
        raise _refusal("add")

    def remove(self, name: str) -> tuple[TrainedModel, Update]:
        """Not of a model without classes.

        Raises:
            UsageError: always.
        """
        raise _refusal("remove")


def _refusal(verb: str) -> UsageError:
    measured = " In Python, judge(DATA) measures its perplexity." if verb == "evaluate" else ""
    return UsageError(
        f"This is a chat model without classes, so {verb} does not apply to it: use preseason "
        f"chat MODEL.{measured}"
    )
