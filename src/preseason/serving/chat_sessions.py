"""The models that a server talks with: opened when first asked for, the least used closed."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from preseason.language.talking import TalkingModel
from preseason.models.loading import load, talks
from preseason.runtime.progress import Progress, Silent
from preseason.serving.protocol import ApiError

if TYPE_CHECKING:
    from preseason.language.knowledge import Retriever

MAX_OPEN = 2
"""Models in memory at a time; one of 270 million weights takes about 1.5 GB."""


@dataclass
class ChatSession:
    """An open model; whoever generates holds the lock, since a decoder holds the state of one text."""

    model: TalkingModel
    lock: threading.Lock = field(default_factory=threading.Lock)


class ChatSessions:
    """Chat models by name.

    Args:
        folders: model folder of each name.
        more: gives further names with their folders at any time, e.g. those of finished jobs.
        knowledge: in which facts are looked up before every answer.
    """

    def __init__(
        self,
        folders: Mapping[str, Path],
        *,
        more: Callable[[], Mapping[str, Path]] = dict,
        knowledge: "Retriever | None" = None,
        device: str = "auto",
        cache: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.folders, self.more, self.knowledge = dict(folders), more, knowledge
        self.device, self.cache = device, cache
        self.progress = progress or Silent()
        self._open: OrderedDict[Path, ChatSession] = OrderedDict()
        self._opening = threading.Lock()

    def places(self) -> dict[str, Path]:
        """Every name with its model folder."""
        return {**self.more(), **self.folders}

    def get(self, name: str) -> ChatSession:
        """The model called `name`, opened if it is not yet.

        Raises:
            ApiError: there is none of that name, or its folder holds no chat model.
        """
        places = self.places()
        if name not in places:
            known = ", ".join(sorted(places)) or "none so far"
            raise ApiError(
                f"There is no model {name!r} here. There are: {known}.", 404, "model_not_found", "model"
            )
        with self._opening:
            if places[name] not in self._open:
                self._open[places[name]] = self._opened(name, places[name])
                while len(self._open) > MAX_OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(places[name])
            return self._open[places[name]]

    def forget(self, place: Path) -> None:
        """Close the model in that folder."""
        with self._opening:
            self._open.pop(place, None)

    def _opened(self, name: str, place: Path) -> ChatSession:
        model = load(place, progress=self.progress, device=self.device, cache=self.cache)
        if not talks(model):
            raise ApiError(
                f"{name} is a model for {model.task} and does not talk.", 400, "model_not_found", "model"
            )
        return ChatSession(model)
