"""Whole fits with CUDA: blocks are trained there, and what was fitted there answers the same on a CPU."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import preseason
import tiny_language
import tiny_matches
from photo_fits import network_settings, some_photo
from preseason.backbones.library import libraries
from preseason.cli.main import run

pytestmark = pytest.mark.gpu
CLOSE = 0.03
"""Largest difference of a probability between devices: frozen rows of CUDA are computed in float16."""


def tuned(model: Any) -> list[str]:
    """Ways to fine-tune that were fitted, kept or not."""
    named = ("last", "whole", "lora", "contrastive")
    return [each.name for each in model.record.candidates if each.accuracy and each.name.startswith(named)]


def fit(data: Path, folder: Path, *options: str) -> Any:
    """The model as the process has it that fitted it, on CUDA."""
    words = ["fit", str(data), "-o", str(folder), *options, "--device", "cuda", "-q", "--budget", "60"]
    assert run(words) == 0
    return preseason.load(folder, device="cuda")


@pytest.mark.parametrize("options", [["--unfreeze", "1"], ["--unfreeze", "all"]])
def test_photos_tuned_on_cuda_are_told_apart_on_a_cpu(
    photos: Path, weights: Path, tmp_path: Path, options: list[str]
) -> None:
    model = fit(photos, tmp_path / "m", *options, *network_settings(weights))
    assert tuned(model)
    photo = some_photo(photos)
    same = preseason.load(tmp_path / "m", device="cpu")
    found, expected = (m.predict(photo)[0].probabilities for m in (model, same))
    assert found == pytest.approx(expected, abs=CLOSE)
    assert model.predict(photo)[0].label == "pong"


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled times in drawn matches."""
    return tiny_matches.write_matches(tmp_path_factory.mktemp("drawn"), 3, 24.0)


@pytest.mark.parametrize(
    "options", [["--head", "lstm", "--unfreeze", "1"], ["--unfreeze", "2"], ["--head", "tcn"]]
)
def test_clips_are_learnt_and_spotted_on_cuda(
    plays: Path, network: list[str], tmp_path: Path, options: list[str]
) -> None:
    model = fit(plays, tmp_path / "m", *options, *network)
    assert bool(tuned(model)) == ("--unfreeze" in options)
    match = sorted(plays.parent.rglob("*.mp4"))[0]
    assert (
        run(
            ["spot", str(tmp_path / "m"), str(match), "-o", str(tmp_path / "s.csv"), "--device", "cuda", "-q"]
        )
        == 0
    )


def test_a_3d_network_is_tuned_on_cuda(plays: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = libraries.get("torchvision").rebuild("r3d_18", {})
    save_file(network.state_dict(), tmp_path / "r3d.safetensors")
    own = ["--backbone", "r3d_18", "--weights", str(tmp_path / "r3d.safetensors")]
    model = fit(plays, tmp_path / "m", *own, "--unfreeze", "1", "--folds", "2", "--epochs", "2")
    assert tuned(model)


@pytest.mark.parametrize(
    "options", [["--unfreeze", "1"], ["--head", "lora"], ["--head", "contrastive", "--unfreeze", "2"]]
)
def test_texts_are_tuned_on_cuda(encoder_folder: Path, tmp_path: Path, options: list[str]) -> None:
    rows = [
        f"{text} {number},{label}"
        for text, label in (("great goal team", "good"), ("awful referee lose", "bad"))
        for number in range(24)
    ]
    (tmp_path / "mood.csv").write_text("\n".join(["text,label", *rows]), "utf-8")
    model = fit(tmp_path / "mood.csv", tmp_path / "m", "--backbone", str(encoder_folder), *options)
    assert tuned(model)
    same = preseason.load(tmp_path / "m", device="cpu")
    found, expected = (m.predict("great goal")[0].probabilities for m in (model, same))
    assert found == pytest.approx(expected, abs=CLOSE)


@pytest.mark.parametrize("family", sorted(tiny_language.FAMILIES))
def test_a_chatbot_is_tuned_on_cuda_and_talks_on_both(tmp_path: Path, family: str) -> None:
    base = tiny_language.save(tmp_path / "base", family)
    rows = [{"prompt": f"Who scored in match {n}?", "response": f"Salah, in minute {n}."} for n in range(48)]
    (tmp_path / "talks.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    settings = ["--weights", str(base), "--backbone", "tiny", "--learning-rate", "0.01"]
    model = fit(tmp_path / "talks.jsonl", tmp_path / "fan", *settings)
    assert model.record.after.held_out.perplexity < model.record.before.held_out.perplexity
    same = preseason.load(tmp_path / "fan", device="cpu")
    for each in (model, same):
        assert each.chat("Who scored in match 3?", seed=1)
