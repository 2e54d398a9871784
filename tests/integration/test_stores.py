"""Data and models in stores, on a real S3 server that runs here and in fsspec's memory."""

import json
import os
import re
import shlex
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

import preseason
from object_store import BUCKET, put, running
from preseason.cli.main import run
from preseason.errors import CacheError, DataError, ModelFolderError, UsageError
from preseason.runtime.cache_dir import cache_folder
from preseason.stores import mirror, models, pieces
from preseason.stores.mirror import copies, here
from preseason.stores.models import model_here, stored_at
from preseason.stores.pieces import Cell

pytest.importorskip("s3fs")
pytest.importorskip("moto")

PAGE = Path(__file__).parents[2] / "docs" / "stores.md"
LINES = re.findall(r"^\$ (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)[:3]
"""Commands of the page on stores that need a bucket."""


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, running(patch) as files:
        yield files


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small pictures, six of each of two kinds."""
    folder, random = tmp_path_factory.mktemp("coloured") / "photos", np.random.default_rng(0)
    for label, channel in (("grass", 1), ("sky", 2)):
        (folder / label).mkdir(parents=True)
        for number in range(6):
            pixels = random.integers(0, 90, (40, 40, 3), dtype=np.uint8)
            pixels[..., channel] += 150
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def fitted(s3: Any, coloured: Path) -> tuple[Path, str]:
    """The cache of a fit of photos in the store, and where its model lies there."""
    put(s3, coloured, f"{BUCKET}/photos")
    asked = shlex.split(LINES[0])[1:]
    assert run([*asked, "--head", "linear", "--unfreeze", "0", "-q"]) == 0
    return cache_folder(), asked[-1]


@pytest.mark.slow
def test_a_fit_reads_photos_from_s3_and_writes_its_model_there(
    fitted: tuple[Path, str],
    s3: Any,
    coloured: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cache, _ = fitted
    names = {name.removeprefix(f"{BUCKET}/players/") for name in s3.find(f"{BUCKET}/players")}
    manifest = json.loads(s3.cat_file(f"{BUCKET}/players/preseason.json"))
    assert {"preseason.json", "report.html", "README.md", f"{manifest['version']}/heads.safetensors"} <= names
    assert not any((cache / "uploads").iterdir())
    s3.pipe_file(f"{BUCKET}/new/a b.jpg", (coloured / "sky" / "0.png").read_bytes())
    shutil.copy(coloured / "grass" / "1.png", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    assert run([*shlex.split(LINES[1])[1:], "--json", "-q"]) == 0
    answers = json.loads(capsys.readouterr().out)["predictions"]
    assert [each["input"] for each in answers] == ["photo.jpg", f"s3://{BUCKET}/new/a b.jpg"]
    assert [each["label"] for each in answers] == ["grass", "sky"]
    put(s3, coloured, f"{BUCKET}/test")
    assert run([*shlex.split(LINES[2])[1:], "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["accuracy"] == 1.0


@pytest.mark.slow
def test_a_model_in_a_store_answers_as_the_same_folder_does(fitted: tuple[Path, str], coloured: Path) -> None:
    cache, model = fitted
    there = preseason.load(Path(model), cache=str(cache))  # as the server names it
    local = preseason.load(model_here(model, cache), cache=str(cache))
    evaluated = there.evaluate(f"s3://{BUCKET}/photos")
    assert evaluated.metrics == local.evaluate(coloured).metrics
    assert str(evaluated.answers.samples[0].source).startswith(f"s3://{BUCKET}/photos/")


@pytest.mark.slow
def test_shards_in_a_store_are_read_there_and_answered_alike(
    fitted: tuple[Path, str], coloured: Path, tmp_path: Path, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tar shards and Parquet in the store give the fit's own answers; nothing of them is copied."""
    cache, model = fitted
    for part in ("one", "two"):
        with tarfile.open(tmp_path / f"{part}.tar", "w") as archive:
            for path in sorted(coloured.rglob("*.png"))[part == "two" :: 2]:
                archive.add(path, path.relative_to(coloured))
        s3.put_file(str(tmp_path / f"{part}.tar"), f"{BUCKET}/shards/{part}.tar")
    paths = sorted(coloured.rglob("*.png"))
    images = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    rows = pyarrow.table({"image": images, "label": [path.parent.name for path in paths]})
    parquet.write_table(rows, tmp_path / "rows.parquet", row_group_size=5)
    s3.put_file(str(tmp_path / "rows.parquet"), f"{BUCKET}/rows/data.parquet")
    loaded = preseason.load(model)
    asked = loaded.evaluate(coloured)
    for place, layout in (("shards", "webdataset"), ("rows", "parquet")):
        there = loaded.evaluate(f"s3://{BUCKET}/{place}")
        assert there.metrics == asked.metrics
        assert str(there.answers.samples[0].source).startswith(f"s3://{BUCKET}/{place}/")
        assert not (cache / mirror.MIRROR / "s3" / BUCKET / place).exists()
        assert run(["fit", f"s3://{BUCKET}/{place}", "--dry-run", "--json", "-q"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["layout"], told["labels"]) == (layout, {"grass": 6, "sky": 6})


def test_a_parquet_file_that_is_written_anew_is_read_anew(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "ASKED_S", 0.0)
    place = f"{BUCKET}/anew/data.parquet"
    for content in (b"first", b"other"):  # of one size
        parquet.write_table(pyarrow.table({"image": [content]}), tmp_path / "data.parquet")
        s3.put_file(str(tmp_path / "data.parquet"), place)
        assert Cell(0, 0, "image").read(f"s3://{place}") == content


def test_only_what_changed_is_fetched_again(s3: Any, tmp_path: Path) -> None:
    s3.pipe(
        {f"{BUCKET}/words/a.txt": b"one", f"{BUCKET}/words/b/c.txt": b"two", f"{BUCKET}/words/d.txt": b"x"}
    )
    place = here(f"s3://{BUCKET}/words", tmp_path)
    assert (place / "b" / "c.txt").read_bytes() == b"two"
    before = (place / "a.txt").stat().st_ino
    s3.pipe_file(f"{BUCKET}/words/b/c.txt", b"TWO")
    s3.rm(f"{BUCKET}/words/d.txt")
    assert here(f"s3://{BUCKET}/words/", tmp_path) == place
    assert (place / "b" / "c.txt").read_bytes() == b"TWO"
    assert (place / "a.txt").stat().st_ino == before
    assert not (place / "d.txt").exists()
    (place / "a.txt").write_bytes(b"cut")
    (place / "a.txt").write_bytes(b"c")
    assert (here(f"s3://{BUCKET}/words", tmp_path) / "a.txt").read_bytes() == b"one"


def test_one_object_and_memory_are_places_too(tmp_path: Path) -> None:
    import fsspec

    fsspec.filesystem("memory").pipe_file("/tables/mood.csv", b"text,label\n")
    assert here("memory://tables/mood.csv", tmp_path).read_bytes() == b"text,label\n"
    assert here(Path("memory://tables"), tmp_path).joinpath("mood.csv").is_file()
    with pytest.raises(DataError, match="There is nothing at memory://nowhere"):
        here("memory://nowhere", tmp_path)


def test_a_name_that_leads_out_of_the_copy_is_refused(tmp_path: Path, s3: Any) -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    files.store["/bad/../../escape.txt"] = files.store.get("/tables/mood.csv") or _memory_file(files)
    try:
        with pytest.raises(DataError, match="no name of a file"):
            here("memory://bad", tmp_path)
    finally:
        del files.store["/bad/../../escape.txt"]
    with pytest.raises(UsageError, match="no address"):
        here("s3://football/../../etc", tmp_path)


def _memory_file(files: Any) -> Any:
    files.pipe_file("/tables/mood.csv", b"text,label\n")
    return files.store["/tables/mood.csv"]


def test_a_store_that_is_not_there_is_told_in_a_sentence(tmp_path: Path, s3: Any) -> None:
    with pytest.raises(DataError, match=r"s3://no-such-bucket/photos") as failed:
        here("s3://no-such-bucket/photos", tmp_path)
    assert failed.value.exit_code == 3


def test_copies_stay_within_their_limit(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.pipe({f"{BUCKET}/one/a.bin": bytes(600_000), f"{BUCKET}/two/a.bin": bytes(600_000)})
    monkeypatch.setenv("PRESEASON_MIRROR_GB", "0.001")
    place = here(f"s3://{BUCKET}/one", tmp_path)
    with pytest.raises(CacheError, match="PRESEASON_MIRROR_GB"):
        here(f"s3://{BUCKET}/two", tmp_path)
    for path in (tmp_path / mirror.INDEX).iterdir():
        os.utime(path, (0, 0))
    here(f"s3://{BUCKET}/two", tmp_path)
    assert not place.exists()
    assert run(["cache", "show", "--json", "--cache", str(tmp_path)]) == 0
    (bank,) = json.loads(capsys.readouterr().out)["banks"]
    assert (bank["what"], bank["rows"], bank["bytes"]) == (f"s3://{BUCKET}/two", 1, 600_000)
    assert run(["cache", "clear", "-q", "--cache", str(tmp_path)]) == 0
    assert not copies(tmp_path)
    assert not (tmp_path / mirror.MIRROR / "s3" / BUCKET / "two").exists()
    monkeypatch.setenv("PRESEASON_MIRROR_GB", "much")
    with pytest.raises(UsageError, match="expected gigabytes"):
        here(f"s3://{BUCKET}/one", tmp_path)


def test_the_bank_in_a_store_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESEASON_CACHE", "s3://bucket/cache")
    with pytest.raises(CacheError, match="must be a local folder"):
        cache_folder()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """What stands for a model folder here: a manifest and some files."""
    folder = tmp_path / "small"
    (folder / "backbone").mkdir(parents=True)
    (folder / "preseason.json").write_text('{"format": 2, "task": "photos"}')
    (folder / "backbone" / "config.json").write_text("{}")
    return folder


def _save(folder: Path, place: str, cache: Path, text: str) -> None:
    with stored_at(place, cache) as room:
        shutil.copytree(folder, room, dirs_exist_ok=True)
        (room / "backbone" / "config.json").write_text(text)


def _text_of(place: str, cache: Path) -> str:
    return (model_here(place, cache) / "backbone" / "config.json").read_text()


def test_an_upload_that_ends_at_any_object_leaves_the_model_before(
    s3: Any, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer is stopped before its first, second, ... object; nothing of it is ever read."""
    place = f"s3://{BUCKET}/models/small"
    _save(small, place, tmp_path, "first")
    put_file = models.store_at(place).files.put_file
    for left in range(2):
        count = iter(range(left))

        def stop(*arguments: Any, count: Iterator[int] = count, **named: Any) -> None:
            if next(count, None) is None:
                raise KeyboardInterrupt
            put_file(*arguments, **named)

        monkeypatch.setattr(models.store_at(place).files, "put_file", stop)
        with pytest.raises(KeyboardInterrupt):
            _save(small, place, tmp_path, "broken")
        monkeypatch.setattr(models.store_at(place).files, "put_file", put_file)
        assert _text_of(place, tmp_path) == "first"
    _save(small, place, tmp_path, "second")
    assert _text_of(place, tmp_path) == "second"
    versions = {name.split("/")[3] for name in s3.find(f"{BUCKET}/models/small") if name.count("/") > 3}
    assert json.loads(s3.cat_file(f"{BUCKET}/models/small/preseason.json"))["version"] in versions


def test_a_copy_whose_version_leads_elsewhere_is_refused(small: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "preseason.json").write_text('{"format": 2, "version": "../small"}')
    with pytest.raises(ModelFolderError, match=r"'\.\./small' is no version"):
        preseason.load(tmp_path / "copy")


def test_what_a_stopped_writer_left_is_deleted_a_day_later(
    s3: Any, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"s3://{BUCKET}/models/old"
    s3.pipe_file(f"{BUCKET}/models/old/v20200101T000000-00000000/heads.safetensors", b"half")
    with pytest.raises(ModelFolderError, match="is not a preseason model"):
        model_here(place, tmp_path)
    _save(small, place, tmp_path, "new")
    assert not s3.exists(f"{BUCKET}/models/old/v20200101T000000-00000000")
    assert _text_of(place, tmp_path) == "new"


def test_a_plain_folder_in_a_store_is_a_model_and_can_be_replaced(
    s3: Any, small: Path, tmp_path: Path
) -> None:
    place = f"s3://{BUCKET}/models/plain"
    put(s3, small, f"{BUCKET}/models/plain")
    s3.pipe_file(f"{BUCKET}/models/plain/notes.txt", b"mine")
    assert _text_of(place, tmp_path) == "{}"
    _save(small, place, tmp_path, "new")
    assert _text_of(place, tmp_path) == "new"
    assert s3.exists(f"{BUCKET}/models/plain/notes.txt")
    assert not s3.exists(f"{BUCKET}/models/plain/backbone/config.json")


def test_other_things_are_never_replaced_by_a_model(s3: Any, tmp_path: Path) -> None:
    s3.pipe_file(f"{BUCKET}/things/a.txt", b"mine")
    with (
        pytest.raises(ModelFolderError, match="will not be replaced"),
        stored_at(f"s3://{BUCKET}/things", tmp_path),
    ):
        pass
    with pytest.raises(UsageError, match="preseason push"), stored_at("hf://anna/players", tmp_path):
        pass


def test_a_model_that_cannot_be_uploaded_stays_here(
    s3: Any, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"s3://{BUCKET}/models/refused"

    def refuse(*arguments: Any, **named: Any) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(models.store_at(place).files, "put_file", refuse)
    with pytest.raises(
        ModelFolderError, match=r"complete in (\S+), and cannot be written .* Access Denied"
    ) as failed:
        _save(small, place, tmp_path / "cache", "new")
    kept = Path(str(failed.value).split("complete in ")[1].split(", and")[0])
    assert (kept / "preseason.json").is_file()
