"""The chat models of a server, talked with as its routes load them: never twice in memory."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.models.loading import talks
from preseason.serving.chat_sessions import ChatSession, ChatSessions
from preseason.serving.hosting import Models, Runtime

if TYPE_CHECKING:
    from preseason.language.knowledge import Retriever


class ServedChatSessions(ChatSessions):
    """Talks with the models of a server, and with those that its fine-tuning jobs made.

    Args:
        models: of the server.
        where: the models of jobs run.
        more, knowledge: as `ChatSessions` takes them.
    """

    def __init__(
        self,
        models: Models,
        where: Runtime,
        *,
        more: Callable[[], Mapping[str, Path]] = dict,
        knowledge: "Retriever | None" = None,
    ) -> None:
        talking = {name: hosted.folder for name, hosted in models.items() if talks(hosted.model)}
        super().__init__(talking, more=more, knowledge=knowledge, device=where.device, cache=where.cache)
        self._models = models
        self._talkers: dict[str, ChatSession] = {}
        self._choosing = threading.Lock()

    def get(self, name: str) -> ChatSession:
        """The model called `name`, as the server has it now.

        Raises:
            ApiError: there is none of that name that talks.
        """
        model = self._models[name].model if name in self._models else None
        if model is None or not talks(model):
            return super().get(name)
        with self._choosing:
            held = self._talkers.get(name)
            if held is None or held.model is not model:
                # Who talks with the model that was replaced keeps its lock to the end.
                held = self._talkers[name] = ChatSession(model)
            return held
