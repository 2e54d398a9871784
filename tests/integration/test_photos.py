"""The whole road on real pictures, through the command line and from Python."""

import shutil
from pathlib import Path

import pytest
import timm
from PIL import Image

import preseason
from photo_fits import GAMES, asked, network_settings, rows_in_bank, some_photo
from preseason.cli.demo_pictures import Pictures
from preseason.cli.main import run
from preseason.engine.upkeep import usage
from preseason.heads.trainer import Trainer
from preseason.runtime.cache_dir import cache_folder


def test_the_same_photo_gives_the_same_numbers_everywhere(
    photos: Path, players: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = some_photo(photos)
    expected = asked(capsys, "predict", players, photo)["predictions"][0]["probabilities"]
    assert sum(expected.values()) == pytest.approx(1, abs=1e-5)
    model = preseason.load(players)
    model.save(tmp_path / "saved")
    shutil.copytree(players, tmp_path / "copied")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "copied").rename(tmp_path / "deep" / "er" / "moved")
    grown, _ = model.add("extra", *sorted((photos / "boxing").iterdir())[:2])
    models = {
        "loaded": model,
        "saved": preseason.load(tmp_path / "saved"),
        "moved": preseason.load(tmp_path / "deep" / "er" / "moved"),
        "added and removed": grown.remove("extra")[0],
    }
    for name, found in models.items():
        assert found.predict(photo)[0].probabilities == pytest.approx(expected, abs=1e-3), name
    among = model.predict(photos / "boxing", photo).predictions[-1]
    assert among.probabilities == pytest.approx(expected, abs=1e-3)
    answers = model.evaluate(photos).answers
    place = [sample.source.name for sample in answers.samples].index(photo.name)
    assert answers.probabilities[place] == pytest.approx(list(expected.values()), abs=1e-3)


def test_a_fit_learns_and_tells_what_it_did(players: Path, photos: Path) -> None:
    model = preseason.load(players)
    assert model.labels == GAMES
    assert model.record.score.n == 30
    assert model.record.score.value > 0.8
    assert set(model.record.baselines) == {"majority", "linear", "scratch"}
    assert model.evaluate(photos).score.value > 0.9


def test_the_model_folder_holds_no_pickle_and_no_place_on_this_machine(players: Path, photos: Path) -> None:
    files = sorted(str(path.relative_to(players)) for path in players.rglob("*") if path.is_file())
    assert files == [
        "README.md",
        "backbone/config.json",
        "backbone/model.safetensors",
        "heads.safetensors",
        "known.safetensors",
        "preseason.json",
        "report.html",
        "world.safetensors",
    ]
    assert str(photos.parent) not in (players / "preseason.json").read_text("utf-8")


def test_the_network_in_the_folder_opens_in_timm(players: Path) -> None:
    opened = timm.create_model(f"local-dir:{players / 'backbone'}", pretrained=True)
    assert type(opened).__name__ == "ResNet"


def test_a_second_fit_extracts_nothing_and_a_new_photo_one_row_a_pass(
    photos: Path, players: Path, pictures: Pictures, tmp_path: Path, quick: list[str]
) -> None:
    more = Path(shutil.copytree(photos, tmp_path / "photos"))
    before, passes = rows_in_bank(), len(usage(cache_folder()))
    assert run(["fit", str(more), "-o", str(tmp_path / "m"), *quick, "--quiet", "--seed", "3"]) == 0
    assert (rows_in_bank(), len(usage(cache_folder()))) == (before, passes)
    newest = Image.open(sorted((pictures.new_photos / "pong").iterdir())[0])
    newest.rotate(180).save(more / "pong" / "nobody else has read it.png")
    assert run(["fit", str(more), "-o", str(tmp_path / "m"), *quick, "--quiet"]) == 0
    pretrained_and_random = 2
    assert rows_in_bank() == before + pretrained_and_random


def test_predicting_leaves_the_bank_alone(players: Path, pictures: Pictures) -> None:
    before = rows_in_bank()
    assert len(preseason.load(players).predict(pictures.new_photos / "pong")) == 4
    assert rows_in_bank() == before


def test_changing_a_model_keeps_its_pages_and_the_users_own_files(
    players: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(shutil.copytree(players, tmp_path / "m"))
    (model / "notes.txt").write_text("mine", "utf-8")
    shown = asked(capsys, "add", model, "new one", *sorted((photos / "boxing").iterdir())[:3])
    assert shown["labels"] == [*GAMES, "new one"]
    assert set(shown["before"]) == set(GAMES)
    assert asked(capsys, "remove", model, "new one")["labels"] == list(GAMES)
    assert (model / "notes.txt").read_text("utf-8") == "mine"
    assert (model / "report.html").read_bytes() == (players / "report.html").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.slow
@pytest.mark.parametrize("head", ["attention", "mlp", "prototype"])
def test_every_head_can_be_asked_for(
    photos: Path, weights: Path, tmp_path: Path, head: str, capsys: pytest.CaptureFixture[str]
) -> None:
    epochs = [] if head == "prototype" else ["--epochs", "2"]
    options = ["--head", head, "--unfreeze", "0", *epochs, "--budget", "60s"]
    shown = asked(capsys, "fit", photos, "-o", tmp_path / "m", *options, *network_settings(weights))
    assert any(candidate["kept"] for candidate in shown["candidates"])
    assert preseason.load(tmp_path / "m").predict(some_photo(photos))[0].label in GAMES


@pytest.mark.slow
def test_what_was_asked_for_is_fitted_however_slow_the_machine(
    photos: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = Trainer._affordable
    monkeypatch.setattr(Trainer, "_affordable", lambda self, seconds: measured(self, 0.0))
    options = ["--head", "attention", "--unfreeze", "0", "--epochs", "2", "--budget", "60s"]
    shown = asked(capsys, "fit", photos, "-o", tmp_path / "m", *options, *network_settings(weights))
    assert shown["candidates"][0]["kept"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--unfreeze", "2"],
        ["--unfreeze", "all"],
        ["--recipe", "frozen-dense"],
        ["--recipe", "last-10-layers"],
    ],
)
def test_blocks_can_be_fine_tuned_and_textbook_recipes_run(
    photos: Path, weights: Path, tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    views = [] if "frozen-dense" in options else ["--views", "2"]
    settings = [*options, *views, "--epochs", "2", *network_settings(weights)]
    shown = asked(capsys, "fit", photos, "-o", tmp_path / "m", *settings)
    assert shown["backbone"] == "test_resnet"
    model = preseason.load(tmp_path / "m")
    again = asked(capsys, "predict", tmp_path / "m", some_photo(photos))["predictions"][0]
    direct = model.predict(some_photo(photos))[0].probabilities
    assert direct == pytest.approx(again["probabilities"], abs=1e-3)
    if (tmp_path / "m" / "finetuned").exists():
        opened = timm.create_model(f"local-dir:{tmp_path / 'm' / 'finetuned'}", pretrained=True)
        assert opened.num_classes == len(GAMES)
