"""An exported model answers as the model does, in an environment that has neither torch nor preseason."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import preseason
import tiny_matches
import tones
from made_once import made_once
from preseason.backbones.embedded import speech_file
from preseason.cli.demo_pictures import Pictures
from preseason.errors import ExportError, ModelFolderError
from preseason.exporting.export import settings_of, write_known, write_settings
from preseason.exporting.files import write_openvino
from preseason.exporting.graphs import stages_of
from preseason.exporting.run import Exported
from preseason.models.classifier import Model
from preseason.tasks import photos as photos_task
from preseason.training import selection
from preseason.training.rounds import Rounds

pytestmark = pytest.mark.slow

ALL_IT_NEEDS = ("numpy", "numpy.libs", "PIL", "pillow.libs", "onnxruntime")
GAMES = ("boxing", "tennis", "freeway")


@pytest.fixture(scope="module")
def looking_closer(pictures: Pictures, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A small network's attention and looks, hardly trained: every moving part of an answer is in it."""

    def fill(folder: Path) -> None:
        photos = folder / "few"
        for game in GAMES:
            (photos / game).mkdir(parents=True)
            for path in sorted((pictures.photos / game).iterdir())[:6]:
                (photos / game / path.name).symlink_to(path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(selection, "MIN_GAIN", -1e9)  # what is tried is kept however little it helps
            patch.setattr(Rounds, "_all_right", lambda self: False)
            patch.setattr(photos_task, "_shown_by", lambda *_: (True, True))  # these are small pictures
            preseason.fit(
                photos,
                folder / "model",
                head="attention",
                epochs=1,
                folds=2,
                budget_s="10m",
                backbone="test_resnet",
                weights=str(weights),
            )

    model = preseason.load(made_once(tmp_path_factory, "looking_closer", fill) / "model")
    assert isinstance(model, Model)
    assert {"closer look", "square look", "finer look"} <= set(model.predictor.kept)
    return model


@pytest.fixture(scope="module")
def exported(looking_closer: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxscript", reason="needs preseason[export]")

    def fill(folder: Path) -> None:
        done = preseason.export(looking_closer, folder / "games-onnx")
        assert done.check is not None
        assert done.check.drawn
        assert done.check.same_label == 1.0
        assert done.check.largest < 1e-3

    return made_once(tmp_path_factory, "exported", fill) / "games-onnx"


def alone(folder: Path, packages: Path, *arguments: str, needed: tuple[str, ...] = ALL_IT_NEEDS) -> str:
    """What run.py prints where only the packages it names can be imported."""
    for name in needed:
        home = next(Path(entry) / name for entry in sys.path if (Path(entry) / name).is_dir())
        (packages / name).symlink_to(home)
    start = (
        f"import sys; sys.path[:0] = [{str(folder)!r}, {str(packages)!r}]; "
        f"sys.argv[1:] = {list(arguments)!r}; "
        "import importlib.util as u; assert not u.find_spec('torch') and not u.find_spec('preseason'); "
        f"import runpy; runpy.run_path({str(folder / 'run.py')!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", start], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_answers_alone_as_the_model_does(
    looking_closer: Model, exported: Path, pictures: Pictures, tmp_path: Path
) -> None:
    assert find_spec("torch") is not None
    paths = [str(next((pictures.new_photos / game).iterdir())) for game in GAMES]
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    printed = json.loads(alone(exported, tmp_path, *paths, str(tmp_path / "broken.jpg"), "--json"))
    expected = looking_closer.predict(*paths)
    assert [answer["input"] for answer in printed["predictions"]] == paths
    for answer, other in zip(printed["predictions"], expected, strict=True):
        assert (answer["label"], answer["unknown"]) == (other.label, other.unknown)
        assert answer["probabilities"] == pytest.approx(other.probabilities, abs=1e-3)
    assert [Path(left["path"]).name for left in printed["skipped"]] == ["broken.jpg"]


def test_openvino_answers_as_the_model_does(
    looking_closer: Model, exported: Path, pictures: Pictures, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "openvino"))
    settings = json.loads((folder / "exported.json").read_text())
    for stage in settings["stages"]:
        write_openvino(folder / stage["file"], folder / f"{stage['file']}.xml")
        (folder / stage["file"]).unlink()
        stage["file"] += ".xml"
    (folder / "exported.json").write_text(json.dumps(settings))
    paths = [next((pictures.new_photos / game).iterdir()) for game in GAMES]
    model = Exported(folder)
    for path, expected in zip(paths, looking_closer.predict(*paths), strict=True):
        assert model.predict(path)["probabilities"] == pytest.approx(expected.probabilities, abs=1e-3)


def test_an_added_class_travels_along(
    looking_closer: Model, exported: Path, pictures: Pictures, tmp_path: Path
) -> None:
    strangers = sorted((pictures.strangers / "skiing").iterdir())
    larger, _ = looking_closer.add("skiing", *strangers)
    folder = Path(shutil.copytree(exported, tmp_path / "larger"))
    stages = stages_of(larger.predictor)
    write_settings(folder, settings_of(larger, "onnx", stages, [f"stage-{s.number}.onnx" for s in stages]))
    write_known(folder, larger)
    answer = Exported(folder).predict(strangers[0])
    assert answer["probabilities"] == pytest.approx(larger.predict(strangers[0])[0].probabilities, abs=1e-3)


def test_an_export_never_replaces_another_folder(looking_closer: Model, exported: Path) -> None:
    with pytest.raises(ModelFolderError, match="not an exported model"):
        preseason.export(looking_closer, exported.parent)


def test_int8_without_photos_is_refused(looking_closer: Model, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="name a folder of them with --data"):
        preseason.export(looking_closer, tmp_path / "small", to="onnx-int8")
    assert not list(tmp_path.iterdir())


def test_a_model_of_texts_answers_alone_as_the_model_does(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="needs preseason[export]")
    said = {"glad": "what a lovely goal, we are so happy", "sad": "a poor match, we lost and are tired"}
    table = tmp_path / "moods.csv"
    rows = [f'"{words} in match {n} of {n * 7}",{mood}' for n in range(20) for mood, words in said.items()]
    table.write_text("\n".join(["text,label", *rows]))
    for head in ("linear", "tfidf"):
        model = preseason.fit(table, head=head, folds=2, budget_s="5m")
        assert isinstance(model, Model)
        folder, packages = tmp_path / head, tmp_path / f"{head}-packages"
        packages.mkdir()
        done = preseason.export(model, folder, data=[table])
        assert done.check is not None
        assert done.check.same_label == 1.0
        texts = ["we lost the match", "so happy about the goal"]
        printed = json.loads(
            alone(folder, packages, *texts, "", "--json", needed=(*ALL_IT_NEEDS, "tokenizers"))
        )
        for answer, other in zip(printed["predictions"], model.predict(*texts), strict=True):
            assert (answer["label"], answer["unknown"]) == (other.label, other.unknown)
            assert answer["probabilities"] == pytest.approx(other.probabilities, abs=0.01)
        assert [left["reason"] for left in printed["skipped"]] == ["an empty text"]


def check_answers(
    model: object, candidate: str, data: Path, asked: list[Path], broken: Path, needed: tuple[str, ...]
) -> None:
    """The model, which keeps the candidate, and its export answer `asked` alike and name `broken`."""
    assert isinstance(model, Model)
    assert candidate in model.predictor.kept
    folder, packages = broken.parent / candidate, broken.parent / f"{candidate}-packages"
    packages.mkdir()
    done = preseason.export(model, folder, data=[data])
    assert done.check is not None
    assert (done.check.same_label, done.check.same_unknown) == (1.0, 1.0)
    printed = json.loads(alone(folder, packages, *map(str, asked), str(broken), "--json", needed=needed))
    for answer, other in zip(printed["predictions"], model.predict(asked), strict=True):
        assert (answer["label"], answer["unknown"]) == (other.label, other.unknown)
        assert answer["probabilities"] == pytest.approx(other.probabilities, abs=0.005)
    assert [Path(left["path"]).name for left in printed["skipped"]] == [broken.name]


def test_models_of_sounds_answer_alone_as_the_model_does(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript", reason="needs preseason[export]")
    monkeypatch.setattr(selection, "MIN_GAIN", -1e9)  # what is tried is kept however little it helps
    sounds = tmp_path / "sounds"
    for seed in range(8):
        tones.write_wav(sounds / "whistle" / f"{seed}.wav", tones.tone(1000 + 50 * seed, 1.2, seed))
        tones.write_wav(sounds / "cheer" / f"{seed}.wav", tones.rustle(1.2, seed))
    (tmp_path / "broken.wav").write_bytes(b"RIFF no sound")
    seen = {"backbone": "test_resnet", "weights": str(weights)}
    fits: dict[str, dict[str, Any]] = {
        "linear": seen | {"head": "moments", "unfreeze": 0},
        "gru": {"backbone": "speech_embedding", "head": "gru", "unfreeze": 0, "epochs": 2},
        "last 1 blocks": seen | {"unfreeze": 1, "epochs": 1, "views": 1},
    }
    for name, settings in fits.items():
        if settings["backbone"] == "speech_embedding" and speech_file() is None:
            continue
        model = preseason.fit(sounds, folds=2, budget_s="5m", **settings)
        asked = [sounds / "whistle" / "1.wav", sounds / "cheer" / "7.wav"]
        needed = ("numpy", "numpy.libs", "av", "av.libs", "onnxruntime")
        check_answers(model, name, sounds, asked, tmp_path / "broken.wav", needed)


def test_models_of_clips_answer_alone_as_the_model_does(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxscript", reason="needs preseason[export]")
    monkeypatch.setattr(selection, "MIN_GAIN", -1e9)
    plays = tmp_path / "plays"
    for number in range(6):
        for label in tiny_matches.LABELS:
            tiny_matches.write(plays / label / f"{number}.mp4", [(0.5, label)], 1.0, number)
    (tmp_path / "broken.mp4").write_bytes(b"no clip")
    fits: dict[str, dict[str, Any]] = {
        "statistics": {"head": "statistics", "unfreeze": 0},
        "tcn": {"head": "tcn", "unfreeze": 0, "epochs": 2},
        "last 1 blocks": {"unfreeze": 1, "epochs": 1, "views": 1},
    }
    for name, settings in fits.items():
        model = preseason.fit(
            plays, folds=2, budget_s="5m", backbone="test_resnet", weights=str(weights), **settings
        )
        asked = [plays / label / "1.mp4" for label in tiny_matches.LABELS]
        check_answers(model, name, plays, asked, tmp_path / "broken.mp4", (*ALL_IT_NEEDS, "av", "av.libs"))
