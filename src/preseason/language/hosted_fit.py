"""Tuning at a service that speaks the OpenAI protocol: upload, job, events, and the model's record."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from preseason.errors import DataError, UsageError
from preseason.language.conversation import Conversation
from preseason.language.decoding import GenerationConfig
from preseason.language.findings import run_id_of_data
from preseason.language.generation import Generation, Prompt
from preseason.language.generations import GENERATION_TOKENS, beginnings_of_dialogues
from preseason.language.hosted_model import PREFIX, HostedModel, HostedRecord, streamed
from preseason.language.protocol_client import Client, ServiceError
from preseason.language.reading import read_corpus
from preseason.language.record import SampleGeneration
from preseason.language.samples import Example
from preseason.language.split import divide, fraction_of
from preseason.recipe import Recipe
from preseason.runtime.cache_dir import cache_folder
from preseason.runtime.progress import Progress, Stopwatch

USED = ("backbone", "base_url", "cache", "seed", "epochs", "batch_size", "task")
"""Settings that count where a service tunes."""
EVERY_S = 2.0
OVER = ("succeeded", "failed", "cancelled")


def fit_hosted(root: Path, recipe: Recipe, progress: Progress) -> HostedModel:
    """Tune the model that `recipe.backbone` names (`openai:MODEL`) at the service of `recipe.base_url`.

    A job that was begun by the same command on the same data is followed further, not begun anew.

    Raises:
        UsageError: a setting does not fit.
        DataError: there are no dialogues.
        ServiceError: the service refuses, fails, or does not answer.
    """
    base = recipe.backbone.removeprefix(PREFIX)
    if not base:
        raise UsageError(f"--backbone {PREFIX} names no model: expected {PREFIX}MODEL.")
    client, watch = Client.at(recipe.base_url), Stopwatch()
    corpus = read_corpus(root)
    if corpus.style != "dialogue":
        raise DataError(f"{root} holds texts: a service tunes on dialogues (messages, prompt and response).")
    split = divide(corpus, fraction_of(recipe, corpus, USED), recipe.seed)
    begun = cache_folder(recipe.cache) / "fits" / run_id_of_data(recipe, corpus) / "job.json"
    with watch.stage("tuning at the service"):
        job = _job(client, base, recipe, (split.learn, split.held), begun, progress)
        done = _followed(client, job, begun, progress)
    name = str(done["fine_tuned_model"])
    with watch.stage("talking"):
        sayings = _sayings(client, base, name, split.held, recipe.seed)
    groups = len(corpus.groups)
    record = HostedRecord(
        backbone=base,
        address=client.address,
        job=job,
        name=name,
        trained_tokens=done.get("trained_tokens"),
        curve=tuple(_curve(client, job)),
        counts={"examples": len(corpus.examples), "groups": groups},
        sayings=tuple(sayings),
        split={"by": split.by, "train": len(split.learn), "test": len(split.held), "groups": groups},
        skipped=corpus.skipped,
        seconds=dict(watch.seconds),
        recipe=recipe.as_dict() | {"cache": None},
    )
    return HostedModel(record, client, cache_folder(recipe.cache))


def rows_of(examples: Sequence[Example]) -> bytes:
    """Dialogues as the protocol's JSON Lines; turns that are not learnt weigh 0."""
    lines = []
    for example in examples:
        turns: list[dict[str, Any]] = []
        for message in example.messages:
            turn: dict[str, Any] = {"role": message.role, "content": message.content}
            turns.append(turn if message.learn else turn | {"weight": 0})
        if turns:
            lines.append(json.dumps({"messages": turns}, ensure_ascii=False))
    return ("\n".join(lines) + "\n").encode()


def _job(
    client: Client,
    base: str,
    recipe: Recipe,
    split: tuple[Sequence[Example], Sequence[Example]],
    begun: Path,
    progress: Progress,
) -> str:
    """The name of the job: the one that was begun, else a new one."""
    if begun.is_file():
        name = str(json.loads(begun.read_text("utf-8"))["job"])
        progress.say(f"Following the job {name} that this command started earlier.")
        return name
    progress.say(f"Sending {len(split[0])} dialogues to {client.address}, and {len(split[1])} held-out ones.")
    training, validation = (client.upload(f"{part}.jsonl", rows_of(side)) for part, side in
                            zip(("train", "validation"), split, strict=True))  # fmt: skip
    hyperparameters: dict[str, Any] = {}
    if recipe.epochs is not None:
        hyperparameters["n_epochs"] = recipe.epochs
    if recipe.batch_size is not None:
        hyperparameters["batch_size"] = recipe.batch_size
    job = client.post(
        "/fine_tuning/jobs",
        {
            "model": base,
            "training_file": training,
            "validation_file": validation,
            "seed": recipe.seed,
            "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        },
    )
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.write_text(json.dumps({"job": job["id"]}), "utf-8")
    return str(job["id"])


def _followed(client: Client, job: str, begun: Path, progress: Progress) -> dict[str, Any]:
    """The job when it is over; every event is told once. One that is over is not followed again."""
    told: set[str] = set()
    while True:
        found = client.get(f"/fine_tuning/jobs/{job}")
        events = client.get(f"/fine_tuning/jobs/{job}/events?limit=100")["data"]
        for event in reversed(events):
            if event["id"] not in told:
                told.add(event["id"])
                progress.say(f"  {event['message']}")
        if found["status"] in OVER:
            break
        time.sleep(EVERY_S)
    begun.unlink(missing_ok=True)
    if found["status"] != "succeeded":
        reason = (found.get("error") or {}).get("message") or "no reason was given"
        raise ServiceError(f"The job {job} is {found['status']}: {reason}")
    return found


def _curve(client: Client, job: str) -> list[tuple[int, float]]:
    events = client.get(f"/fine_tuning/jobs/{job}/events?limit=100")["data"]
    data = [event.get("data") or {} for event in reversed(events) if event.get("type") == "metrics"]
    return [(int(one["step"]), float(one["valid_loss"])) for one in data if one.get("valid_loss") is not None]


def _sayings(
    client: Client, base: str, name: str, held: Sequence[Example], seed: int
) -> list[SampleGeneration]:
    """Answers of the base model, where the service lets one talk with it, and of the tuned one."""
    found = []
    for prompt, truth in beginnings_of_dialogues(held):
        try:
            before = _said(client, base, prompt, seed)
        except ServiceError:
            before = "(the service does not offer the base model for chat)"
        found.append(SampleGeneration(prompt, before, _said(client, name, prompt, seed), truth))
    return found


class _Named:
    """A model at a service by its name alone."""

    style = "dialogue"

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name

    def generate(self, turns: Prompt, style: GenerationConfig, context: int) -> Generation:
        """Begin an answer."""
        return streamed(self.client, self.name, turns, style)


def _said(client: Client, name: str, prompt: str, seed: int) -> str:
    talk = Conversation(
        _Named(client, name), style=GenerationConfig(seed=seed, max_new_tokens=GENERATION_TOKENS)
    )
    return talk.ask(prompt).text
