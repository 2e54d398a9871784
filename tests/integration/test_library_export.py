"""The adapted network as timm and transformers open it, without anything of preseason."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import preseason
from preseason.backbones.base import Backbone
from preseason.cli.demo_pictures import Pictures
from preseason.errors import ExportError
from preseason.inference.candidates import Candidate
from preseason.models.classifier import Model
from preseason.recipe import Recipe, Unfreeze
from preseason.tasks.photos import Photos, _tuned

pytestmark = pytest.mark.slow

GAMES = ("boxing", "tennis", "freeway")


def only_tuned(
    photos: Photos, recipe: Recipe, backbone: Backbone, samples: object = ()
) -> tuple[Candidate, ...]:
    """Trained blocks, without the linear head that may do better."""
    cut = Unfreeze.parse(recipe.unfreeze).cut(len(backbone))
    assert cut is not None
    return (_tuned(recipe, backbone, cut),)


@pytest.fixture(scope="module")
def tuned(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """One network with trained blocks, and no more: its answer can be carried."""
    photos = tmp_path_factory.mktemp("tuned-photos")
    for game in GAMES:
        (photos / game).mkdir()
        for path in sorted((pictures.photos / game).iterdir())[:6]:
            (photos / game / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Photos, "candidates", only_tuned)
        model = preseason.fit(photos, unfreeze=2, epochs=2, folds=2, budget_s="10m")
    assert isinstance(model, Model)
    return model


@pytest.fixture(scope="module")
def photos(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled photos that the model has not seen."""
    folder = tmp_path_factory.mktemp("held-out")
    for game in GAMES:
        shutil.copytree(pictures.new_photos / game, folder / game)
    return folder


def shown(folder: Path, photo: Path) -> tuple[str, float]:
    """What the code on the folder's page prints of a photo, in a process that cannot import preseason."""
    code = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text("utf-8"), re.DOTALL)[0]
    shutil.copy(photo, folder / "photo.jpg")
    forbid = "import sys; sys.modules['preseason'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", forbid + code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    label, chance = done.stdout.split()
    return label, float(chance)


@pytest.mark.parametrize("to", ["timm", "transformers"])
def test_the_library_names_photos_as_the_model_does(
    tuned: Model, photos: Path, tmp_path: Path, to: str
) -> None:
    done = preseason.export(tuned, tmp_path / to, to=to, data=[photos])
    assert done.check is not None
    assert (done.check.drawn, done.check.same_label, done.left) == (False, 1.0, ())
    assert done.check.largest < 0.15  # the model averages views, the network sees one
    assert json.loads((tmp_path / to / "exported.json").read_text())["labels"] == list(tuned.labels)
    path = next((photos / "boxing").iterdir())
    label, chance = shown(tmp_path / to, path)
    expected = tuned.predict(path)[0]
    assert label == expected.label
    assert chance == pytest.approx(expected.probability, abs=0.15)


def test_an_answer_that_cannot_be_carried_is_refused(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"linear: a linear head, .*--no-strict") as refused:
        preseason.export(model_folder, tmp_path / "timm", to="timm")
    assert refused.value.code == "PS-E03"
    assert not list(tmp_path.iterdir())


def test_the_network_alone_gives_the_vectors_that_the_model_reads(model_folder: Path, tmp_path: Path) -> None:
    import timm

    done = preseason.export(model_folder, tmp_path / "timm", to="timm", allow_difference=True)
    assert done.check is None
    assert any("linear head" in part for part in done.left)
    network = timm.create_model(f"local-dir:{done.folder}", pretrained=True)
    assert network.num_classes == 0


def test_a_library_that_does_not_open_the_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"expected one of onnx, .*timm, transformers"):
        preseason.export(tmp_path, tmp_path / "x", to="keras")
