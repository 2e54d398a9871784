"""The feature bank: what was written comes back, whatever happened to the process, the files or the disk."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from preseason.engine import bank
from preseason.engine.bank import Loose, Shelf
from preseason.engine.upkeep import clear, evict, evict_walks, usage
from preseason.errors import CacheError

SHAPE = (2, 3)
WRITE = """
import os, signal, sys
import numpy as np
from pathlib import Path
from preseason.engine.bank import Shelf
folder, first, last, end = sys.argv[1:]
with Shelf(Path(folder), (2, 3), "test").writer() as writer:
    for number in range(int(first), int(last)):
        writer.append(f"key{number}", np.full((2, 3), number, np.float32))
    if end == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def shelf_at(folder: Path) -> Shelf:
    return Shelf(folder, SHAPE, "test")


def row(number: float) -> np.ndarray:
    return np.full(SHAPE, number, np.float32)


def fill(folder: Path, numbers: range) -> Shelf:
    shelf = shelf_at(folder)
    with shelf.writer() as writer:
        for number in numbers:
            writer.append(f"key{number}", row(number))
    return shelf


def names(numbers: range) -> list[str]:
    return [f"key{number}" for number in numbers]


def only(folder: Path, suffix: str) -> Path:
    return next(iter(folder.glob(f"*.{suffix}")))


def test_rows_come_back_in_the_order_asked_also_after_reopening(tmp_path: Path) -> None:
    for shelf in (fill(tmp_path / "a", range(5)), shelf_at(tmp_path / "a")):
        rows = shelf.rows(["key3", "key0", "key3"])
        assert rows.shape == (3, *SHAPE)
        assert rows[:].dtype == np.float16
        np.testing.assert_array_equal(rows[:][:, 0, 0], [3, 0, 3])
        np.testing.assert_array_equal(rows[np.array([2, 1])][:, 1, 2], [3, 0])
        np.testing.assert_array_equal(rows[1], row(0))
        assert rows[np.zeros(0, np.int64)].shape == (0, *SHAPE)


def test_missing_names_each_absent_key_once(tmp_path: Path) -> None:
    shelf = fill(tmp_path / "a", range(2))
    assert shelf.missing(["new", "key1", "new", "other"]) == ["new", "other"]
    with pytest.raises(KeyError):
        shelf.rows(["new"])


def test_rows_that_are_read_are_copies(tmp_path: Path) -> None:
    rows = fill(tmp_path / "a", range(1)).rows(["key0"])
    rows[0][:] = 9
    np.testing.assert_array_equal(rows[0], row(0))


def test_values_beyond_half_precision_are_clipped(tmp_path: Path) -> None:
    loose = Loose(SHAPE)
    shelf = shelf_at(tmp_path / "a")
    with shelf.writer() as writer:
        for append in (writer.append, loose.append):
            append("big", np.array([[1e9, -1e9, 1], [0, 0, np.inf]], np.float32))
    for rows in (shelf.rows(["big"])[:], loose.rows(["big"])):
        np.testing.assert_array_equal(rows[0], [[65504, -65504, 1], [0, 0, 65504]])


def test_loose_rows_are_asked_for_like_those_of_a_shelf() -> None:
    loose = Loose(SHAPE)
    loose.append("a", row(4))
    assert loose.missing(["b", "a", "b"]) == ["b"]
    np.testing.assert_array_equal(loose.rows(["a", "a"]), [row(4), row(4)])


def test_a_row_of_another_shape_is_refused(tmp_path: Path) -> None:
    with shelf_at(tmp_path / "a").writer() as writer, pytest.raises(ValueError, match=r"\(3, 2\)"):
        writer.append("key", np.zeros((3, 2), np.float32))


def test_long_writing_is_cut_into_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank, "SEGMENT_BYTES", 3 * 12)
    fill(tmp_path / "a", range(8))
    assert len(list((tmp_path / "a").glob("*.rows"))) == 3
    found = shelf_at(tmp_path / "a").rows(names(range(8)))
    np.testing.assert_array_equal(found[:][:, 0, 0], range(8))


def test_kill_9_loses_no_row_that_was_written(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE, str(tmp_path / "a"), "0", "7", "killed"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    shelf = shelf_at(tmp_path / "a")
    assert shelf.missing(names(range(8))) == ["key7"]
    np.testing.assert_array_equal(shelf.rows(names(range(7)))[:][:, 0, 0], range(7))


def test_two_processes_write_one_shelf_at_the_same_time(tmp_path: Path) -> None:
    folder = str(tmp_path / "a")
    ranges = (("0", "300"), ("200", "500"))
    started = [subprocess.Popen([sys.executable, "-c", WRITE, folder, *r, "closed"]) for r in ranges]
    assert [process.wait() for process in started] == [0, 0]
    shelf = shelf_at(tmp_path / "a")
    assert (shelf.missing(names(range(500))), shelf.damaged) == ([], 0)
    np.testing.assert_array_equal(shelf.rows(names(range(500)))[:][:, 1, 1], range(500))


def test_a_row_without_its_journal_line_does_not_count(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(3))
    with only(tmp_path / "a", "rows").open("ab") as file:
        file.write(b"half a row")
    shelf = shelf_at(tmp_path / "a")
    assert shelf.missing(names(range(4))) == ["key3"]
    np.testing.assert_array_equal(shelf.rows(names(range(3)))[:][:, 0, 0], range(3))


def test_a_journal_cut_in_the_middle_of_a_line_loses_that_row_alone(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(3))
    journal = only(tmp_path / "a", "keys")
    journal.write_bytes(journal.read_bytes()[:-4])
    assert shelf_at(tmp_path / "a").missing(names(range(3))) == ["key2"]


def test_rows_cut_off_behind_their_journal_are_computed_again(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(3))
    segment = only(tmp_path / "a", "rows")
    os.truncate(segment, segment.stat().st_size - 1)
    shelf = shelf_at(tmp_path / "a")
    assert (shelf.missing(names(range(3))), shelf.damaged) == (["key2"], 1)


def test_a_flipped_byte_is_found_and_the_row_written_anew_is_read(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(3))
    segment = only(tmp_path / "a", "rows")
    content = bytearray(segment.read_bytes())
    content[13] ^= 0x40
    segment.write_bytes(content)
    shelf = shelf_at(tmp_path / "a")
    assert shelf.missing(names(range(3))) == ["key1"]
    with shelf.writer() as writer:
        writer.append("key1", row(1))
    for again in (shelf, shelf_at(tmp_path / "a")):
        assert again.missing(names(range(3))) == []
        np.testing.assert_array_equal(again.rows(["key1"])[0], row(1))


def test_a_garbled_journal_makes_rows_missing_and_fails_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(3))
    journal = only(tmp_path / "a", "keys")
    lines = journal.read_bytes().split(b"\n")
    lines[1] = b"\xff\xfe no checksum"
    journal.write_bytes(b"\n".join(lines))
    assert shelf_at(tmp_path / "a").missing(names(range(3))) == ["key1"]


def test_a_journal_without_its_rows_counts_for_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(2))
    only(tmp_path / "a", "rows").unlink()
    assert shelf_at(tmp_path / "a").missing(names(range(2))) == names(range(2))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"row_shape": [9], "dtype": "float16"}'])
def test_a_damaged_description_starts_the_shelf_anew(tmp_path: Path, content: str) -> None:
    fill(tmp_path / "a", range(2))
    (tmp_path / "a" / "shelf.json").write_text(content, "utf-8")
    assert shelf_at(tmp_path / "a").missing(names(range(2))) == names(range(2))
    assert usage_names(tmp_path) == []


def test_rows_of_another_dtype_are_never_read_as_this_one(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(2))
    shelf = Shelf(tmp_path / "a", SHAPE, "test", "float32")
    assert (shelf.missing(["key0"]), shelf.damaged) == (["key0"], 0)


@contextmanager
def tiny_disk() -> Iterator[Path]:
    """A disk of 64 KiB, outside of pytest's folders, which other runs may tidy up."""
    folder = Path(tempfile.mkdtemp())
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("making a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


@contextmanager
def short_files(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def overfill(folder: Path) -> None:
    with Shelf(folder, (1000,), "test").writer() as writer:
        for number in range(100):
            writer.append(f"key{number}", np.full(1000, number, np.float32))


def test_a_full_disk_is_said_plainly_and_keeps_what_is_there() -> None:
    with tiny_disk() as disk:
        with pytest.raises(CacheError, match=r"The disk is full: the feature bank .*`preseason cache clear`"):
            overfill(disk / "bank" / "a")
        shelf = Shelf(disk / "bank" / "a", (1000,), "test")
        kept = 100 - len(shelf.missing(names(range(100))))
        assert kept > 20
        np.testing.assert_array_equal(shelf.rows(names(range(kept)))[:][:, 7], range(kept))


def test_a_file_that_may_not_grow_is_said_plainly_and_keeps_what_is_there(tmp_path: Path) -> None:
    with short_files(50_000), pytest.raises(CacheError, match=os.strerror(errno.EFBIG)):
        overfill(tmp_path / "a")
    shelf = Shelf(tmp_path / "a", (1000,), "test")
    assert shelf.missing(names(range(100))) == names(range(25, 100))


def test_a_place_that_cannot_be_a_folder_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "bank").write_text("", "utf-8")
    with pytest.raises(CacheError, match=r"bank: Not a directory\. Name another --cache"):
        shelf_at(tmp_path / "bank" / "a")


def test_a_bank_cleared_while_in_use_is_an_error_that_says_so(tmp_path: Path) -> None:
    rows = fill(tmp_path / "bank" / "a", range(2)).rows(names(range(2)))
    clear(tmp_path)
    with pytest.raises(CacheError, match=r"was cleared while it was in use\. Run the same command again"):
        rows[0]


def test_rows_already_opened_survive_clearing(tmp_path: Path) -> None:
    rows = fill(tmp_path / "bank" / "a", range(2)).rows(names(range(2)))
    rows[0]
    clear(tmp_path)
    np.testing.assert_array_equal(rows[1], row(1))


def test_usage_counts_rows_and_bytes_the_largest_first(tmp_path: Path) -> None:
    fill(tmp_path / "bank" / "small", range(1))
    fill(tmp_path / "bank" / "large", range(90))
    shelves = usage(tmp_path)
    assert [(shelf.name, shelf.what, shelf.rows) for shelf in shelves] == [
        ("large", "test", 90),
        ("small", "test", 1),
    ]
    assert shelves[0].bytes == sum(p.stat().st_size for p in (tmp_path / "bank" / "large").iterdir())


def test_clearing_one_shelf_leaves_the_others_and_tells_what_it_freed(tmp_path: Path) -> None:
    fill(tmp_path / "bank" / "a", range(1))
    fill(tmp_path / "bank" / "b", range(1))
    (tmp_path / "networks").mkdir()
    size = next(shelf.bytes for shelf in usage(tmp_path) if shelf.name == "a")
    assert clear(tmp_path, ["a"]) == size
    assert usage_names(tmp_path) == ["b"]
    assert (tmp_path / "networks").exists()
    (tmp_path / "walks" / "a").mkdir(parents=True)
    (tmp_path / "walks" / "a" / "all.npy").write_bytes(bytes(1000))
    rest = sum(shelf.bytes for shelf in usage(tmp_path))
    assert rest > 1000
    assert clear(tmp_path) == rest
    assert usage_names(tmp_path) == []
    assert not (tmp_path / "networks").exists()
    assert not (tmp_path / "walks").exists()


def test_eviction_takes_the_least_recently_used_and_nothing_in_use(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old", "oldest")):
        fill(tmp_path / "bank" / name, range(50))
        os.utime(tmp_path / "bank" / name / "used", (1e9 - age, 1e9 - age))
    each = usage(tmp_path)[0].bytes
    assert evict(tmp_path, 4 * each) == 0
    assert evict(tmp_path, 2 * each, in_use=["oldest"]) == 2 * each
    assert sorted(usage_names(tmp_path)) == ["new", "oldest"]


def test_walks_count_and_are_evicted_like_shelves_or_alone(tmp_path: Path) -> None:
    fill(tmp_path / "bank" / "shelf", range(50))
    for age, name in enumerate(("newer", "older")):
        folder = tmp_path / "walks" / name
        folder.mkdir(parents=True)
        np.save(folder / "all.npy", np.zeros((100, 5), np.float32))
        (folder / "walk.json").write_text(json.dumps({"what": "walk over match.mp4"}), "utf-8")
        (folder / "used").write_text("", "ascii")
        os.utime(folder / "used", (1e9 - age, 1e9 - age))
    walk = next(each for each in usage(tmp_path) if each.name == "older")
    assert (walk.what, walk.rows) == ("walk over match.mp4", 100)
    assert evict_walks(tmp_path, 0, "older") > 2000
    assert sorted(usage_names(tmp_path)) == ["older", "shelf"]
    assert evict(tmp_path, 0, ["shelf"]) > 2000
    assert usage_names(tmp_path) == ["shelf"]


def test_opening_a_shelf_counts_as_using_it(tmp_path: Path) -> None:
    fill(tmp_path / "bank" / "a", range(1))
    os.utime(tmp_path / "bank" / "a" / "used", (1, 1))
    shelf_at(tmp_path / "bank" / "a")
    assert usage(tmp_path)[0].used > 1e9


def test_the_journal_holds_key_and_checksum_of_each_row(tmp_path: Path) -> None:
    fill(tmp_path / "a", range(2))
    lines = only(tmp_path / "a", "keys").read_text("ascii").splitlines()
    sums = [zlib.crc32(f"key{n}".encode() + row(n).astype(np.float16).tobytes()) for n in range(2)]
    assert lines == [f"key{n} {checksum}" for n, checksum in enumerate(sums)]


def usage_names(cache: Path) -> list[str]:
    return [shelf.name for shelf in usage(cache)]
