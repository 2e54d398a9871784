"""Answers from a model whose networks are converted already need no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import preseason

NEEDLESS = ("torch", "timm", "torchvision", "transformers", "sklearn", "scipy")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for colour, label in enumerate(("blue", "red")):
        (folder / label).mkdir()
        for number in range(10):
            pixels = rng.integers(0, 90, (96, 96, 3), np.uint8)
            pixels[..., 2 - 2 * colour] += 150
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder


@pytest.mark.slow
def test_an_answer_of_attention_and_a_linear_head_loads_no_library_of_networks(
    photos: Path, tmp_path: Path, cache: Path
) -> None:
    kept, settings = str(cache), {"seed": 0, "budget_s": 5, "unfreeze": "0", "folds": 2}
    model = preseason.fit(photos, cache=kept, head="attention", **settings)
    assert {fitted.candidate.head for fitted in model.predictor.candidates} == {"attention"}
    model.save(tmp_path / "model")
    photo = str(photos / "red" / "1.png")
    expected = model.predict(photo)[0]
    code = (
        f"import sys, preseason; found = preseason.load({str(tmp_path / 'model')!r}, cache={kept!r})"
        f".predict({photo!r})[0]; print([found.label, found.probability, "
        f"[n for n in {NEEDLESS!r} if n in sys.modules]])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    label, probability, loaded = ast.literal_eval(done.stdout)
    assert (label, loaded) == (expected.label, [])
    assert probability == pytest.approx(expected.probability, abs=1e-5)


def test_a_server_and_a_classifiers_folder_need_no_library_of_networks() -> None:
    code = (
        "import sys, preseason.serving.app, preseason.models.kinds.classifier, preseason.tasks.texts; "
        f"print([n for n in {NEEDLESS!r} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
