"""A model that lies with a service: tuned there, talked with over the OpenAI protocol."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from preseason.data.dataset import Skipped
from preseason.errors import ModelFolderError
from preseason.language.decoding import GenerationConfig
from preseason.language.generation import Generation, Prompt
from preseason.language.protocol_client import Client
from preseason.language.record import TASK, SampleGeneration
from preseason.language.talking import TalkingModel
from preseason.runtime.cache_dir import cache_folder
from preseason.storage import CARD, FORMAT, HOSTED, MANIFEST, replace_folder
from preseason.stores.models import stored_at

PREFIX = "openai:"


@dataclass(frozen=True)
class HostedRecord:
    """What tuning at a service found.

    Attributes:
        backbone: name of the base model there.
        address: of the service.
        job: name of the fine-tuning job.
        name: of the tuned model there.
        trained_tokens: as the service counts them, None where it does not say.
        curve: (step, loss on the held-out part) where the service tells it.
    """

    backbone: str
    address: str
    job: str
    name: str
    trained_tokens: int | None
    curve: tuple[tuple[int, float], ...]
    counts: dict[str, int]
    sayings: tuple[SampleGeneration, ...]
    split: dict[str, Any]
    skipped: tuple[Skipped, ...]
    seconds: dict[str, float]
    recipe: dict[str, Any]
    task: str = TASK
    style: str = "dialogue"
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostedModel(TalkingModel):
    """A tuned model at a service; it talks like one on this machine.

    Attributes:
        record: what tuning found.
        client: of the service.
        cache: folder of what is computed of `knowledge`; None for the usual one.
    """

    record: HostedRecord
    client: Client
    cache: Path | None = None

    @property
    def style(self) -> str:
        """`dialogue`: it answers."""
        return self.record.style

    def generate(self, turns: Prompt, style: GenerationConfig, context: int) -> Generation:
        """Begin an answer; how much of the history is read is for the service to bound."""
        return streamed(self.client, self.record.name, turns, style)

    def save(self, folder: str | Path) -> None:
        """Write the model folder: the name of the model and of the service, never a key."""

        def write(part: Path) -> None:
            (part / CARD).write_text(card_of(self.record), "utf-8")
            backbone = {"name": f"{PREFIX}{self.record.backbone}"}
            manifest = {"format": FORMAT, "task": TASK, "labels": [], "backbone": backbone}
            content = json.dumps({**manifest, HOSTED: asdict(self.record)}, indent=1, ensure_ascii=False)
            (part / MANIFEST).write_text(content, "utf-8")

        with stored_at(folder, self.cache or cache_folder()) as place:
            replace_folder(place, write)


def load_hosted(place: Path, values: dict[str, Any], cache: Path) -> HostedModel:
    """The model that the manifest of a folder describes.

    Raises:
        ModelFolderError: the manifest is damaged.
    """
    try:
        record = HostedRecord(
            **{
                **values,
                "curve": tuple((int(step), float(loss)) for step, loss in values["curve"]),
                "sayings": tuple(SampleGeneration(**item) for item in values["sayings"]),
                "skipped": tuple(Skipped(**item) for item in values["skipped"]),
                "warnings": tuple(values["warnings"]),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFolderError(f"{place / MANIFEST} is damaged ({error!r}): copy it again.") from error
    return HostedModel(record, Client.at(record.address), cache)


def streamed(client: Client, name: str, turns: Prompt, style: GenerationConfig) -> Generation:
    """The answer of the model `name` at a service, in pieces."""
    speech = Generation(iter(()))
    content: dict[str, Any] = {
        "model": name,
        "messages": [{"role": turn.role, "content": turn.content} for turn in turns.messages()],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": style.temperature,
        "top_p": style.top_p,
        "max_completion_tokens": style.max_new_tokens,
    }
    if style.seed is not None:
        content["seed"] = style.seed
    if style.stops:
        content["stop"] = list(style.stops)
    speech.pieces = _pieces(client.stream("/chat/completions", content), speech)
    return speech


def _pieces(events: Iterator[dict[str, Any]], speech: Generation) -> Iterator[str]:
    for event in events:
        usage = event.get("usage") or {}
        speech.read = int(usage.get("prompt_tokens", speech.read))
        speech.made = int(usage.get("completion_tokens", speech.made))
        for choice in event.get("choices", []):
            speech.cut = speech.cut or choice.get("finish_reason") == "length"
            text = (choice.get("delta") or {}).get("content")
            if text:
                yield text


def card_of(record: HostedRecord) -> str:
    """The model card: where the model lies, and what it said before and after."""
    rows = [
        f"### {saying.prompt}\n\nBefore: {saying.before}\n\nAfter: {saying.after}\n\nReally: {saying.truth}\n"
        for saying in record.sayings
    ]
    return "\n".join(
        [
            f"# {record.name}\n",
            f"Tuned from {record.backbone} at {record.address} (job {record.job}) on "
            f"{record.split['train']} dialogues, {record.split['test']} held out. The weights lie with the "
            "service, whose terms hold for them; this folder holds their name and no key.\n",
            "## Held-out questions, before and after\n",
            *rows,
        ]
    )
