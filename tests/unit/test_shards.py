"""Tar shards and Parquet files: read where they lie, what is broken named."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from preseason.cli.main import run
from preseason.data.audit import fingerprint
from preseason.data.dataset import Dataset
from preseason.data.files import Columns
from preseason.data.shards import shards_at
from preseason.errors import DataError, UsageError
from preseason.stores import pieces
from preseason.stores.pieces import Cell
from preseason.tasks.base import tasks
from preseason.tasks.reading import read, read_inputs, task_for
from tones import tone, write_wav


def picture(shade: int) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(shade).integers(0, 256, (16, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def pack(path: Path, members: Mapping[str, bytes | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return path


def found(root: Path, **columns: Any) -> Dataset:
    return read(root, columns=Columns(**columns)).dataset


def test_members_of_one_name_are_one_sample(tmp_path: Path) -> None:
    pack(tmp_path / "train-000.tar", {"0.png": picture(0), "0.cls": "messi\n", "1.png": picture(1), "1.json":
         '{"player": "kane", "match": 7, "split": "test"}'})  # fmt: skip
    pack(tmp_path / "val-000.tar", {"a/0.png": picture(2), "a/0.txt": "messi"})
    read = found(tmp_path)
    assert [(s.label, s.split) for s in read.samples] == [
        ("messi", "train"),
        ("kane", "test"),
        ("messi", "validation"),
    ]
    assert [s.source.name for s in read.samples] == ["0.png", "1.png", "a/0.png"]
    assert read.layout == "webdataset"
    assert read.notes == ("Labels are the .txt files beside the examples.",)


def test_a_tar_of_folders_is_read_by_its_folders(tmp_path: Path) -> None:
    members = {f"./photos/{label}/{n}.png": picture(n + 10 * k) for k, label in enumerate(("messi", "kane"))
               for n in range(2)}  # fmt: skip
    read = found(pack(tmp_path / "photos.tar", members))
    assert [s.label for s in read.samples] == ["messi", "messi", "kane", "kane"]


def test_a_member_has_the_fingerprint_of_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(picture(0))
    (sample,) = found(pack(tmp_path / "t" / "a.tar", {"messi/one.png": picture(0)})).samples
    assert sample.fingerprint == fingerprint(tmp_path / "one.png")


def test_broken_members_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    members: dict[str, bytes | str] = {f"{n}.png": picture(n) for n in range(2)} | {"0.cls": "a"}
    ordered = {"0.png": members["0.png"], "0.cls": "a", "1.png": members["1.png"]}
    more = {"2.png": "<html></html>", "2.cls": "b", "3.cls": "c", "4.png": picture(4)[:60], "4.cls": "a"}
    pack(tmp_path / "a.tar", {**ordered, **more, "5.png": picture(5), "5.cls": "b"})
    before = sorted(tmp_path.rglob("*"))
    read = found(tmp_path)
    assert [s.source.name for s in read.samples] == ["0.png", "5.png"]
    told = {item.path.rpartition("/")[2]: item.reason for item in read.skipped}
    assert "no label" in told["1.png"]
    assert "web page" in told["2.png"]
    assert "no photos beside it" in told["3.cls"]
    assert "cut short" in told["4.png"] or "damaged" in told["4.png"]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kept", [700, 1300, 2600])
def test_a_shard_that_breaks_off_gives_what_is_whole(tmp_path: Path, kept: int) -> None:
    path = pack(tmp_path / "a.tar", {"a/0.png": picture(0), "a/1.png": picture(1), "b/2.png": picture(2)})
    path.write_bytes(path.read_bytes()[:kept])
    whole = sum(1 for at in (512, 512 * 4, 512 * 7) if at + len(picture(0)) <= kept)
    if not whole:
        with pytest.raises(DataError, match="cut short"):
            found(path)
        return
    read = found(path)
    assert len(read.samples) == whole
    assert any("cut short" in item.reason or "damaged" in item.reason for item in read.skipped)


def test_what_is_no_tar_and_what_is_compressed(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no tar at all" * 100)
    with pytest.raises(DataError, match="no tar file"):
        found(tmp_path)
    (tmp_path / "a.tar").rename(tmp_path / "a.tar.gz")
    with pytest.raises(DataError, match="gunzip"):
        found(tmp_path)


def test_sounds_and_texts_in_shards(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "a.wav", tone(440.0)).read_bytes()
    shards = pack(tmp_path / "s" / "a.tar", {"0.wav": sound, "0.cls": "whistle"})
    assert task_for(shards).name == "sounds"
    (heard,) = found(shards).samples
    assert heard.fingerprint == tasks.get("sounds").fingerprint(heard)
    texts = pack(tmp_path / "t" / "a.tar", {"0.txt": "What a goal!", "0.cls": "good", "bad/1.txt": "Oh no."})
    assert task_for(texts).name == "texts"
    assert [(s.source.read(), s.label) for s in found(texts).samples] == [
        ("What a goal!", "good"),
        ("Oh no.", "bad"),
    ]


def test_clips_in_shards_are_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="tar -xf"):
        found(pack(tmp_path / "a.tar", {"a/0.mp4": b"\0\0\0\x18ftypisom" + bytes(2000)}), task="clips")


def test_predictions_take_shards_without_labels(tmp_path: Path) -> None:
    pack(tmp_path / "a.tar", {"0.png": picture(0), "1.png": picture(1), "1.cls": "x"})
    (tmp_path / "b.png").write_bytes(picture(2))
    inputs = (str(tmp_path / "b.png"), str(tmp_path / "a.tar"))
    samples, skipped = read_inputs(inputs, tasks.get("photos"))
    assert [str(s.source) for s in samples] == [inputs[0], f"{inputs[1]}/0.png", f"{inputs[1]}/1.png"]
    assert not skipped
    assert all(s.label is None and s.fingerprint for s in samples)


def table(**columns: Any) -> pyarrow.Table:
    return pyarrow.table(columns)


def test_parquet_of_the_library_datasets(tmp_path: Path) -> None:
    names = {"info": {"features": {"label": {"names": ["kane", "messi"], "_type": "ClassLabel"}}}}
    images = [{"bytes": picture(n), "path": f"{n}.png"} for n in range(3)] + [
        None,
        {"bytes": b"no", "path": "x.png"},
    ]
    rows = table(image=images, label=[0, 1, None, 0, 1], match=["a", "b", "b", "b", "a"])
    rows = rows.replace_schema_metadata({"huggingface": json.dumps(names)})
    parquet.write_table(rows, tmp_path / "test-00000-of-00001.parquet", row_group_size=2)
    read = found(tmp_path)
    assert [(s.label, s.group, s.split, s.source.name) for s in read.samples] == [
        ("kane", "a", "test", "0.png"), ("messi", "b", "test", "1.png")]  # fmt: skip
    assert read.layout == "parquet"
    assert [item.reason.split(":")[0] for item in read.skipped] == [
        "it has no label",
        "0 bytes",
        "a text file saved as .png, not an image",
    ]


def test_parquet_of_bare_bytes_and_named_columns(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(
        table(raw=[picture(n) for n in range(4)], who=["a", "b", "a", "b"], label=list("wxyz")), path
    )
    assert [s.label for s in found(path, label="who").samples] == ["a", "b", "a", "b"]
    assert [s.source.name for s in found(path).samples][:2] == ["row 0", "row 1"]
    with pytest.raises(UsageError, match="no column 'whom'"):
        found(path, label="whom")


def test_a_table_of_texts_in_parquet_is_still_a_table(tmp_path: Path) -> None:
    path = tmp_path / "mood.parquet"
    parquet.write_table(table(text=["Great goal", "Awful"] * 3, label=["good", "bad"] * 3), path)
    assert shards_at(path) is None
    assert task_for(path).name == "texts"


def test_row_groups_are_read_once_and_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(
        table(image=[picture(n) for n in range(6)], label=list("ababab")), path, row_group_size=2
    )
    monkeypatch.setattr(pieces, "HELD_BYTES", 1000)
    fresh = pieces._Groups()
    monkeypatch.setattr(pieces, "_groups", fresh)
    for sample in found(path).samples:
        assert sample.media == sample.media
    assert len(fresh._kept) == 1


def test_a_file_that_is_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    for content in (b"first", b"other"):
        parquet.write_table(table(image=[content], label=["a"]), path)
        assert Cell(0, 0, "image").read(str(path)) == content


def test_dry_run_says_what_was_taken_for_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members = {
        f"{n}.{end}": picture(n) if end == "png" else "ab"[n % 2] for n in range(8) for end in ("png", "cls")
    }
    pack(tmp_path / "train-0.tar", {**members, "9.png": "<html></html>", "9.cls": "a"})
    assert run(["fit", str(tmp_path), "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["layout"], told["task"], told["labels"]) == ("webdataset", "photos", {"a": 4, "b": 4})
    assert "web page" in told["skipped"][0]["reason"]


def test_damaged_parquet_is_told_as_a_table_is(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" + b"\xff" * 64 + (40).to_bytes(4, "little") + b"PAR1")
    assert shards_at(path) is None
    with pytest.raises(DataError, match=r"a\.parquet"):
        found(path)
