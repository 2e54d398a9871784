"""Fixtures of the whole suite: a feature bank of its own, pictures, and one fitted model to look at."""

import faulthandler
import json
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

import preseason
from caches import cache_at
from made_once import common, made_once
from preseason.backbones.encoders import Encoder, from_folder
from preseason.cli.demo_pictures import Pictures, render
from preseason.runtime.cache_dir import remember_place
from tiny_encoder import WORDS, save_tokenizer

# The same examples in every run: a check that fails by luck tells nobody anything.
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")

# A shell that starts the suite in the background has it ignore Ctrl-C, and so each command that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Torch notes every step of a trace for whoever listens, and pytest would keep and print it all.
logging.getLogger("torch.__trace").addFilter(lambda _: False)

SHARED = Path(__file__).parents[2] / "shared" / "data"


GIVEN_UP_S = 120


def pytest_unconfigure() -> None:
    """End a process that a thread left waiting by a failed test would keep for ever; its stack is told."""
    faulthandler.dump_traceback_later(GIVEN_UP_S, exit=True)


QUICK_S = 5
"""Seconds of processor that a test may take before it should be marked `slow`; waiting is not counted."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note what a test and the processes that it starts take."""
    begin = os.times()
    yield
    spent = sum(os.times()[:4]) - sum(begin[:4])
    item.user_properties.append(("processor_s", spent))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that take long without saying so."""
    reports = [report for status in ("passed", "failed") for report in terminalreporter.getreports(status)]
    spent = {
        report.nodeid: dict(report.user_properties).get("processor_s", 0.0)
        for report in reports
        if report.when == "call" and not {"slow", "exhaustive"} & set(report.keywords)
    }
    for name, seconds in sorted(spent.items(), key=lambda pair: -pair[1]):
        if seconds > QUICK_S:
            terminalreporter.write_line(f"not marked slow: {seconds:.1f} s of processor, {name}")


@pytest.fixture(scope="session")
def converted_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Converted networks, which all processes of this run share: a conversion takes seconds.

    Caches made by `cache_at` link to it.
    """
    folder = common(tmp_path_factory) / "networks"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, converted_networks: Path) -> Iterator[Path]:
    """The feature bank of this run, so that tests neither use nor fill that of the user."""
    before = os.environ.get("PRESEASON_CACHE")
    cache = cache_at(tmp_path_factory.mktemp("own") / "cache", converted_networks)
    os.environ["PRESEASON_CACHE"] = str(cache)
    yield cache
    if before is None:
        del os.environ["PRESEASON_CACHE"]
    else:
        os.environ["PRESEASON_CACHE"] = before


@pytest.fixture
def cache(tmp_path: Path, converted_networks: Path) -> Path:
    """The cache of one test."""
    return cache_at(tmp_path / "cache", converted_networks)


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with random weights and a vocabulary of a few words, as transformers saves it."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("encoders") / "tiny-bert"
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=5 + 26 + len(WORDS), hidden_size=24, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=128,
    )  # fmt: skip
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def encoder(encoder_folder: Path) -> Encoder:
    """The tiny BERT as a backbone."""
    return from_folder(encoder_folder, "tiny-bert", "none")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data sets beside the project; tests that need them are skipped where there are none."""
    if not SHARED.is_dir():
        pytest.skip(f"no data sets in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    """Labelled pictures: eight games, 12 each to learn from, 4 of unseen settings, 2 of unseen games."""
    pytest.importorskip("ale_py", reason="the pictures are rendered by ale-py")
    home = made_once(
        tmp_path_factory,
        "pictures",
        lambda folder: render(folder, per_setting=6, per_new_setting=4, per_stranger=2),
    )
    return Pictures(home / "photos", home / "new-photos", home / "strangers")


@pytest.fixture(scope="session")
def model_folder(pictures: Pictures, own_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of `pictures.photos` with a linear head; copy it before changing it."""
    home = made_once(
        tmp_path_factory,
        "games",
        lambda folder: preseason.fit(pictures.photos, folder / "games", head="linear", unfreeze=0),
    )
    fit = json.loads((home / "games" / "preseason.json").read_text("utf-8"))["record"]["fingerprint"]
    remember_place(own_cache, fit, pictures.photos)
    return home / "games"


@pytest.fixture(scope="session")
def mood_folder(encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of a few texts, with counted words alone."""
    place = tmp_path_factory.mktemp("texts")
    rows = [f"{text} {number},{label}" for text, label in (("great goal", "good"), ("awful referee", "bad"))
            for number in range(8)]  # fmt: skip
    (place / "mood.csv").write_text("\n".join(["text,label", *rows]), "utf-8")
    preseason.fit(place / "mood.csv", place / "mood", head="tfidf", backbone=str(encoder_folder))
    return place / "mood"


@pytest.fixture(scope="session")
def plays_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of drawn actions in drawn matches, which also spots them."""
    import tiny_matches

    def fill(place: Path) -> None:
        tiny_matches.write_matches(place / "matches", 3, 6.0)
        preseason.fit(place / "matches" / "labels.csv", place / "plays", head="statistics", unfreeze=0)

    return made_once(tmp_path_factory, "plays", fill) / "plays"
