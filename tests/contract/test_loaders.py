"""`--device` and `--cache` reach all that a verb opens: of every verb, and every loader of a server."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from preseason.cli.main import run
from preseason.cli.verbs import VERBS
from preseason.errors import UsageError
from preseason.language import conversation
from preseason.serving import chat_sessions, hosting
from preseason.serving.app import Settings, create_app
from preseason.serving.hosting import Runtime
from preseason.trained_model import TALKS

WORDS = {
    "add": "m x a.jpg",
    "chat": "m --once hello",
    "compare": "m n data",
    "evaluate": "m data",
    "explain": "m a.jpg",
    "fit": "data -o m",
    "next": "m data",
    "post-mortem": "m data",
    "predict": "m a.jpg",
    "prelabel": "data --classes ball -o m",
    "remove": "m x",
    "scout": "data",
    "serve": "m",
    "spot": "m a.mp4",
    "watch": "m data",
}
"""The fewest words with which each verb can be asked."""
DOORS = ("load", "fit", "scout", "prelabel")


def verbs_with_device() -> list[str]:
    return [name for name in VERBS if any(item.name == "device" for item in VERBS.get(name).params)]


@pytest.mark.parametrize("name", verbs_with_device())
def test_a_verb_hands_device_and_cache_to_what_it_opens(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, str]] = []

    def open_it(*_: Any, recipe: Any = None, **settings: Any) -> None:
        found = settings if recipe is None else {"device": recipe.device, "cache": recipe.cache}
        opened.append((found["device"], found["cache"]))
        raise UsageError("opened")

    for door in DOORS:
        monkeypatch.setattr(f"preseason.{door}", open_it, raising=False)
    monkeypatch.setattr(hosting, "load", open_it)
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "m", "n"):
        Path(folder).mkdir()
        Path(folder, "preseason.json").touch()
    Path("data", "preseason.json").unlink()
    Path("a.mp4").touch()
    run([name, *WORDS[name].split(), "--device", "cpu", "--cache", "mine"])
    assert opened == [("cpu", "mine")]


def test_a_server_hands_device_and_cache_to_every_loader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, str | None, str | None]] = []

    def loads(who: str) -> Any:
        def load(place: Any, *, device: str | None = None, cache: str | None = None, **_: Any) -> Any:
            opened.append((who, device, cache))
            return SimpleNamespace(task="chat", capabilities={TALKS})

        return load

    monkeypatch.setattr(hosting, "load", loads("model"))
    monkeypatch.setattr(chat_sessions, "load", loads("model of a job"))
    monkeypatch.setattr(
        conversation, "best_retriever", lambda _, cache, **__: opened.append(("facts", None, str(cache)))
    )
    (tmp_path / "facts.txt").write_text("Messi plays on the right wing.", "utf-8")
    where = Runtime("cuda", str(tmp_path / "mine"))
    settings = Settings(where=where, knowledge=tmp_path / "facts.txt", tuning=tmp_path / "jobs")
    app = create_app({"m": tmp_path}, settings)
    app.state.talkers.more = lambda: {"job": tmp_path}
    app.state.talkers.get("job")
    assert opened == [
        ("model", where.device, where.cache),
        ("facts", None, where.cache),
        ("model of a job", where.device, where.cache),
    ]


def test_a_server_without_a_model_that_talks_refuses_knowledge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = SimpleNamespace(task="photos", capabilities=frozenset({"classifies"}))
    monkeypatch.setattr(hosting, "load", lambda *_, **__: photos)
    with pytest.raises(UsageError, match="--knowledge is for chat models, and none of these is one"):
        create_app({"m": tmp_path}, Settings(knowledge=tmp_path))
