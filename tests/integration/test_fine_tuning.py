"""The stock openai client uploads, tunes, follows, pauses and talks: our own server, a real fit."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import uvicorn

import preseason
import tiny_language as tiny
from preseason.cli.main import run
from preseason.errors import UsageError
from preseason.language.protocol_client import ServiceError
from preseason.serving.app import Settings, create_app
from preseason.serving.fine_tuning import Service
from preseason.serving.hosting import Runtime

NAMES = ("Salah", "Kane", "Son", "Messi")
DONE = ("succeeded", "failed", "cancelled")


def talks(count: int = 40) -> bytes:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Who scored in match {at}?"},
                {"role": "assistant", "content": f"{NAMES[at % 4]} scored."},
            ]
        }
        for at in range(count)
    ]
    return "\n".join(map(json.dumps, rows)).encode()


class Served:
    """Our server with nothing but fine-tuning, on a free port."""

    def __init__(self, service: Service, cache: Path) -> None:
        app = create_app({}, Settings(where=Runtime(cache=str(cache))), service)
        self.server = uvicorn.Server(
            uvicorn.Config(app, port=0, log_level="error", ws="none", timeout_graceful_shutdown=10)
        )
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        self.client = openai.OpenAI(base_url=self.url, api_key="none", max_retries=0)

    def close(self) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    home = tmp_path_factory.mktemp("tuning")
    base = tiny.save(home / "base", "gemma3")
    bases = {"tiny": {"weights": str(base)}}
    return Service.of(home / "kept", bases, {"cache": str(home / "cache"), "budget": "8"})


@pytest.fixture(scope="module")
def served(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = Served(service, tmp_path_factory.mktemp("cache"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def tuned(served: Served) -> Any:
    """A finished job of the stock client."""
    client = served.client
    file = client.files.create(file=("talks.jsonl", talks()), purpose="fine-tune")
    other = client.files.create(file=("held.jsonl", talks(44)[-400:].split(b"\n", 1)[1]), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model="tiny",
        training_file=file.id,
        validation_file=other.id,
        suffix="fan",
        seed=3,
        metadata={"club": "Liverpool"},
        method={
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 3, "learning_rate_multiplier": 10}},
        },
    )
    return followed(client, job.id)


def followed(client: openai.OpenAI, name: str, wanted: tuple[str, ...] = DONE) -> Any:
    deadline = time.monotonic() + 120
    while (job := client.fine_tuning.jobs.retrieve(name)).status not in wanted:
        assert time.monotonic() < deadline, job
        time.sleep(0.1)
    return job


@pytest.mark.slow
def test_a_job_of_the_stock_client_makes_a_model(served: Served, tuned: Any, service: Service) -> None:
    assert tuned.status == "succeeded", tuned.error
    assert tuned.fine_tuned_model.startswith("ft:tiny:fan:")
    assert tuned.trained_tokens > 100
    assert tuned.metadata == {"club": "Liverpool"}
    record = json.loads((service.models()[tuned.fine_tuned_model] / "preseason.json").read_text())["record"]
    assert record["recipe"]["epochs"] == 3
    assert record["recipe"]["learning_rate"] == pytest.approx(0.01)
    assert record["recipe"]["seed"] == 3
    assert record["split"]["by"].startswith("validation.jsonl")
    assert record["after"]["held_out"]["perplexity"] < record["before"]["held_out"]["perplexity"]
    names = [model.id for model in served.client.models.list()]
    assert names == [tuned.fine_tuned_model, "tiny"]
    assert served.client.models.retrieve(tuned.fine_tuned_model).owned_by == "preseason"


@pytest.mark.slow
def test_its_events_and_results_can_be_read(served: Served, tuned: Any) -> None:
    events = list(served.client.fine_tuning.jobs.list_events(tuned.id, limit=3))
    assert len(events) > 3, "the client goes on to further pages by itself"
    assert events[0].message == f"New fine-tuned model created: {tuned.fine_tuned_model}"
    assert events[-1].message == f"Created fine-tuning job: {tuned.id}"
    losses = [event.data["valid_loss"] for event in events if event.type == "metrics"][::-1]
    assert losses[-1] < losses[0]
    table = served.client.files.content(tuned.result_files[0]).text.splitlines()
    assert table[0] == "step,valid_loss"
    assert len(table) == 1 + len(losses)
    assert [job.id for job in served.client.fine_tuning.jobs.list()][-1] == tuned.id


@pytest.mark.slow
def test_its_model_talks_whole_and_in_pieces(served: Served, tuned: Any) -> None:
    ask = {
        "model": tuned.fine_tuned_model,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who scored?"}],
        "temperature": 0,
        "max_tokens": 7,
    }
    whole = served.client.chat.completions.create(**ask)
    pieces = list(
        served.client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True})
    )
    text = whole.choices[0].message.content
    assert text
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices).rstrip() == text
    assert whole.usage.completion_tokens == pieces[-1].usage.completion_tokens <= 7
    assert whole.usage.prompt_tokens > 5
    ended = next(piece.choices[0].finish_reason for piece in pieces[::-1] if piece.choices)
    assert ended == whole.choices[0].finish_reason
    assert (ended == "length") == (whole.usage.completion_tokens == 7)
    stop = text[2:4]
    stopped = served.client.chat.completions.create(**ask, stop=[stop])
    assert stopped.choices[0].message.content == text[: text.find(stop)].rstrip()


@pytest.mark.slow
def test_refusals_have_the_protocols_shape(served: Served, tuned: Any) -> None:
    client, messages = served.client, [{"role": "user", "content": "Who?"}]
    with pytest.raises(openai.NotFoundError, match=r"There is no model 'gpt-9' here\. There are: ft:tiny"):
        client.chat.completions.create(model="gpt-9", messages=messages)
    with pytest.raises(openai.BadRequestError, match="tools: not known to this server"):
        client.chat.completions.create(
            model=tuned.fine_tuned_model,
            messages=messages,
            tools=[{"type": "function", "function": {"name": "f"}}],
        )
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    with pytest.raises(openai.BadRequestError, match="reads text only"):
        client.chat.completions.create(
            model=tuned.fine_tuned_model, messages=[{"role": "user", "content": [picture]}]
        )
    with pytest.raises(openai.NotFoundError, match=r"no base model 'gpt-4o' here\. There are: tiny"):
        client.fine_tuning.jobs.create(model="gpt-4o", training_file="file-x")
    with pytest.raises(openai.NotFoundError, match="no file 'file-x'"):
        client.fine_tuning.jobs.create(model="tiny", training_file="file-x")
    with pytest.raises(openai.BadRequestError, match="expected 'fine-tune'") as caught:
        client.files.create(file=("a.jsonl", b"{}"), purpose="assistants")
    assert caught.value.param == "purpose"


@pytest.mark.slow
def test_data_that_cannot_be_used_fail_the_job_with_the_reason(served: Served) -> None:
    file = served.client.files.create(file=("bad.jsonl", b'{"messages": []}\n'), purpose="fine-tune")
    job = served.client.fine_tuning.jobs.create(model="tiny", training_file=file.id)
    failed = followed(served.client, job.id)
    assert failed.status == "failed"
    assert failed.error.code == "invalid_training_file"
    assert "messages is no list of turns" in failed.error.message
    assert failed.fine_tuned_model is None
    assert served.client.files.delete(file.id).deleted


@pytest.mark.slow
def test_jobs_pause_go_on_after_a_restart_and_are_cancelled(service: Service, tmp_path: Path) -> None:
    other = Service.of(tmp_path, service.bases, {**service.settings, "budget": "40", "epochs": "10000"})
    first = Served(other, tmp_path / "cache")
    file = first.client.files.create(file=("talks.jsonl", talks()), purpose="fine-tune")
    job = first.client.fine_tuning.jobs.create(model="tiny", training_file=file.id)
    followed(first.client, job.id, ("running",))
    waits = first.client.fine_tuning.jobs.create(model="tiny", training_file=file.id)
    assert first.client.fine_tuning.jobs.pause(waits.id).status == "paused"
    assert first.client.fine_tuning.jobs.resume(waits.id).status == "queued"
    with pytest.raises(openai.ConflictError, match="needed by"):
        first.client.files.delete(file.id)
    first.close()
    assert {kept.status for kept in other.jobs.all()} == {"queued"}
    again = Served(Service.of(tmp_path, service.bases, other.settings), tmp_path / "cache")
    assert again.client.fine_tuning.jobs.cancel(waits.id).status == "cancelled"
    followed(again.client, job.id, ("running",))
    assert again.client.fine_tuning.jobs.pause(job.id).status == "pausing"
    followed(again.client, job.id, ("paused",))
    assert again.client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="is cancelled"):
        again.client.fine_tuning.jobs.cancel(job.id)
    again.close()


@pytest.mark.slow
def test_fit_tunes_at_a_service_and_chat_talks_with_it(
    served: Served,
    tuned: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    data, model = tmp_path / "talks.jsonl", tmp_path / "fan"
    data.write_bytes(talks())
    flags = ["--backbone", "openai:tiny", "--base-url", served.url, "--epochs", "2", "--cache", str(tmp_path)]
    assert run(["fit", str(data), "-o", str(model), *flags, "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["name"].startswith("ft:tiny:")
    assert fields["trained_tokens"] > 0
    assert fields["curve"]
    assert fields["sayings"][0]["after"]
    assert "does not offer the base model" in fields["sayings"][0]["before"], (
        "the server talks with tuned models only"
    )
    written = "".join(path.read_text() for path in model.rglob("*") if path.is_file())
    assert "sk-very-secret" not in written
    assert fields["name"] in written
    assert (
        run(["chat", str(model), "--once", "Who scored?", "--seed", "1", "--most-tokens", "6", "--json"]) == 0
    )
    answer = json.loads(capsys.readouterr().out)
    assert 1 <= answer["tokens"] <= 6
    facts = tmp_path / "goals.csv"
    facts.write_text("player,goals\nKane,30\n")
    talk = preseason.load(model).conversation(knowledge=facts, seed=0, max_new_tokens=4)
    assert talk.ask("How many goals did Kane score?").sources[0].source == "goals.csv, row 2"
    assert not talk.ask("How many goals did Ronaldo score?").known


@pytest.mark.slow
def test_a_job_that_was_begun_is_followed_and_failures_are_said(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from preseason.language import hosted_fit

    data = tmp_path / "talks.jsonl"
    data.write_bytes(talks(24))
    settings = {"backbone": "openai:tiny", "base_url": served.url, "cache": str(tmp_path)}

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    followed_on = hosted_fit._followed
    monkeypatch.setattr(hosted_fit, "_followed", stopped)
    with pytest.raises(KeyboardInterrupt):
        preseason.fit(data, **settings)
    jobs = [job.id for job in served.client.fine_tuning.jobs.list()]
    served.client.fine_tuning.jobs.cancel(jobs[0])
    monkeypatch.setattr(hosted_fit, "_followed", followed_on)
    with pytest.raises(ServiceError, match=f"The job {jobs[0]} is cancelled"):
        preseason.fit(data, **settings)
    assert [job.id for job in served.client.fine_tuning.jobs.list()] == jobs, "no second job was begun"
    with pytest.raises(ServiceError, match="There is no base model 'gpt-9' here"):
        preseason.fit(data, **settings | {"backbone": "openai:gpt-9"})
    with pytest.raises(ServiceError, match="does not answer"):
        preseason.fit(data, **settings | {"base_url": "http://127.0.0.1:9/v1"})
    with pytest.raises(UsageError, match=r"--base-url .* has no effect in .*openai:MODEL"):
        preseason.fit(data, base_url=served.url)
    with pytest.raises(UsageError, match="expected an address such as"):
        preseason.fit(data, **settings | {"base_url": "localhost"})
