"""The whole road on real pictures, through the command line and from Python, and what can go wrong on it."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import preseason
from preseason.backbones.timm_networks import create
from preseason.cli.main import run
from preseason.demo import Pictures
from preseason.engine.upkeep import usage
from preseason.errors import DataError, ModelFolderError, UsageError
from preseason.heads.descent import Descent
from preseason.places import cache_folder

GAMES = ("boxing", "pong", "tennis")
LINEAR = ["--head", "linear", "--unfreeze", "0"]


@pytest.fixture(scope="module")
def photos(pictures: Pictures, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three games with ten pictures each; copy it before changing it."""
    root = tmp_path_factory.mktemp("data") / "photos"
    for game in GAMES:
        (root / game).mkdir(parents=True)
        for path in sorted((pictures.photos / game).glob("*.png"))[1:11]:
            shutil.copy(path, root / game)
    return root


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with random weights of a small network."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_file(create("test_resnet").state_dict(), file)
    return file


@pytest.fixture(scope="module")
def quick(weights: Path) -> list[str]:
    """Options of a fit that takes seconds: a small network, a linear head."""
    return [*LINEAR, *network_settings(weights)]


@pytest.fixture(scope="module")
def players(photos: Path, quick: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of these pictures; copy it before changing it."""
    folder = tmp_path_factory.mktemp("models") / "players"
    assert run(["fit", str(photos), "-o", str(folder), *quick, "--quiet"]) == 0
    return folder


def asked(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    """The JSON object of a verb."""
    capsys.readouterr()
    found = run([*map(str, arguments), "--json", "--quiet"])
    shown = capsys.readouterr()
    assert found == code, shown.err
    answer: dict[str, Any] = json.loads(shown.out)
    return answer


def rows_in_bank(cache: Path | None = None) -> int:
    return sum(shelf.rows for shelf in usage(cache or cache_folder()))


def some_photo(photos: Path, game: str = "pong") -> Path:
    return sorted((photos / game).iterdir())[3]


def network_settings(weights: Path) -> list[str]:
    return ["--backbone", "test_resnet", "--weights", str(weights), "--image-size", "96"]


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
    place = [Path(sample.source).name for sample in answers.samples].index(photo.name)
    assert answers.probabilities[place] == pytest.approx(list(expected.values()), abs=1e-3)


def test_a_fit_learns_and_tells_what_it_did(players: Path, photos: Path) -> None:
    model = preseason.load(players)
    assert model.labels == GAMES
    assert model.record.metrics.n == 30
    assert model.record.metrics.accuracy > 0.8
    assert set(model.record.baselines) == {"majority", "linear", "scratch"}
    assert model.evaluate(photos).metrics.accuracy > 0.9


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
    shutil.copy(sorted((pictures.new_photos / "pong").iterdir())[0], more / "pong")
    assert run(["fit", str(more), "-o", str(tmp_path / "m"), *quick, "--quiet"]) == 0
    pretrained_and_random = 2
    assert rows_in_bank() == before + pretrained_and_random


def test_predicting_leaves_the_bank_alone(players: Path, pictures: Pictures) -> None:
    before = rows_in_bank()
    assert len(preseason.load(players).predict(pictures.new_photos / "pong")) == 4
    assert rows_in_bank() == before


@pytest.mark.slow
def test_a_table_made_on_windows(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: list[str]
) -> None:
    root = Path(shutil.copytree(photos, tmp_path / "photos"))
    with (root / "labels.csv").open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file, lineterminator="\r\n")
        table.writerow(["path", "label", "group"])
        for number, path in enumerate(sorted(root.rglob("*.png"))):
            table.writerow([f"{path.parent.name}\\{path.name}", path.parent.name.upper(), number // 2])
    shown = asked(capsys, "fit", root / "labels.csv", "-o", tmp_path / "m", *quick)
    assert shown["labels"] == [game.upper() for game in GAMES]
    assert shown["counts"] == {game.upper(): 10 for game in GAMES}
    manifest = tmp_path / "m" / "preseason.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"\n", b"\r\n"))
    assert preseason.load(tmp_path / "m").predict(some_photo(photos))[0].label == "PONG"


@pytest.mark.slow
def test_a_test_folder_is_tested_on_and_not_learnt_from(
    photos: Path, pictures: Pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: list[str]
) -> None:
    shutil.copytree(photos, tmp_path / "data" / "train")
    for game in GAMES:
        shutil.copytree(pictures.new_photos / game, tmp_path / "data" / "test" / game)
    shown = asked(capsys, "fit", tmp_path / "data", "-o", tmp_path / "m", *quick)
    assert (shown["split"]["train"], shown["split"]["test"], shown["metrics"]["n"]) == (30, 12, 12)
    assert shown["split"]["by"] == "held-out part"


@pytest.mark.slow
def test_odd_labels_stay_as_they_are(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: list[str]
) -> None:
    labels = ('-rf "x" & y', "Ñuñez  O'Neil", "🐐")
    for game, label in zip(GAMES, labels, strict=True):
        shutil.copytree(photos / game, tmp_path / "photos" / label)
    shown = asked(capsys, "fit", tmp_path / "photos", "-o", tmp_path / "🐐 model", *quick)
    assert shown["labels"] == sorted(labels)
    found = asked(capsys, "predict", tmp_path / "🐐 model", tmp_path / "photos" / "🐐")["predictions"]
    assert {answer["label"] for answer in found} == {"🐐"}
    assert 'class="' in (tmp_path / "🐐 model" / "report.html").read_text("utf-8")


@pytest.mark.parametrize("kind", ["no photos", "one class", "absent", "file"])
def test_data_from_which_nothing_can_be_learnt(photos: Path, tmp_path: Path, kind: str) -> None:
    root = tmp_path / "photos"
    if kind == "no photos":
        (root / "pong").mkdir(parents=True)
        (root / "pong" / "a.jpg").write_text("no picture", "utf-8")
    elif kind == "one class":
        shutil.copytree(photos / "pong", root / "pong")
    elif kind == "file":
        shutil.copy(some_photo(photos), root)
    with pytest.raises(DataError):
        preseason.fit(root, tmp_path / "m")
    assert run(["fit", str(root), "-o", str(tmp_path / "m"), "--quiet"]) == 3
    assert not (tmp_path / "m").exists()


def test_a_class_with_one_photo(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: list[str]
) -> None:
    root = Path(shutil.copytree(photos, tmp_path / "photos"))
    for path in sorted((root / "pong").iterdir())[1:]:
        path.unlink()
    capsys.readouterr()
    code = run(["fit", str(root), "-o", str(tmp_path / "m"), *quick, "--quiet", "--json"])
    shown = capsys.readouterr()
    assert code in (0, 3)
    assert "pong" in shown.out


def test_a_model_never_replaces_a_folder_of_other_things(players: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.docx").write_text("years of work", "utf-8")
    with pytest.raises(ModelFolderError, match=r"no model folder .* it will not be replaced"):
        preseason.load(players).save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "thesis.docx").read_text("utf-8") == "years of work"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]


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


def test_an_output_that_cannot_be_written_is_said(players: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ModelFolderError, match="cannot be written to"):
        preseason.load(players).save(tmp_path / "file" / "m")


@pytest.mark.parametrize(
    "name", ["heads.safetensors", "known.safetensors", "backbone/model.safetensors", "preseason.json"]
)
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_model_folder_is_said(players: Path, tmp_path: Path, name: str, damage: str) -> None:
    model = Path(shutil.copytree(players, tmp_path / "m"))
    if damage == "gone":
        (model / name).unlink()
    else:
        os.truncate(model / name, (model / name).stat().st_size // 2)
    with pytest.raises(ModelFolderError):
        preseason.load(model)


def test_values_that_do_not_fit_together_are_said(players: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(players, tmp_path / "m"))
    manifest = json.loads((model / "preseason.json").read_text("utf-8"))
    manifest["predictor"]["ways"][0]["members"][0]["kind"] = "telepathy"
    (model / "preseason.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(ModelFolderError, match="do not fit together"):
        preseason.load(model)
    manifest["format"] = 99
    (model / "preseason.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(ModelFolderError, match=r"has format 99; this preseason reads format 1\. Update"):
        preseason.load(model)


def test_a_device_that_is_not_there_is_wrong_use_not_a_damaged_model(players: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(UsageError, match="--device cuda"):
        preseason.load(players, device="cuda")


def fitted(tmp_path: Path, photos: Path, *options: str, cache: Path | None = None) -> dict[str, Any]:
    """A fit in a process of its own, with its JSON."""
    done = subprocess.run(
        command(tmp_path / "m", photos, *options, cache=cache),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def command(model: Path, photos: Path, *options: str, cache: Path | None = None) -> list[str]:
    place = [] if cache is None else ["--cache", str(cache)]
    return [
        sys.executable,
        "-m",
        "preseason",
        "fit",
        str(photos),
        "-o",
        str(model),
        *options,
        *place,
        "--json",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("head", ["attention", "mlp", "prototype"])
def test_every_head_can_be_asked_for(
    photos: Path, weights: Path, tmp_path: Path, head: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--head", head, "--unfreeze", "0", "--epochs", "2", "--budget", "60s"]
    shown = asked(capsys, "fit", photos, "-o", tmp_path / "m", *options, *network_settings(weights))
    assert any(candidate["kept"] for candidate in shown["candidates"])
    assert preseason.load(tmp_path / "m").predict(some_photo(photos))[0].label in GAMES


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
    settings = [*options, "--epochs", "2", "--views", "2", *network_settings(weights)]
    shown = asked(capsys, "fit", photos, "-o", tmp_path / "m", *settings)
    assert shown["backbone"] == "test_resnet"
    model = preseason.load(tmp_path / "m")
    again = asked(capsys, "predict", tmp_path / "m", some_photo(photos))["predictions"][0]
    direct = model.predict(some_photo(photos))[0].probabilities
    assert direct == pytest.approx(again["probabilities"], abs=1e-3)
    if (tmp_path / "m" / "finetuned").exists():
        opened = timm.create_model(f"local-dir:{tmp_path / 'm' / 'finetuned'}", pretrained=True)
        assert opened.num_classes == len(GAMES)


@pytest.mark.slow
def test_damage_in_the_cache_is_repaired(photos: Path, quick: list[str], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    options = quick
    first = fitted(tmp_path, photos, *options, cache=cache)
    for file in cache.rglob("*.rows"):
        content = bytearray(file.read_bytes())
        content[100] ^= 0xFF
        file.write_bytes(content)
    for file in (*cache.rglob("*.keys"), *cache.rglob("*.xml")):
        os.truncate(file, file.stat().st_size - 30)
    again = fitted(tmp_path, photos, *options, cache=cache)
    assert again["metrics"] == first["metrics"]


@pytest.mark.slow
def test_two_fits_at_once_on_one_cache(photos: Path, quick: list[str], tmp_path: Path) -> None:
    options = quick
    lines = [command(tmp_path / name, photos, *options, cache=tmp_path / "cache") for name in "ab"]
    running = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for line in lines]
    shown = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], [err.decode() for _, err in shown]
    first, second = (json.loads(out)["metrics"] for out, _ in shown)
    assert first == second


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A disk of its own, outside of pytest's folders, which other runs may tidy up."""
    folder = Path(tempfile.mkdtemp())
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("making a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@pytest.mark.slow
@pytest.mark.parametrize("size", ["64k", "700k"])
def test_a_full_disk_is_said_and_no_half_model_is_left(
    photos: Path, quick: list[str], tmp_path: Path, size: str
) -> None:
    with small_disk(size) as cache:
        line = command(tmp_path / "m", photos, *quick, cache=cache)
        done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "The disk is full" in json.loads(done.stdout)["error"]["message"]
    assert not (tmp_path / "m").exists()


def waited_for(process: subprocess.Popen[bytes], ready: Any, timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not ready() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("how", "rows"), [(signal.SIGKILL, 20), (signal.SIGINT, 1)])
def test_stopping_while_photos_are_read_loses_no_row(
    photos: Path, quick: list[str], tmp_path: Path, how: signal.Signals, rows: int
) -> None:
    cache = tmp_path / "cache"
    options = [*quick, "--image-size", "480"]
    process = subprocess.Popen(
        command(tmp_path / "m", photos, *options, cache=cache), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    waited_for(process, lambda: rows_in_bank(cache) >= rows)
    process.send_signal(how)
    process.communicate()
    if how is signal.SIGINT:
        assert process.returncode == 130
    kept = {path: path.read_bytes() for path in cache.rglob("*.keys")}
    fitted(tmp_path, photos, *options, cache=cache)
    keys = [line.split()[0] for path in cache.rglob("*.keys") for line in path.read_bytes().splitlines()]
    assert all(path.read_bytes() == content for path, content in kept.items())
    assert max(keys.count(key) for key in keys) <= len(usage(cache))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopping_while_training_keeps_finished_epochs(
    photos: Path, weights: Path, tmp_path: Path, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    options = ["--head", "mlp", "--unfreeze", "0", "--epochs", "40", *network_settings(weights)]
    process = subprocess.Popen(
        command(tmp_path / "m", photos, *options, cache=cache), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    waited_for(process, lambda: len(list(cache.glob("fits/*/*.pt"))) > 1)
    process.send_signal(how)
    process.communicate()
    assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
    assert not (tmp_path / "m").exists()
    kept = sum(torch.load(path)["counts"][0] for path in cache.glob("fits/*/*.pt"))
    assert kept > 1
    rows = rows_in_bank(cache)
    resumed = epochs_of(command(tmp_path / "m", photos, *options, cache=cache)[3:], monkeypatch)
    fresh = epochs_of(command(tmp_path / "m2", photos, *options, "--cache", str(cache))[3:], monkeypatch)
    assert rows_in_bank(cache) >= rows
    assert resumed == fresh - kept
    assert not list(cache.glob("fits/*/*"))
    for name in ("heads", "known"):
        first, second = (load_file(tmp_path / m / f"{name}.safetensors") for m in ("m", "m2"))
        assert all(torch.equal(first[key], second[key]) for key in second), name


def epochs_of(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command in this process and count the epochs that are trained."""
    counted: list[int] = []
    train = Descent._train_epoch

    def counting(self: Descent) -> None:
        counted.append(1)
        train(self)

    with monkeypatch.context() as patched:
        patched.setattr(Descent, "_train_epoch", counting)
        assert run(arguments) == 0
    return len(counted)


def test_pictures_are_real(photos: Path) -> None:
    with Image.open(some_photo(photos)) as picture:
        assert picture.size == (288, 288)
