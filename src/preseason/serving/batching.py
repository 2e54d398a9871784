"""Requests that come at the same time are answered together: one thread for each model, one pass for all."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from preseason.arrays.types import Floats
from preseason.data.dataset import Sample
from preseason.engine.forks import ForkedError
from preseason.models.detector import Detector
from preseason.results import PictureBoxes, Prediction
from preseason.runtime.progress import Silent
from preseason.serving.faults import RequestError

if TYPE_CHECKING:
    from preseason.models.classifier import Model

LINGER_S = 0.004
"""How long the first of a batch waits for others; an answer takes ten times as long."""
TOGETHER = 64
"""Examples that are answered at a time."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer:
    """The answer to one example, or the reason why there is none.

    Attributes:
        attention: float32 [p], weight of each part, where the model has attention.
        vector: float32 [d], where the example lies among the known ones.
    """

    prediction: Prediction | PictureBoxes | None
    reason: str = ""
    attention: Floats | None = None
    vector: Floats | None = None


@dataclass(eq=False)
class _Ask:
    """Examples of one request; `work` instead where the model is needed for something else."""

    samples: tuple[Sample, ...] = ()
    work: Callable[[], Any] | None = None
    future: "Future[Any]" = field(default_factory=Future)


class Meter(Protocol):
    """Who counts what is answered."""

    def batch(self, model: str, examples: int, seconds: float) -> None:
        """So many examples were answered together."""


class Batcher:
    """The thread that a model runs on.

    Args:
        model: what answers; another may take its place at any time.
        waiting: examples that may wait.
    """

    def __init__(self, name: str, model: Any, waiting: int, meter: Meter, linger_s: float = LINGER_S) -> None:
        self.name, self.model, self._most, self._meter = name, model, waiting, meter
        self._linger_s = linger_s
        self._asked: deque[_Ask] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._work, name=f"answers of {name}", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs, so that what is asked is answered."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Examples that wait."""
        with self._changed:
            return sum(len(each.samples) for each in self._asked)

    def ask(self, samples: Sequence[Sample]) -> "Future[list[Answer]]":
        """Answers to come, in the order of the samples; cancelling the future withdraws the question.

        Args:
            samples: with fingerprints, no two of one path.

        Raises:
            RequestError: 429 where too many wait, 503 where the server ends or its thread stayed in the
                process that this one was forked from.
        """
        return self._put(_Ask(tuple(samples)))

    def run(self, work: Callable[[], Result]) -> "Future[Result]":
        """`work`, done while the model answers nothing else.

        Raises:
            RequestError: as `ask`.
        """
        return self._put(_Ask(work=work))

    def close(self) -> None:
        """Answer what waits, then end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _put(self, ask: _Ask) -> "Future[Any]":
        if os.getpid() != self._process:
            raise RequestError(503, str(ForkedError()))
        with self._changed:
            if self._closed:
                raise RequestError(503, "The server is being stopped: ask again in a moment.", retry_s=5)
            # What was withdrawn waits for nothing.
            self._asked = deque(each for each in self._asked if not each.future.cancelled())
            held = sum(max(1, len(each.samples)) for each in self._asked)
            if held and held + len(ask.samples) > self._most:
                raise RequestError(
                    429,
                    f"{held} examples wait for {self.name} already, and at most {self._most} may: ask again "
                    "in a second, or ask for less at a time.",
                    retry_s=1,
                )
            self._asked.append(ask)
            self._changed.notify_all()
        return ask.future

    def _work(self) -> None:
        while (batch := self._collect()) is not None:
            wanted = [ask for ask in batch if ask.future.set_running_or_notify_cancel()]
            if wanted and wanted[0].work is not None:
                _settle(wanted[0], wanted[0].work)
            elif wanted:
                self._answer(wanted)

    def _collect(self) -> list[_Ask] | None:
        """What is answered next, together; None at the end."""
        with self._changed:
            while not self._asked and not self._closed:
                self._changed.wait()
            until = time.monotonic() + self._linger_s
            while not self._closed and self._gathered()[1] and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            if not self._asked:
                return None
            return [self._asked.popleft() for _ in range(self._gathered()[0])]

    def _gathered(self) -> tuple[int, bool]:
        """How many asks from the first on go together, and whether more might join them."""
        count = examples = 0
        for ask in self._asked:
            if ask.work is not None or (count and examples + len(ask.samples) > TOGETHER):
                return max(count, 1), False
            count, examples = count + 1, examples + len(ask.samples)
        return count, examples < TOGETHER

    def _answer(self, asks: list[_Ask]) -> None:
        begin = time.monotonic()
        samples = [sample for ask in asks for sample in ask.samples]
        try:
            answers = answers_of(self.model, samples)
        except Exception as error:
            if len(asks) == 1:
                asks[0].future.set_exception(error)
                return
            # What fails for one must not fail for those that were asked with it.
            for ask in asks:
                self._answer([ask])
            return
        self._meter.batch(self.name, len(samples), time.monotonic() - begin)
        for ask in asks:
            ask.future.set_result(answers[: len(ask.samples)])
            answers = answers[len(ask.samples) :]


def answers_of(model: "Model | Detector", samples: Sequence[Sample]) -> list[Answer]:
    """An `Answer` for each sample, in order."""
    if isinstance(model, Detector):
        each = model.answer_each(samples, Silent())
        return [Answer(None, found) if isinstance(found, str) else Answer(found) for found in each]
    found, skipped = model.answers(samples, Silent())
    predictions = iter(model.predictions(found))
    failed = {each.path: each.reason for each in skipped}
    named = {id(sample): place for place, sample in enumerate(found.samples)}
    answers = []
    for sample in samples:
        if (place := named.get(id(sample))) is None:
            answers.append(Answer(None, failed.get(str(sample.source), "it cannot be read")))
        else:
            attention = None if found.attention is None else found.attention[place]
            vector = None if found.vectors is None else found.vectors[place]
            answers.append(Answer(next(predictions), attention=attention, vector=vector))
    return answers


def _settle(ask: _Ask, work: Callable[[], Any]) -> None:
    try:
        ask.future.set_result(work())
    except Exception as error:
        ask.future.set_exception(error)
